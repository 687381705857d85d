//go:build e2e

package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A shop is a relying party as a careful Go programmer builds one: it checks
// state, nonce, PKCE, the ID token with its at_hash, and userinfo, and shows the
// claims. It is on the host 127.0.0.1 and the issuer on localhost, because
// cookies ignore ports.
//
//	/           the claims, or off to log in
//	/entrance   a page with a link to the shop, to come back to
//	/login      begins a login; its query is added to the authorization request
//	/callback   ends it
//	/logout     off to the end session endpoint; ?hint=no leaves the hint out
//	/goodbye    the page after that
type shop struct {
	URL string

	t      *testing.T
	secret string
	client *http.Client // for calls to the provider

	provider   *oidc.Provider
	oauth      oauth2.Config
	endSession string

	mu     sync.Mutex
	logins map[string]login // by state
	visits map[string]visit // by cookie
}

// A login is one that has begun.
type login struct {
	browser  string // cookie of the browser that began it
	nonce    string
	verifier string // of PKCE
}

// A visit is a visitor who is logged in.
type visit struct {
	token   string // access token
	idToken string
	claims  map[string]any // those of userinfo and of the ID token
}

// Cookies of the shop: whose logins these are, and who is logged in.
const (
	browserCookie = "shop-browser"
	visitCookie   = "shop-visit"
)

// openShop starts a server with one room, whose id is sale, and a shop behind
// it. The room's further keys are given in flow style, the server's in block
// style.
func openShop(t *testing.T, room string, more ...string) (*server, *shop) {
	t.Helper()
	s := &shop{
		t: t, secret: rand.Text() + rand.Text(), client: &http.Client{Timeout: actionLimit},
		logins: make(map[string]login), visits: make(map[string]visit),
	}
	site := httptest.NewServer(s.handler())
	t.Cleanup(site.Close)
	s.URL = site.URL
	config := fmt.Sprintf(`rooms: [{id: sale, name: Spring sale, %s}]
clients:
  - id: shop
    room: sale
    secret_sha256: "%x"
    redirect_uris: [%q]
    post_logout_redirect_uris: [%q]
`, room, sha256.Sum256([]byte(s.secret)), s.URL+"/callback", s.URL+"/goodbye")
	for _, part := range more {
		config += part + "\n"
	}
	server := startServer(t, config)
	s.discover(server.Issuer)
	return server, s
}

// discover learns from the issuer how to log in there.
func (s *shop) discover(issuer string) {
	s.t.Helper()
	provider, err := oidc.NewProvider(s.context(), issuer)
	if err != nil {
		s.t.Fatal(err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		s.t.Fatal(err)
	}
	s.provider, s.endSession = provider, more.EndSession
	s.oauth = oauth2.Config{
		ClientID: "shop", ClientSecret: s.secret, Endpoint: provider.Endpoint(),
		RedirectURL: s.URL + "/callback", Scopes: []string{oidc.ScopeOpenID},
	}
}

// Alive asks the provider, by userinfo, whether the visits of the shop are still
// good, and returns how many are.
func (s *shop) Alive() int {
	s.mu.Lock()
	visits := maps.Clone(s.visits)
	s.mu.Unlock()
	alive := 0
	for _, v := range visits {
		source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: v.token})
		if _, err := s.provider.UserInfo(s.context(), source); err == nil {
			alive++
		}
	}
	return alive
}

func (s *shop) context() context.Context {
	return oidc.ClientContext(context.Background(), s.client)
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /entrance", func(w http.ResponseWriter, _ *http.Request) {
		s.page(w, http.StatusOK, "Entrance", "")
	})
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) {
		// A POST from another site carries no cookies of SameSite=Lax, but the GET
		// after it does.
		if err := r.ParseForm(); err != nil {
			s.problem(w, err)
			return
		}
		http.Redirect(w, r, "/callback?"+r.PostForm.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /logout", s.logout)
	mux.HandleFunc("GET /goodbye", func(w http.ResponseWriter, _ *http.Request) {
		s.page(w, http.StatusOK, "Goodbye", "")
	})
	return mux
}

// home shows the claims to those who are logged in.
func (s *shop) home(w http.ResponseWriter, r *http.Request) {
	v, ok := s.visit(r)
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	text, err := json.Marshal(v.claims)
	if err != nil {
		s.problem(w, err)
		return
	}
	s.page(w, http.StatusOK, "Welcome", string(text))
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	browser := ""
	if c, err := r.Cookie(browserCookie); err == nil {
		browser = c.Value
	} else {
		browser = rand.Text()
		setCookie(w, browserCookie, browser)
	}
	state, begun := rand.Text(), login{browser: browser, nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	s.mu.Lock()
	s.logins[state] = begun
	s.mu.Unlock()
	options := []oauth2.AuthCodeOption{oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier)}
	for name, values := range r.URL.Query() {
		options = append(options, oauth2.SetAuthURLParam(name, values[0]))
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, s.oauth.AuthCodeURL(state, options...), http.StatusSeeOther)
}

func (s *shop) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.mu.Lock()
	begun, ok := s.logins[query.Get("state")]
	delete(s.logins, query.Get("state"))
	s.mu.Unlock()
	_, inside := s.visit(r)
	browser, err := r.Cookie(browserCookie)
	switch {
	case !ok && inside:
		// The back button: this login has ended well before.
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	case !ok:
		s.problem(w, errors.New("the shop does not know this state"))
		return
	case err != nil || browser.Value != begun.browser:
		s.problem(w, errors.New("another browser began this login"))
		return
	case query.Has("error"):
		s.problem(w, fmt.Errorf("the provider answered %s: %s", query.Get("error"), query.Get("error_description")))
		return
	}
	v, err := s.redeem(query.Get("code"), begun)
	if err != nil {
		s.t.Error(err)
		s.problem(w, err)
		return
	}
	cookie := rand.Text()
	s.mu.Lock()
	s.visits[cookie] = v
	s.mu.Unlock()
	setCookie(w, visitCookie, cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// redeem exchanges a code and checks all that comes with it.
func (s *shop) redeem(code string, begun login) (visit, error) {
	token, err := s.oauth.Exchange(s.context(), code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return visit{}, fmt.Errorf("redeem the code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return visit{}, errors.New("the token response has no ID token")
	}
	idToken, err := s.provider.Verifier(&oidc.Config{ClientID: "shop"}).Verify(s.context(), raw)
	if err != nil {
		return visit{}, fmt.Errorf("verify the ID token: %w", err)
	}
	if idToken.Nonce != begun.nonce {
		return visit{}, errors.New("the ID token has another nonce")
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return visit{}, fmt.Errorf("verify at_hash: %w", err)
	}
	info, err := s.provider.UserInfo(s.context(), oauth2.StaticTokenSource(token))
	if err != nil {
		return visit{}, fmt.Errorf("ask for userinfo: %w", err)
	}
	if info.Subject != idToken.Subject {
		return visit{}, fmt.Errorf("userinfo has sub %q, the ID token %q", info.Subject, idToken.Subject)
	}
	v := visit{token: token.AccessToken, idToken: raw}
	return v, errors.Join(info.Claims(&v.claims), idToken.Claims(&v.claims))
}

// logout forgets the visit and asks the provider to do the same.
func (s *shop) logout(w http.ResponseWriter, r *http.Request) {
	query := url.Values{"client_id": {"shop"}, "post_logout_redirect_uri": {s.URL + "/goodbye"}}
	if v, ok := s.visit(r); ok && r.URL.Query().Get("hint") != "no" {
		query.Set("id_token_hint", v.idToken)
	}
	s.mu.Lock()
	if c, err := r.Cookie(visitCookie); err == nil {
		delete(s.visits, c.Value)
	}
	s.mu.Unlock()
	http.Redirect(w, r, s.endSession+"?"+query.Encode(), http.StatusSeeOther)
}

// visit returns the visit of the browser that sent r.
func (s *shop) visit(r *http.Request) (visit, bool) {
	c, err := r.Cookie(visitCookie)
	if err != nil {
		return visit{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.visits[c.Value]
	return v, ok
}

var shopPage = template.Must(template.New("shop").Parse(`<!doctype html><html lang="en">
<title>{{.Title}}</title><link rel="icon" href="data:,">
<main><h1>{{.Title}}</h1><pre id="claims">{{.Text}}</pre><p><a id="in" href="/">To the shop</a></p></main></html>`))

func (s *shop) page(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := shopPage.Execute(w, struct{ Title, Text string }{title, text}); err != nil {
		s.t.Log(err) // the browser has gone
	}
}

func (s *shop) problem(w http.ResponseWriter, err error) {
	s.page(w, http.StatusBadRequest, "Problem", err.Error())
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
