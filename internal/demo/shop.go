package demo

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The paths of the shop.
const (
	pathCallback = "/callback"
	pathLogout   = "/logout"
	pathGoodbye  = "/goodbye"
	pathStyle    = "/shop.css"
)

const (
	// The cookies of the shop: whose logins these are, and who is logged in.
	cookieBrowser = "shop-browser"
	cookieVisit   = "shop-visit"

	// shelfSize bounds what the shop remembers: at five visitors a second, the last
	// quarter of an hour.
	shelfSize = 4096

	// callTimeout bounds a call from the shop to the server.
	callTimeout = 10 * time.Second
)

// A shop is a relying party of the simplest kind that does everything right: who
// isn't logged in is sent to log in, with state, nonce and PKCE; who is, sees
// the claims.
type shop struct {
	url    string
	logger *slog.Logger
	socket net.Listener
	server *http.Server
	client *http.Client // For calls to the server.

	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	logout   string // The provider's end session endpoint.

	logins *shelf[login] // By state.
	visits *shelf[visit] // By cookie.
}

// login is a login that has begun.
type login struct {
	browser  string // The cookie of the browser that began it.
	nonce    string
	verifier string // Of PKCE.
}

// visit is somebody who is logged in.
type visit struct {
	idToken string
	claims  claims
}

// newShop binds the shop's socket, so that its URL is known before the server
// starts.
func newShop(ctx context.Context, logger *slog.Logger) (*shop, error) {
	var config net.ListenConfig
	socket, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the shop: %w", err)
	}
	return &shop{
		url: "http://" + socket.Addr().String(), logger: logger, socket: socket,
		client: &http.Client{Timeout: callTimeout, Transport: &http.Transport{IdleConnTimeout: time.Minute}},
		logins: newShelf[login](shelfSize), visits: newShelf[visit](shelfSize),
	}, nil
}

// open learns from the issuer how to log in there, and serves.
func (s *shop) open(ctx context.Context, issuer, secret string) error {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), issuer)
	if err != nil {
		return fmt.Errorf("let the shop discover the waiting room: %w", err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return fmt.Errorf("let the shop discover the waiting room: %w", err)
	}
	s.provider, s.logout = provider, more.EndSession
	s.verifier = provider.Verifier(&oidc.Config{ClientID: clientID})
	s.oauth = oauth2.Config{
		ClientID: clientID, ClientSecret: secret, Endpoint: provider.Endpoint(),
		RedirectURL: s.url + pathCallback, Scopes: []string{oidc.ScopeOpenID},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET "+pathCallback, s.callback)
	mux.HandleFunc("POST "+pathLogout, s.leave)
	mux.HandleFunc("GET "+pathGoodbye, s.goodbye)
	mux.HandleFunc("GET "+pathStyle, style)
	s.server = &http.Server{
		Handler: mux, ReadTimeout: callTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := s.server.Serve(s.socket); !errors.Is(err, http.ErrServerClosed) {
			s.logger.ErrorContext(ctx, "the shop has closed", "error", err)
		}
	}()
	return nil
}

// close stops the shop at once: nobody loses anything.
func (s *shop) close() error {
	s.client.CloseIdleConnections()
	if s.server == nil {
		return s.socket.Close()
	}
	return s.server.Close()
}

// home shows the shop to those who are logged in, and sends the others to the
// waiting room.
func (s *shop) home(w http.ResponseWriter, r *http.Request) {
	if visit, ok := s.visit(r); ok {
		s.page(w, http.StatusOK, "inside", visit.claims)
		return
	}
	browser := cookie(r, cookieBrowser)
	if browser == "" {
		browser = rand.Text()
		setCookie(w, cookieBrowser, browser)
	}
	login := login{browser: browser, nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	state := s.logins.put(login)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, s.oauth.AuthCodeURL(state,
		oidc.Nonce(login.nonce), oauth2.S256ChallengeOption(login.verifier)), http.StatusSeeOther)
}

// callback is where the waiting room sends visitors with their code.
func (s *shop) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	login, ok := s.logins.take(query.Get("state"))
	switch {
	case !ok && s.isInside(r):
		// The back button, or a reload: the code has been used already.
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	case !ok:
		s.problem(w, "The shop does not remember that you began to log in.")
		return
	case subtle.ConstantTimeCompare([]byte(login.browser), []byte(cookie(r, cookieBrowser))) != 1:
		// RFC 6749 §10.12: a login that another browser began could log the visitor in
		// as somebody else.
		s.problem(w, "Another browser began this login.")
		return
	case query.Get("error") != "":
		s.problem(w, "The waiting room answered: "+query.Get("error")+" "+query.Get("error_description"))
		return
	}
	visit, err := s.redeem(r.Context(), query.Get("code"), login)
	if err != nil {
		s.logger.WarnContext(r.Context(), "a visitor could not log in to the shop", "error", err)
		s.problem(w, "The shop could not make sense of the waiting room's answer.")
		return
	}
	setCookie(w, cookieVisit, s.visits.put(visit))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// redeem exchanges a code for the ID token, and checks it.
func (s *shop) redeem(ctx context.Context, code string, begun login) (visit, error) {
	ctx = oidc.ClientContext(ctx, s.client)
	token, err := s.oauth.Exchange(ctx, code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return visit{}, fmt.Errorf("redeem the code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return visit{}, errors.New("the answer has no ID token")
	}
	idToken, err := s.verifier.Verify(ctx, raw)
	if err != nil {
		return visit{}, fmt.Errorf("verify the ID token: %w", err)
	}
	// OpenID Connect Core 1.0 §3.1.3.7: the nonce must be the one that was sent.
	if idToken.Nonce != begun.nonce {
		return visit{}, errors.New("the ID token belongs to another login")
	}
	in := visit{idToken: raw}
	if err := idToken.Claims(&in.claims); err != nil {
		return visit{}, fmt.Errorf("read the ID token: %w", err)
	}
	return in, nil
}

// leave logs out of the shop, and on to the waiting room to log out there
// (OpenID Connect RP-Initiated Logout 1.0 §2).
func (s *shop) leave(w http.ResponseWriter, r *http.Request) {
	left, ok := s.visits.take(cookie(r, cookieVisit))
	if !ok {
		http.Redirect(w, r, pathGoodbye, http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, s.logout+"?"+url.Values{
		"id_token_hint":            {left.idToken},
		"post_logout_redirect_uri": {s.url + pathGoodbye},
	}.Encode(), http.StatusSeeOther)
}

// goodbye is where the waiting room sends those who have logged out.
func (s *shop) goodbye(w http.ResponseWriter, _ *http.Request) {
	s.page(w, http.StatusOK, "goodbye", nil)
}

func (s *shop) problem(w http.ResponseWriter, explanation string) {
	s.page(w, http.StatusBadRequest, "problem", explanation)
}

// visit returns the visit of the browser that sent r.
func (s *shop) visit(r *http.Request) (visit, bool) {
	return s.visits.get(cookie(r, cookieVisit))
}

func (s *shop) isInside(r *http.Request) bool {
	_, ok := s.visit(r)
	return ok
}

// cookie returns the value of a cookie, or "".
func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie until the browser is closed.
func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the shop is on loopback, without TLS
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
