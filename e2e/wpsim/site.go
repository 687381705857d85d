package wpsim

import (
	"crypto/md5" //nolint:gosec // As the plugin makes its states.
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	callbackPath = "/wp-admin/admin-ajax.php"
	action       = "openid-connect-authorize"
	// sessionCookie stands for the cookie wordpress_logged_in_….
	sessionCookie = "wordpress_logged_in"
	// sessionLife is how long WordPress keeps a user logged in who did not ask to be
	// remembered.
	sessionLife = 48 * time.Hour
	// stateLife is the plugin's "State time limit".
	stateLife = 180 * time.Second
	// agent is the User-Agent of a site's own requests.
	agent = "WordPress/6.1.9; "
)

// Config is what is entered in the plugin's settings.
type Config struct {
	// URL is where the site is, without a slash at the end.
	URL string
	// ClientID and ClientSecret are the site's credentials at the provider.
	ClientID, ClientSecret string
	// Scope is openid by default.
	Scope string
	// LoginEndpoint, TokenEndpoint, UserinfoEndpoint and EndSessionEndpoint are the
	// provider's. There is no discovery.
	LoginEndpoint, TokenEndpoint, UserinfoEndpoint, EndSessionEndpoint string
	// Host is what the token request says in its Host header; "" stands for the
	// endpoint's host without its port, as the plugin does it.
	Host string
	// Client makes the requests to the provider. Required.
	Client *http.Client
	// Now is the clock; nil stands for [time.Now].
	Now func() time.Time
}

// User is a user of the site.
type User struct {
	// Sub is the provider's sub that the user was made for.
	Sub string
	// Login is the user's name.
	Login string
	// Email is the user's address.
	Email string
}

// state is a login that was begun.
type state struct {
	redirectTo string
	expires    time.Time
}

// session is a user who is logged in.
type session struct {
	user    User
	idToken string // kept for logging out
	expires time.Time
}

// Site is a site, with its database. It is an [http.Handler].
type Site struct {
	config Config

	mu       sync.Mutex
	states   map[string]state
	sessions map[string]session
	users    map[string]User // by sub
}

// New returns a site without users.
func New(c Config) *Site {
	if c.Scope == "" {
		c.Scope = "openid"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Site{config: c, states: make(map[string]state), sessions: make(map[string]session), users: make(map[string]User)}
}

// Users returns the users of the site by their sub.
func (s *Site) Users() map[string]User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.users)
}

// ServeHTTP answers as WordPress with the plugin does.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.URL.Path == callbackPath && q.Get("action") == action:
		s.callback(w, r)
	case r.URL.Path == "/wp-login.php" && q.Get("action") == "logout":
		s.logOut(w, r)
	case r.URL.Path == "/wp-login.php" && q.Has("login-error"):
		// The login page with its message, in auto mode as well: nothing tries again.
		w.WriteHeader(http.StatusOK)
		_, _ = fmt.Fprintf(w, "ERROR (%s): %s", html.EscapeString(q.Get("login-error")), html.EscapeString(q.Get("message")))
	case r.URL.Path == "/wp-login.php":
		s.logIn(w, r)
	default:
		s.page(w, r)
	}
}

// page is any page of the site, which only users may see.
func (s *Site) page(w http.ResponseWriter, r *http.Request) {
	if in, ok := s.session(r); ok {
		_, _ = fmt.Fprintf(w, "Howdy, %s", in.user.Login)
		return
	}
	q := url.Values{"redirect_to": {s.config.URL + r.URL.RequestURI()}}
	redirect(w, "/wp-login.php?"+q.Encode()+"&reauth=1")
}

func (s *Site) session(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, ok := s.sessions[cookie.Value]
	return in, ok && s.config.Now().Before(in.expires)
}

// logIn sends the visitor to the provider.
func (s *Site) logIn(w http.ResponseWriter, r *http.Request) {
	sum := md5.Sum([]byte(rand.Text())) //nolint:gosec // As the plugin makes its states.
	name := hex.EncodeToString(sum[:])
	back := r.URL.Query().Get("redirect_to")
	if !strings.HasPrefix(back, s.config.URL+"/") {
		back = s.config.URL
	}
	s.mu.Lock()
	s.states[name] = state{back, s.config.Now().Add(stateLife)}
	s.mu.Unlock()
	redirect(w, s.config.LoginEndpoint+"?response_type=code&scope="+url.QueryEscape(s.config.Scope)+
		"&client_id="+url.QueryEscape(s.config.ClientID)+"&state="+name+"&redirect_uri="+url.QueryEscape(s.redirectURI()))
}

func (s *Site) redirectURI() string { return s.config.URL + callbackPath + "?action=" + action }

// callback is where the provider sends visitors back to.
func (s *Site) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	begun, known := s.states[q.Get("state")]
	s.mu.Unlock()
	switch {
	case q.Has("error"):
		fail(w, "unknown-error", "An unknown error occurred.")
		return
	case !q.Has("code"):
		fail(w, "no-code", "No authentication code present in the request.")
		return
	case !q.Has("state"):
		fail(w, "missing-state", "Missing state.")
		return
	case !known || !s.config.Now().Before(begun.expires):
		fail(w, "invalid-state", "Invalid state.")
		return
	}
	in, fault := s.login(r.Context(), q.Get("code"))
	if fault != nil {
		fail(w, fault.code, fault.message)
		return
	}
	in.expires = s.config.Now().Add(sessionLife)
	cookie := rand.Text()
	s.mu.Lock()
	s.sessions[cookie] = in
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: cookie, Path: "/", Secure: true, HttpOnly: true}) //nolint:gosec // WordPress sets no SameSite.
	redirect(w, begun.redirectTo)
}

// logOut ends the session and lets the provider know.
func (s *Site) logOut(w http.ResponseWriter, r *http.Request) {
	in, ok := s.session(r)
	if !ok {
		redirect(w, "/wp-login.php?loggedout=true")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true}) //nolint:gosec // As above.
	redirect(w, s.config.EndSessionEndpoint+"?id_token_hint="+in.idToken+
		"&post_logout_redirect_uri="+url.QueryEscape(s.config.URL)) // The home URL, without a slash.
}

// fault is what the plugin says went wrong.
type fault struct{ code, message string }

func fail(w http.ResponseWriter, code, message string) {
	q := url.Values{"login-error": {code}, "message": {message}}
	redirect(w, "/wp-login.php?"+q.Encode())
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}
