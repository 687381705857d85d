// Command gosite is a site that logs its visitors in with a library for Go:
// coreos/go-oidc with x/oauth2, or the connector by which Dex does the same. It is
// a module of its own, so that what these bring along stays out of the product.
//
// Its settings come from the environment; SITE_LIBRARY is go-oidc or dex. What it
// remembers is in memory, under the names that cookies hold.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// sessionCookie holds the name of a visitor's session, and loginCookie, followed
// by the state of a login, says that this browser began it.
const (
	sessionCookie = "site"
	loginCookie   = "login-"
)

// A visit is what a library learns of a visitor who has logged in.
type visit struct {
	Who     string
	Until   time.Time // when to ask again
	IDToken string    // for logging out; "" if the library keeps it to itself
	Refresh []byte    // what the library needs to ask again; nil if it can't
}

// A library speaks OpenID Connect.
type library interface {
	// Begin returns where to send a visitor, and what Finish must be told when the
	// visitor comes back.
	Begin(state string) (address string, secrets []byte, err error)
	// Finish reads the answer that the visitor brings.
	Finish(r *http.Request, secrets []byte) (visit, error)
	// Refresh asks whether a visit goes on. An error means that it doesn't, or
	// that nobody knows.
	Refresh(ctx context.Context, v visit) (visit, error)
	// Farewell returns where to send a visitor who logs out, which leads on to an
	// address.
	Farewell(ctx context.Context, v visit, next string) (string, error)
}

// A login has begun and waits for its answer.
type login struct {
	path    string
	secrets []byte
}

// A site lets visitors in who have logged in.
type site struct {
	library library
	url     string
	// patience is how long a login may take.
	patience time.Duration

	mu     sync.Mutex
	logins map[string]login // by state
	visits map[string]visit // by session
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	s := settings{
		URL:      os.Getenv("SITE_URL"),
		Issuer:   os.Getenv("SITE_ISSUER"),
		ClientID: os.Getenv("SITE_CLIENT_ID"),
		Secret:   os.Getenv("SITE_CLIENT_SECRET"),
		RootCAs:  os.Getenv("SSL_CERT_FILE"),
		Refresh:  os.Getenv("SITE_REFRESHES") == "true",
	}
	seconds, err := strconv.Atoi(os.Getenv("SITE_PATIENCE"))
	if err != nil {
		return fmt.Errorf("read SITE_PATIENCE: %w", err)
	}
	lib, err := open(s, os.Getenv("SITE_LIBRARY"))
	if err != nil {
		return err
	}
	st := &site{
		library: lib, url: s.URL, patience: time.Duration(seconds) * time.Second,
		logins: make(map[string]login), visits: make(map[string]visit),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /goodbye", func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, "Goodbye", "") })
	mux.HandleFunc("GET /callback", st.callback)
	mux.HandleFunc("GET /leave", st.leave)
	mux.HandleFunc("GET /", st.page)
	server := &http.Server{Addr: os.Getenv("SITE_ADDRESS"), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// settings are what a library has to know.
type settings struct {
	URL, Issuer, ClientID, Secret string
	RootCAs                       string // path of a PEM file
	Refresh                       bool   // whether to use refresh tokens
}

func open(s settings, name string) (library, error) {
	switch name {
	case "go-oidc":
		return openGoOIDC(s)
	case "dex":
		return openDex(s)
	}
	return nil, fmt.Errorf("SITE_LIBRARY is %q, want go-oidc or dex", name)
}

// page is any page of the site.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.visit(r); ok {
		show(w, http.StatusOK, "Inside", fmt.Sprintf("<p id=\"who\">%s</p>\n<p id=\"path\">%s</p>",
			html.EscapeString(v.Who), html.EscapeString(r.URL.RequestURI())))
		return
	}
	state := rand.Text()
	address, secrets, err := s.library.Begin(state)
	if err != nil {
		problem(w, http.StatusInternalServerError, err)
		return
	}
	s.mu.Lock()
	s.logins[state] = login{r.URL.RequestURI(), secrets}
	s.mu.Unlock()
	// Each login has a cookie of its own, so that tabs don't disturb each other.
	setCookie(w, loginCookie+state, "begun", int(s.patience.Seconds()))
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// callback is where the provider sends visitors back to.
func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("state")
	s.mu.Lock()
	begun, ok := s.logins[state]
	delete(s.logins, state)
	s.mu.Unlock()
	if _, err := r.Cookie(loginCookie + state); err != nil || !ok {
		problem(w, http.StatusBadRequest, errors.New("this login has been forgotten"))
		return
	}
	setCookie(w, loginCookie+state, "", -1)
	v, err := s.library.Finish(r, begun.secrets)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	session := rand.Text()
	s.mu.Lock()
	s.visits[session] = v
	s.mu.Unlock()
	setCookie(w, sessionCookie, session, 0)
	http.Redirect(w, r, begun.path, http.StatusSeeOther)
}

// leave logs a visitor out.
func (s *site) leave(w http.ResponseWriter, r *http.Request) {
	session := sessionOf(r)
	s.mu.Lock()
	v := s.visits[session]
	delete(s.visits, session)
	s.mu.Unlock()
	address, err := s.library.Farewell(r.Context(), v, s.url+"/goodbye")
	if err != nil {
		problem(w, http.StatusInternalServerError, err)
		return
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// visit returns the visit of a browser, if it goes on.
func (s *site) visit(r *http.Request) (visit, bool) {
	session := sessionOf(r)
	s.mu.Lock()
	v, ok := s.visits[session]
	s.mu.Unlock()
	if !ok || time.Now().Before(v.Until) {
		return v, ok
	}
	if v.Refresh == nil {
		return visit{}, false
	}
	v, err := s.library.Refresh(r.Context(), v)
	if err != nil {
		slog.InfoContext(r.Context(), "not refreshed", "error", err)
		return visit{}, false
	}
	s.mu.Lock()
	s.visits[session] = v
	s.mu.Unlock()
	return v, true
}

func sessionOf(r *http.Request) string {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// setCookie sets a cookie for some seconds, or for as long as the browser runs if
// they are 0, or ends it if they are negative.
func setCookie(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // The site is on the loopback interface, without TLS.
		Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// problem shows the page of a visitor whose login came to nothing.
func problem(w http.ResponseWriter, status int, err error) {
	show(w, status, "Problem", "<p>"+html.EscapeString(err.Error())+"</p>")
}

func show(w http.ResponseWriter, status int, title, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><title>%s</title>\n%s", title, body)
}
