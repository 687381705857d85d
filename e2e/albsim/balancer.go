package albsim

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	serverName   = "awselb/2.0"
	callbackPath = "/oauth2/idpresponse"
	// loginTimeout is how long a visitor may take to log in. It can't be changed.
	loginTimeout = 15 * time.Minute
)

// ServeHTTP answers a request that the rule is for.
func (lb *LoadBalancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host == "" {
		lb.answerRefusal(w, refuse(http.StatusUnauthorized, AuthMissingHostHeader, "no Host, so no redirect URI"))
		return
	}
	if r.URL.Path == callbackPath {
		lb.callback(w, r)
		return
	}
	s, err := lb.session(r)
	switch {
	case errors.Is(err, errNoSession):
		lb.unauthenticated(w, r)
		return
	case err != nil:
		lb.answerRefusal(w, refuse(http.StatusUnauthorized, AuthInvalidCookie, "session cookie: %w", err))
		return
	}
	now := lb.config.Now()
	if now.Sub(s.Start) >= lb.config.SessionTimeout {
		// Even with deny: the request has authentication information, expired as it is.
		lb.authenticate(w, r)
		return
	}
	// Without a refresh token the session lives on with the claims that it has.
	if !now.Before(s.AccessTokenExpires) && s.RefreshToken != "" {
		renewed, err := lb.refresh(r.Context(), s)
		if err != nil {
			lb.logRefresh(err)
			lb.authenticate(w, r)
			return
		}
		s = renewed
		if err := lb.setSession(w, s); err != nil {
			lb.answerRefusal(w, err)
			return
		}
	}
	lb.forward(w, r, &s)
}

// logRefresh writes down why a session ends, although the visitor sees no error.
func (lb *LoadBalancer) logRefresh(err error) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		lb.config.AccessLog(http.StatusFound, refused.reason, refused.cause)
	}
}

// unauthenticated answers a request without any session.
func (lb *LoadBalancer) unauthenticated(w http.ResponseWriter, r *http.Request) {
	switch lb.config.OnUnauthenticatedRequest {
	case Allow:
		lb.forward(w, r, nil)
	case Deny:
		lb.answerRefusal(w, &refusal{status: http.StatusUnauthorized, cause: errNoSession})
	default:
		lb.authenticate(w, r)
	}
}

// authenticate sends the visitor to the provider.
func (lb *LoadBalancer) authenticate(w http.ResponseWriter, r *http.Request) {
	nonce := newNonce()
	if old, err := r.Cookie(nonceCookie); lb.config.ReuseNonce && err == nil && len(old.Value) == nonceLength {
		nonce = old.Value
	}
	state, err := lb.sealState(loginState{
		// Assumption: whatever the method was, the visitor comes back by GET.
		OriginalURL: "https://" + r.Host + r.URL.RequestURI(), Nonce: nonce, IssuedAt: lb.config.Now(),
	})
	if err != nil {
		lb.answerRefusal(w, err)
		return
	}
	var query strings.Builder
	for _, p := range append([]Param{
		{"client_id", lb.config.ClientID},
		{"redirect_uri", redirectURI(r)},
		{"response_type", "code"},
		// Assumption: a space between scopes becomes a plus sign.
		{"scope", lb.config.Scope},
		{"state", state},
	}, lb.config.AuthenticationRequestExtraParams...) {
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		query.WriteString(p.Name + "=" + url.QueryEscape(p.Value))
	}
	header := w.Header()
	header.Set("Server", serverName)
	header.Add("Set-Cookie", nonceCookie+"="+nonce+"; Path=/; Secure; HttpOnly")
	header.Set("Location", lb.config.AuthorizationEndpoint+"?"+query.String())
	w.WriteHeader(http.StatusFound)
}

// redirectURI is made of the name by which the load balancer was asked, in lower
// case.
func redirectURI(r *http.Request) string {
	return "https://" + strings.ToLower(r.Host) + callbackPath
}

// forward hands a request to the target. What the client claims about itself in
// the load balancer's own headers is dropped.
func (lb *LoadBalancer) forward(w http.ResponseWriter, r *http.Request, s *session) {
	r = r.Clone(r.Context())
	for name := range r.Header {
		if strings.HasPrefix(strings.ToLower(name), headerPrefix) {
			r.Header.Del(name)
		}
	}
	if s != nil {
		data, err := lb.signClaims(s)
		if err != nil {
			lb.answerRefusal(w, err)
			return
		}
		r.Header.Set(headerAccessToken, s.AccessToken)
		r.Header.Set(headerIdentity, s.Subject)
		r.Header.Set(headerData, data)
	}
	lb.config.Target.ServeHTTP(w, r)
}
