package oidc_test

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// lateClient returns a client that gives its logins up.
func lateClient(ttl time.Duration, reinitiate, target string) oidc.Client {
	return oidc.Client{
		ID: "late", Room: "sale", SecretHashes: [][32]byte{sha256.Sum256([]byte("late-secret"))},
		RedirectURIs:   []string{"https://late.example.com/cb", "https://b.example.com:8443/cb?x=1&y=%2F"},
		TransactionTTL: ttl, ReinitiateURL: reinitiate, TargetLinkURI: target,
	}
}

// lateLogin returns the login of a request to a provider with that client, for
// a browser that has come to the waiting page.
func (w *world) lateLogin(client oidc.Client, changes ...string) (*oidc.Provider, *oidc.Login) {
	w.t.Helper()
	provider := w.newProvider(secrets{"a secret of thirty-two bytes....."}, client)
	params := request(append([]string{"client_id", "late", "redirect_uri", client.RedirectURIs[0]}, changes...)...)
	got := serveWithCookies(provider, w.newBrowser(), "/line/authorize?"+params.Encode())
	_, sealed, ok := strings.Cut(got.Header().Get("Location"), "/wait?login=")
	if !ok {
		w.t.Fatalf("authorize: %d %s", got.Code, got.Body)
	}
	login, err := provider.OpenLogin(w.t.Context(), sealed)
	if err != nil {
		w.t.Fatal(err)
	}
	return provider, login
}

// The margin is 30 s or a third of the relying party's time, whichever is less.
func TestALoginIsLateShortlyBeforeTheClientGivesItUp(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		ttl, after time.Duration
		late       bool
	}{
		{15 * time.Minute, 0, false},
		{15 * time.Minute, 14*time.Minute + 29*time.Second, false},
		{15 * time.Minute, 14*time.Minute + 30*time.Second, false},
		{15 * time.Minute, 14*time.Minute + 31*time.Second, true},
		{60 * time.Second, 40 * time.Second, false},
		{60 * time.Second, 41 * time.Second, true},
		{0, 47 * time.Hour, false},
	} {
		_, login := w.lateLogin(lateClient(row.ttl, "", ""))
		if got := login.Late(login.Received().Add(row.after)); got != row.late {
			t.Errorf("%v after a request with %v: late is %v", row.after, row.ttl, got)
		}
	}
}

func TestReinitiationLeadsWhereTheRegistrationSays(t *testing.T) {
	w := newWorld(t)
	iss := url.QueryEscape(w.issuer)
	second := []string{"redirect_uri", "https://b.example.com:8443/cb?x=1&y=%2F"}
	for _, row := range []struct {
		template, target string
		changes          []string
		want             string
	}{
		{"https://late.example.com/login", "", nil, "https://late.example.com/login"},
		{"{origin}/", "", nil, "https://late.example.com/"},
		{"{origin}/", "", second, "https://b.example.com:8443/"},
		{"{origin}/wp-login.php?redirect_to={target_link_uri}", "", nil, "https://late.example.com/wp-login.php?redirect_to=https%3A%2F%2Flate.example.com%2F"},
		{"{origin}/?to={target_link_uri}", "https://c.example.com/a?b=c%20&d", nil, "https://late.example.com/?to=https%3A%2F%2Fc.example.com%2Fa%3Fb%3Dc%2520%26d"},
		{
			"{redirect_uri}?iss={iss}&target_link_uri={target_link_uri}", "", nil,
			"https://late.example.com/cb?iss=" + iss + "&target_link_uri=https%3A%2F%2Flate.example.com%2F",
		},
		{
			"{redirect_uri}?iss={iss}&target_link_uri={target_link_uri}", "", second,
			"https://b.example.com:8443/cb?x=1&y=%2F&iss=" + iss + "&target_link_uri=https%3A%2F%2Fb.example.com%3A8443%2F",
		},
		// Attack: an open redirect. Nothing that a request says gets in.
		{"{origin}/?to={target_link_uri}", "", []string{"target_link_uri", "https://evil.example/", "state", "{origin}https://evil.example/"}, "https://late.example.com/?to=https%3A%2F%2Flate.example.com%2F"},
	} {
		provider, login := w.lateLogin(lateClient(time.Minute, row.template, row.target), row.changes...)
		got := record(func(rw http.ResponseWriter, r *http.Request) {
			if !provider.Reinitiate(rw, r, login) {
				t.Errorf("%s: no way", row.template)
			}
		})
		if got.Code != http.StatusSeeOther || got.Header().Get("Location") != row.want {
			t.Errorf("%s: %d %s, want %s", row.template, got.Code, got.Header().Get("Location"), row.want)
		}
		if got.Header().Get("Cache-Control") != "no-store" || got.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: header %v", row.template, got.Header())
		}
	}
}

// Keycloak starts afresh by itself, and finds its session by the state.
func TestReinitiationByErrorKeepsTheState(t *testing.T) {
	w := newWorld(t)
	provider, login := w.lateLogin(lateClient(time.Minute, oidc.ReinitiateByError, ""), "state", "a b&c=ü\x01")
	got := record(func(rw http.ResponseWriter, r *http.Request) { provider.Reinitiate(rw, r, login) })
	want := "https://late.example.com/cb?error=temporarily_unavailable&error_description=authentication_expired&state=a%20b%26c%3D%C3%BC%01"
	if got.Header().Get("Location") != want {
		t.Errorf("Location %s, want %s", got.Header().Get("Location"), want)
	}
	if strings.Contains(w.log.String(), "WARN") {
		t.Errorf("a late visitor is no fault of the line: %s", w.log)
	}
	provider, login = w.lateLogin(lateClient(time.Minute, oidc.ReinitiateByError, ""), "response_mode", "form_post", "state", "abc")
	got = record(func(rw http.ResponseWriter, r *http.Request) { provider.Reinitiate(rw, r, login) })
	if body := got.Body.String(); !strings.Contains(body, "authentication_expired") || !strings.Contains(body, "abc") || got.Header().Get("Location") != "" {
		t.Errorf("by form: Location %q, %s", got.Header().Get("Location"), body)
	}
}

func TestAClientWithoutAWayToStartAfreshIsLeftToThePage(t *testing.T) {
	w := newWorld(t)
	provider, login := w.lateLogin(lateClient(time.Minute, "", "https://late.example.com/sale"))
	got := record(func(rw http.ResponseWriter, r *http.Request) {
		if provider.Reinitiate(rw, r, login) {
			t.Error("something was sent")
		}
	})
	if len(got.Header()) != 0 || got.Body.Len() != 0 {
		t.Errorf("%v %s", got.Header(), got.Body)
	}
	if got, want := login.SiteURL(), "https://late.example.com/sale"; got != want {
		t.Errorf("site %s, want %s", got, want)
	}
}

func TestNewChecksReinitiation(t *testing.T) {
	for _, row := range []struct {
		template, target string
		good             bool
	}{
		{"", "", true},
		{"{redirect_uri}", "https://a.example/", true},
		{"http://localhost:3000/?x={iss}", "", true},
		{"https://a.example/{target_link_uri}", "", true},
		{"http://a.example/", "", false},
		{"https://{iss}/", "", false},
		{"https://a.example{iss}", "", false},
		{"https://a.example:{iss}/", "", false},
		{"https://{iss}@a.example/", "", false},
		{"{iss}", "", false},
		{"{target_link_uri}", "", false},
		{"{origin}.evil.example/", "", false},
		{"{origin}@evil.example/", "", false},
		{"{redirect_uri}.evil.example/", "", false},
		{"{redirect_uri}/evil", "", false},
		{"{origin}/{origin}", "", false},
		{"https://a.example/?s={state}", "", false},
		{"https://a.example/#{iss}", "", false},
		{"error:login_required", "", false},
		{"{origin}/", "https://a.example/#x", false},
		{"{origin}/", "{origin}/", false},
	} {
		_, err := oidc.New(oidc.Options{Issuer: "https://wait.example.com", Clients: []oidc.Client{lateClient(time.Minute, row.template, row.target)}})
		faulty := strings.Contains(err.Error(), `client "late"`)
		if faulty == row.good {
			t.Errorf("re-initiation URL %q, target %q: %v", row.template, row.target, err)
		}
	}
}
