package cognitosim_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/anteroom-dev/anteroom/e2e/cognitosim"
	"github.com/anteroom-dev/anteroom/e2e/stage"
)

const (
	home       = "https://hall.example.com/"
	loginURL   = home + "login"
	poolDomain = "hall.auth.eu-west-1.amazoncognito.com"
	pool       = "https://" + poolDomain
	// secret has all that a careless form would change, and is long enough for an
	// HMAC.
	secret = "s3cr+t/x=%41s3cretS3cretS3cretS3cret"
)

// hall is an application whose users log in at a user pool, behind a line.
type hall struct {
	*testing.T
	*stage.Stage
	pool *cognitosim.UserPool
	wire *wire
}

// openHall puts an application and its pool on a stage. The room and the client
// have the given keys besides those that they must have.
func openHall(t *testing.T, room, client string, change func(*cognitosim.Config)) *hall {
	t.Helper()
	h := &hall{T: t, Stage: stage.Start(t, fmt.Sprintf(`
rooms: [{id: sale, %s}]
clients:
  - {id: pool, secret_sha256: %s, room: sale, preset: cognito, reinitiate_url: %q, redirect_uris: ["%s/oauth2/idpresponse"], %s}
`, room, stage.Hash(secret), loginURL, pool, client))}
	h.addPool(h.config(change))
	app := http.NewServeMux()
	app.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		q := url.Values{
			"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {home + "callback"},
			"identity_provider": {"WaitingRoom"}, "state": {"of the application"},
		}
		http.Redirect(w, r, pool+"/oauth2/authorize?"+q.Encode(), http.StatusFound)
	})
	app.HandleFunc("/callback", h.callback)
	app.HandleFunc("/goodbye", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("goodbye")) })
	h.Host("hall.example.com", app)
	return h
}

// config returns the configuration of the pool.
func (h *hall) config(change func(*cognitosim.Config)) cognitosim.Config {
	client := h.Client()
	h.wire = &wire{next: client.Transport}
	client.Transport = h.wire
	c := cognitosim.Config{
		Domain: poolDomain, ProviderName: "WaitingRoom", ClientID: "pool", ClientSecret: secret,
		OIDCIssuer: stage.Issuer, RequiredAttributes: []string{"email", "email_verified"},
		AppClientID: "app", CallbackURL: home + "callback", LogoutURL: home + "goodbye",
		Client: client, Now: h.Now,
	}
	if change != nil {
		change(&c)
	}
	return c
}

func (h *hall) addPool(c cognitosim.Config) {
	h.Helper()
	var err error
	if h.pool, err = cognitosim.New(h.Context(), c); err != nil {
		h.Fatal(err)
	}
	h.Host(poolDomain, h.pool)
}

// callback is where the pool sends the application's visitors back to.
func (h *hall) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("state") != "of the application" {
		http.Error(w, "the state is another", http.StatusBadRequest)
		return
	}
	if q.Has("error") {
		http.Error(w, q.Get("error")+": "+q.Get("error_description"), http.StatusForbidden)
		return
	}
	answer, err := h.Client().PostForm(pool+"/oauth2/token",
		url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"}, "code": {q.Get("code")}})
	if err != nil {
		h.Error(err)
		return
	}
	defer answer.Body.Close()
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&tokens); err != nil || tokens.IDToken == "" {
		h.Errorf("the pool's token endpoint: %v, status %d", err, answer.StatusCode)
		return
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.IDToken, ".")[1])
	if err != nil {
		h.Error(err)
	}
	_, _ = fmt.Fprintf(w, "welcome %s", payload)
}

// welcomed fails the test unless a page is the application's, and returns the
// claims that the pool made.
func (h *hall) welcomed(p stage.Page) (claims struct {
	Sub, Email string
	Username   string `json:"cognito:username"`
	Verified   bool   `json:"email_verified"`
	Identities []struct{ UserID, ProviderName, ProviderType string }
},
) {
	h.Helper()
	text, ok := strings.CutPrefix(p.Text, "welcome ")
	if p.URL.Host != "hall.example.com" || p.Status != http.StatusOK || !ok {
		h.Fatalf("not welcomed: %d %s\n%s", p.Status, p.URL.Host, p.Text)
	}
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		h.Fatal(err)
	}
	return claims
}

// failed fails the test unless the application was told of an error.
func (h *hall) failed(p stage.Page, want string) {
	h.Helper()
	if p.URL.Host != "hall.example.com" || p.Status != http.StatusForbidden || !strings.Contains(p.Text, want) {
		h.Errorf("the application shows %d %q, want %q", p.Status, p.Text, want)
	}
}

// wire takes down what the pool asks of the provider.
type wire struct {
	next http.RoundTripper

	mu       sync.Mutex
	requests []request
}

// request is what went over the wire.
type request struct {
	line   string // method and path
	header http.Header
	body   string
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	seen := request{line: r.Method + " " + r.URL.Path, header: r.Header.Clone()}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		seen.body = string(body)
		r.Body = io.NopCloser(strings.NewReader(seen.body))
	}
	w.mu.Lock()
	w.requests = append(w.requests, seen)
	w.mu.Unlock()
	return w.next.RoundTrip(r)
}

// taken returns what was taken down since it was last asked for.
func (w *wire) taken() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.requests = nil }()
	return w.requests
}

// lines returns the methods and paths of requests.
func lines(requests []request) []string {
	var list []string
	for _, r := range requests {
		list = append(list, r.line)
	}
	return list
}
