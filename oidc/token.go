package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
)

// errNoToken marks a userinfo request without any token.
var errNoToken = errors.New("no access token")

// token is POST on the token endpoint.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	form, client, ok := p.clientRequest(w, r)
	if !ok {
		return
	}
	switch grantType := protocol.GrantType(form.Get("grant_type")); {
	case grantType == "":
		p.refuse(w, r, client, refusal(InvalidRequest, "The grant_type is missing."))
	case grantType != protocol.GrantTypeCode && grantType != protocol.GrantTypeRefreshToken:
		p.refuse(w, r, client, refusal(UnsupportedGrantType, "The grant_type is not supported."))
	case grantType == protocol.GrantTypeRefreshToken && client.Refresh == RefreshNever:
		p.refuse(w, r, client, refusal(UnauthorizedClient, "The client is not registered for refresh tokens."))
	default:
		p.forward(w, r, client, pathToken, pick(form,
			"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token"))
	}
}

// revoke is POST on the revocation endpoint (RFC 7009).
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	if form, client, ok := p.clientRequest(w, r); ok {
		p.forward(w, r, client, pathRevoke, pick(form, "token"))
	}
}

// introspect is POST on the introspection endpoint (RFC 7662).
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	form, client, ok := p.clientRequest(w, r)
	switch {
	case !ok:
	case client.Public:
		// RFC 7662 §2.1: the endpoint must require authorization, and a public
		// client proves nothing.
		p.refuse(w, r, client, refusal(InvalidClient, "A client without a secret cannot introspect tokens."))
	default:
		query := pick(form, "token")
		// The library wants to see a secret. It looks at it no further, and the
		// real one stays at the door, where it was checked.
		query.Set("client_secret", "checked")
		p.forward(w, r, client, pathIntrospect, query)
	}
}

// userinfo is GET and POST on the userinfo endpoint (OpenID Connect Core 1.0
// §5.3.1). The token comes in the header or in the body, never in the query,
// which ends up in logs.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	form := url.Values{}
	if r.Method == http.MethodPost {
		var fault *Error
		if form, fault = p.requestForm(w, r); fault != nil {
			p.refuse(w, r, nil, fault)
			return
		}
	}
	token := form.Get("access_token")
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, bearer, _ := strings.Cut(header, " ")
		bearer = strings.TrimSpace(bearer)
		switch {
		case !strings.EqualFold(scheme, "Bearer") || bearer == "":
			p.refuse(w, r, nil, refusal(InvalidToken, "The Authorization header has no Bearer token."))
			return
		case token != "" && token != bearer:
			// RFC 6750 §2: one way per request; two are fine while they agree.
			p.refuse(w, r, nil, refusal(InvalidRequest, "Header and body hold different tokens."))
			return
		}
		token = bearer
	}
	if token == "" {
		p.refuse(w, r, nil, &Error{
			Code:        InvalidToken,
			Description: "The access token is missing.",
			Cause:       errNoToken,
		})
		return
	}
	p.forward(w, r, nil, pathUserinfo, url.Values{"access_token": {token}})
}

// clientRequest reads the form of a request that a client has to authenticate
// for. If anything is wrong it answers and returns false.
func (p *Provider) clientRequest(w http.ResponseWriter, r *http.Request) (url.Values, *Client, bool) {
	noStore(w)
	form, fault := p.requestForm(w, r)
	if fault != nil {
		p.refuse(w, r, nil, fault)
		return nil, nil, false
	}
	client, fault := p.authenticate(r, form)
	if fault != nil {
		p.refuse(w, r, nil, fault)
		return nil, nil, false
	}
	return form, client, true
}

// requestForm reads a form in which nothing comes twice. What the query says is
// ignored: secrets and codes have no place there (RFC 6749 §2.3.1).
func (p *Provider) requestForm(w http.ResponseWriter, r *http.Request) (url.Values, *Error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, &Error{
			Code:        InvalidRequest,
			Description: "The body is not a form or too large.",
			Cause:       err,
			Status:      formStatus(err),
		}
	}
	if repeated(form) != "" {
		return nil, refusal(InvalidRequest, "A parameter was sent more than once.")
	}
	return form, nil
}

// pick returns the named parameters and leaves all others behind.
func pick(form url.Values, names ...string) url.Values {
	picked := make(url.Values, len(names))
	for _, name := range names {
		if value := form.Get(name); value != "" {
			picked.Set(name, value)
		}
	}
	return picked
}

// refuse tells a client or a resource server what is wrong, as JSON.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, client *Client, fault *Error) {
	p.report(r, client, fault)
	header := w.Header()
	switch fault.Code {
	case InvalidClient:
		// RFC 6749 §5.2: a 401 names the scheme that would do.
		header.Set("WWW-Authenticate", `Basic realm="`+p.issuer+`", charset="UTF-8"`)
	case InvalidToken:
		challenge := `Bearer realm="` + p.issuer + `"`
		if !errors.Is(fault, errNoToken) {
			// RFC 6750 §3.1: no error code for those who have sent no token.
			challenge += `, error="` + string(InvalidToken) + `"`
		}
		header.Set("WWW-Authenticate", challenge)
	case TemporarilyUnavailable:
		header.Set("Retry-After", "1")
	default:
	}
	writeJSON(w, fault.status(), struct {
		Error       ErrorCode `json:"error"`
		Description string    `json:"error_description,omitempty"`
	}{fault.Code, fault.Description})
}
