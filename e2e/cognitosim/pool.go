package cognitosim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// callbackPath is where the provider sends visitors back to.
const callbackPath = "/oauth2/idpresponse"

// ServeHTTP answers on the pool's domain.
func (p *UserPool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/oauth2/authorize":
		p.authorize(w, r)
	case callbackPath:
		p.callback(w, r)
	case "/oauth2/token":
		p.token(w, r)
	case "/logout":
		p.logout(w, r)
	default:
		http.NotFound(w, r)
	}
}

// authorize sends a visitor of the application on to the provider.
func (p *UserPool) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.config.AppClientID || q.Get("redirect_uri") != p.config.CallbackURL ||
		q.Get("response_type") != "code" || q.Get("identity_provider") != p.config.ProviderName {
		http.Error(w, "redirect_mismatch", http.StatusBadRequest) // Assumption: the page.
		return
	}
	xsrf := newToken()
	login := p.newState(q.Get("state"), xsrf)
	state, err := p.sealState(login)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	query := []string{
		"client_id=" + url.QueryEscape(p.config.ClientID),
		"redirect_uri=" + url.QueryEscape(p.redirectURI()),
		"scope=" + strings.ReplaceAll(url.QueryEscape(p.config.AuthorizeScopes), "%20", "+"),
		"response_type=code",
		"state=" + url.QueryEscape(state),
	}
	if p.config.SendNonce {
		query = append(query, "nonce="+login.Nonce)
	}
	for _, name := range []string{"XSRF-TOKEN", "csrf-state", "csrf-state-legacy"} {
		// Assumption: how the cookies relate to the state, and their attributes.
		cookie := &http.Cookie{Name: name, Value: xsrf, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode} //nolint:gosec // See above.
		if name == "csrf-state-legacy" {
			cookie.SameSite = 0
		}
		http.SetCookie(w, cookie)
	}
	w.Header().Set("Location", p.endpoints.Authorize+"?"+strings.Join(query, "&"))
	w.WriteHeader(http.StatusFound)
}

func (p *UserPool) redirectURI() string { return "https://" + p.config.Domain + callbackPath }

// callback is where the provider sends visitors back to.
func (p *UserPool) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	state, err := p.openState(q.Get("state"))
	cookie, missing := r.Cookie("csrf-state")
	if err != nil || missing != nil || cookie.Value != state.Session ||
		p.config.Now().Unix()-state.CreationTimeSeconds > int64(loginTimeout.Seconds()) {
		somethingWentWrong(w)
		return
	}
	if code := q.Get("error"); code != "" {
		p.relay(w, state, code, q.Get("error_description"))
		return
	}
	user, err := p.login(r.Context(), q.Get("code"), state)
	if err != nil {
		p.relay(w, state, "invalid_request", err.Error())
		return
	}
	back := url.Values{"code": {p.issue(user, state)}}
	if state.State != "" {
		back.Set("state", state.State)
	}
	w.Header().Set("Location", p.config.CallbackURL+"?"+back.Encode())
	w.WriteHeader(http.StatusFound)
}

// somethingWentWrong is all that visitors learn whose state is no good: without it
// the pool can't know the application.
//
// Assumption: the status.
func somethingWentWrong(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprint(w, "<!doctype html><title>Error</title><h1>Something went wrong</h1>\n")
}

// relay tells the application what went wrong at the provider.
func (p *UserPool) relay(w http.ResponseWriter, state loginState, code, description string) {
	query := "error_description=" + url.QueryEscape(description) + "&error=" + url.QueryEscape(code)
	if state.State != "" {
		query += "&state=" + url.QueryEscape(state.State)
	}
	w.Header().Set("Location", p.config.CallbackURL+"?"+query)
	w.WriteHeader(http.StatusFound)
}

// logout ends the pool's own session, of which the simulator keeps none, and goes
// back to the application. The provider never hears of it.
func (p *UserPool) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.config.AppClientID || q.Get("logout_uri") != p.config.LogoutURL {
		http.Error(w, "redirect_mismatch", http.StatusBadRequest) // Assumption: the page.
		return
	}
	w.Header().Set("Location", p.config.LogoutURL)
	w.WriteHeader(http.StatusFound)
}
