package albsim

import (
	"net/http"
	"net/url"
)

// callback is the redirect URI. Nothing is asked of the provider before state and
// cookie are found good, so a browser without the cookie leaves the code unspent.
func (lb *LoadBalancer) callback(w http.ResponseWriter, r *http.Request) {
	state, err := lb.openCallback(r)
	if err != nil {
		lb.answerRefusal(w, err)
		return
	}
	s, err := lb.login(r.Context(), url.Values{
		"grant_type": {"authorization_code"}, "code": {r.URL.Query().Get("code")}, "redirect_uri": {redirectURI(r)},
	})
	if err != nil {
		lb.answerRefusal(w, err)
		return
	}
	if err := lb.setSession(w, s); err != nil {
		lb.answerRefusal(w, err)
		return
	}
	w.Header().Set("Server", serverName)
	w.Header().Set("Location", state.OriginalURL)
	w.WriteHeader(http.StatusFound)
}

// openCallback checks what the browser brings back.
func (lb *LoadBalancer) openCallback(r *http.Request) (loginState, error) {
	const denied = http.StatusUnauthorized
	q := r.URL.Query()
	var state loginState
	cookie, missing := r.Cookie(nonceCookie)
	switch {
	case q.Get("error") != "":
		// Assumption: an error takes precedence over all else, and the reason.
		return state, refuse(denied, AuthInvalidTokenResponse, "the provider answers %q", q.Get("error"))
	case q.Get("code") == "":
		return state, refuse(denied, AuthMissingCodeParam, "no code")
	case q.Get("state") == "":
		return state, refuse(denied, AuthMissingStateParam, "no state")
	}
	if err := lb.open(q.Get("state"), &state); err != nil {
		return state, refuse(denied, AuthInvalidStateParam, "state: %w", err)
	}
	switch {
	case missing != nil:
		return state, refuse(denied, AuthMissingAWSALBAuthNonce, "no nonce cookie")
	case cookie.Value != state.Nonce:
		return state, refuse(denied, AuthInvalidAWSALBAuthNonce, "the nonce cookie belongs to another login")
	case lb.config.Now().Sub(state.IssuedAt) > loginTimeout:
		// Assumption: the reason; the status is documented.
		return state, refuse(denied, AuthInvalidStateParam, "the login took longer than %v", loginTimeout)
	}
	return state, nil
}
