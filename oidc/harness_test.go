package oidc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/mux"

	"github.com/anteroom-dev/anteroom/oidc"
)

// world is a provider that listens on loopback, with its line and a waiting
// page.
type world struct {
	t        testing.TB
	issuer   string
	line     *line
	keys     *signer
	provider *oidc.Provider
	open     atomic.Bool // the waiting page lets everybody in
	log      *syncBuffer
}

// syncBuffer collects the log.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newWorld starts an open room, in which everybody is admitted at once.
func newWorld(t testing.TB) *world {
	t.Helper()
	router := mux.NewRouter()
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	w := &world{t: t, issuer: server.URL + "/line", line: newLine(), keys: newSigner(), log: &syncBuffer{}}
	w.open.Store(true)
	w.provider = w.newProvider(secrets{"a secret of thirty-two bytes....."})
	w.provider.Mount(router)
	router.HandleFunc("/line/wait", w.wait)
	return w
}

func (w *world) newProvider(s secrets, clients ...oidc.Client) *oidc.Provider {
	w.t.Helper()
	if clients == nil {
		clients = testClients()
	}
	provider, err := oidc.New(oidc.Options{
		Issuer:  w.issuer,
		Clients: clients,
		Queue:   w.line,
		Keys:    w.keys,
		Pages:   pages{},
		Secrets: s,
		Logger:  slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return provider
}

// wait is a waiting page as the real one uses the provider. ?confirm=1 is the
// button of its confirmation page.
func (w *world) wait(rw http.ResponseWriter, r *http.Request) {
	login, err := w.provider.OpenLogin(r.Context(), r.URL.Query().Get(oidc.LoginParam))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	if browser, ok := browserOf(r); !ok || browser != login.Browser() {
		http.Error(rw, "another browser", http.StatusForbidden)
		return
	}
	visitor, err := w.line.Visitor(r, login.Room())
	switch {
	case err != nil && !w.open.Load():
		fmt.Fprint(rw, "waiting")
		return
	case err != nil:
		w.line.admit(rw, r, login.Room())
	case w.provider.NeedsConfirmation(login, visitor):
		if r.URL.Query().Get("confirm") == "" {
			fmt.Fprint(rw, "confirm")
			return
		}
		w.line.admit(rw, r, login.Room())
	}
	if visitor, err = w.line.Visitor(r, login.Room()); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	secret, code := w.provider.NewCode(login)
	if err := w.line.Issue(r.Context(), visitor, code); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.provider.Deliver(rw, r, login, secret)
}

// browser is a cookie jar that doesn't follow redirects by itself.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	body string
}

func (b *browser) do(method, target string, body url.Values, header ...string) reply {
	b.w.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.w.issuer + target
	}
	var reader io.Reader
	if body != nil {
		reader = strings.NewReader(body.Encode())
	}
	r, err := http.NewRequestWithContext(context.Background(), method, target, reader)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return reply{response, string(read)}
}

// answer is what reached a client: by GET or by a form.
type answer struct {
	uri    string // without the parameters that we added
	values url.Values
	posted bool
	last   reply // what came last; the page, if nothing reached the client
}

// ask sends an authorization request and follows redirects as long as they stay
// at the provider.
func (b *browser) ask(params url.Values, header ...string) answer {
	b.w.t.Helper()
	return b.follow(b.do(http.MethodGet, "/authorize?"+params.Encode(), nil, header...))
}

func (b *browser) follow(r reply) answer {
	b.w.t.Helper()
	for range 10 {
		if action, values := readForm(r.body); r.StatusCode == http.StatusOK && strings.HasPrefix(r.body, "formpost") {
			return answer{uri: action, values: values, posted: true, last: r}
		}
		location := r.Header.Get("Location")
		if location == "" {
			return answer{last: r}
		}
		target, err := r.Request.URL.Parse(location)
		if err != nil {
			b.w.t.Fatal(err)
		}
		if !strings.HasPrefix(target.String(), b.w.issuer) {
			values := target.Query()
			uri, _, _ := strings.Cut(location, "?")
			return answer{uri: uri, values: values, last: r}
		}
		r = b.do(http.MethodGet, target.String(), nil)
	}
	b.w.t.Fatal("too many redirects")
	return answer{}
}

// request is a plain valid authorization request of the client "shop", changed
// by pairs of names and values; an empty value removes the parameter.
func request(changes ...string) url.Values {
	params := url.Values{
		"client_id":     {"shop"},
		"redirect_uri":  {shopURI},
		"response_type": {"code"},
		"scope":         {"openid"},
		"state":         {"xyz"},
		"nonce":         {"n-0S6_WzA2Mj"},
	}
	for i := 0; i < len(changes); i += 2 {
		params.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			params.Del(changes[i])
		}
	}
	return params
}

// login gets a code or fails the test.
func (b *browser) login(params url.Values) string {
	b.w.t.Helper()
	a := b.ask(params)
	if a.values.Get("code") == "" {
		b.w.t.Fatalf("no code: %v, page %q", a.values, a.last.body)
	}
	return a.values.Get("code")
}

// tokenReply is an answer of the token endpoint.
type tokenReply struct {
	reply
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
}

// post sends a form to an endpoint that answers JSON, without cookies.
func (w *world) post(path string, form url.Values, header ...string) tokenReply {
	w.t.Helper()
	t := tokenReply{reply: w.newBrowser().do(http.MethodPost, path, form, header...)}
	if strings.HasPrefix(t.Header.Get("Content-Type"), "application/json") && t.body != "" {
		if err := json.Unmarshal([]byte(t.body), &t); err != nil {
			w.t.Fatalf("%s: %v in %q", path, err, t.body)
		}
	}
	return t
}

// exchange is a token request of the client "shop" for a code, changed like
// [request].
func (w *world) exchange(code string, changes ...string) tokenReply {
	w.t.Helper()
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {shopURI},
		"client_id":     {"shop"},
		"client_secret": {shopSecret},
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			form.Del(changes[i])
		}
	}
	return w.post("/token", form)
}

// as are the changes of [request] by which another client than "shop" asks.
func as(client string, changes ...string) []string {
	return append([]string{"client_id", client, "redirect_uri", "https://" + client + ".example.com/cb"}, changes...)
}

// tokensOf logs a browser in at one of the clients whose secret is "ID-secret"
// and returns all three tokens.
func (b *browser) tokensOf(client string) tokenReply {
	b.w.t.Helper()
	code := b.login(request(as(client, "scope", "openid offline_access")...))
	got := b.w.exchange(code, as(client, "client_secret", client+"-secret")...)
	if got.StatusCode != http.StatusOK || got.AccessToken == "" || got.RefreshToken == "" || got.IDToken == "" {
		b.w.t.Fatalf("%s: status %d, body %s", client, got.StatusCode, got.body)
	}
	return got
}

// refresh is a token request of such a client with a refresh token.
func (w *world) refresh(client, token string) tokenReply {
	w.t.Helper()
	return w.exchange("", as(client, "client_secret", client+"-secret", "redirect_uri", "", "code", "",
		"grant_type", "refresh_token", "refresh_token", token)...)
}

// introspect asks about a token in the name of a client and returns what is
// said.
func (w *world) introspect(client, secret, token string) map[string]any {
	w.t.Helper()
	got := w.post("/introspect", url.Values{"token": {token}}, "Authorization", basic(client, url.QueryEscape(secret)))
	if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
		w.t.Fatalf("introspect: status %d, header %v, body %s", got.StatusCode, got.Header, got.body)
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(got.body), &values); err != nil {
		w.t.Fatal(err)
	}
	return values
}

// claims reads an ID token without looking at its signature.
func claims(t testing.TB, token string) map[string]any {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatalf("ID token %q: %v", token, err)
	}
	var values map[string]any
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// userinfo asks for the claims behind an access token.
func (w *world) userinfo(token string) reply {
	w.t.Helper()
	return w.newBrowser().do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+token)
}

// record calls a handler with a plain GET.
func record(handler http.HandlerFunc) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	return recorder
}

// serveForm sends a form to another provider than the one that listens.
func serveForm(provider *oidc.Provider, path string, form url.Values) *httptest.ResponseRecorder {
	router := mux.NewRouter()
	provider.Mount(router)
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, r)
	return recorder
}

// serveLogout sends a logout with the cookies of a browser to another provider
// than the one that listens.
func serveLogout(provider *oidc.Provider, b *browser, hint string) *httptest.ResponseRecorder {
	return serveWithCookies(provider, b, "/line/logout?id_token_hint="+hint)
}

// serveWithCookies sends a GET with the cookies of a browser to another provider
// than the one that listens.
func serveWithCookies(provider *oidc.Provider, b *browser, path string) *httptest.ResponseRecorder {
	router := mux.NewRouter()
	provider.Mount(router)
	r := httptest.NewRequest(http.MethodGet, path, nil)
	issuer, _ := url.Parse(b.w.issuer)
	for _, cookie := range b.client.Jar.Cookies(issuer) {
		r.AddCookie(cookie)
	}
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, r)
	return recorder
}
