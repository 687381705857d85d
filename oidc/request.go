package oidc

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
)

// maxNonce bounds a nonce, in bytes: it comes back in every ID token, which
// clients keep in cookies.
const maxNonce = 1 << 10

// addressee finds out who sent an authorization request and where its answer
// goes. What is wrong up to here is shown to the person, because there is no
// address that could be trusted; what is wrong later is told to the client.
//
// RFC 6749 §4.1.2.1: with an unknown client or a missing, invalid or
// unregistered redirect URI the browser must not be redirected.
func (p *Provider) addressee(q url.Values) (*Login, *Problem) {
	if len(q["client_id"]) > 1 || len(q["redirect_uri"]) > 1 {
		return nil, &Problem{InvalidRequest, "The site sent an ambiguous request."}
	}
	client := p.clients.byID[q.Get("client_id")]
	if client == nil {
		return nil, &Problem{InvalidRequest, "The site that sent you is not known here."}
	}
	redirectURI := q.Get("redirect_uri")
	if redirectURI == "" {
		// OpenID Connect Core 1.0 §3.1.2.1: required, though OAuth lets a client
		// with a single registered URI leave it out.
		return nil, &Problem{InvalidRequest, "The site did not say where to send you afterwards."}
	}
	if !client.redirectsTo(redirectURI) {
		return nil, &Problem{InvalidRequest, "The site wants to send you to an address that is not registered for it."}
	}
	login := &Login{client: client, redirectURI: redirectURI, maxAge: -1}
	if len(q["state"]) == 1 {
		login.state = q.Get("state")
	}
	login.formPost = answersByForm(q)
	return login, nil
}

// complete reads the rest of an authorization request into login. Unknown
// parameters, scopes and prompt values are ignored (RFC 6749 §3.1).
func (p *Provider) complete(login *Login, q url.Values) *Error {
	if name := repeated(q); name != "" {
		return refusal(InvalidRequest, "A parameter was sent more than once.")
	}
	for _, check := range []func(*Login, url.Values) *Error{
		checkResponse,
		checkChallenge,
		checkPrompt,
		checkScope,
		p.checkHint,
	} {
		if fault := check(login, q); fault != nil {
			return fault
		}
	}
	return nil
}

// checkResponse checks how the client wants its answer.
func checkResponse(login *Login, q url.Values) *Error {
	switch mode := protocol.ResponseMode(q.Get("response_mode")); mode {
	case "", protocol.ResponseModeQuery, protocol.ResponseModeFormPost:
	default:
		return refusal(InvalidRequest, "The response_mode is not supported, only query and form_post are.")
	}
	// OpenID Connect Core 1.0 §6 and §7.2.1: whoever doesn't support these must
	// say so, since the request may say something else inside them.
	switch {
	case q.Get("request") != "":
		return refusal(RequestNotSupported, "Request objects are not supported.")
	case q.Get("request_uri") != "":
		return refusal(RequestURINotSupported, "Request objects are not supported.")
	case q.Get("registration") != "":
		return refusal(RegistrationNotSupported, "Registration parameters are not supported.")
	}
	login.nonce = q.Get("nonce")
	if len(login.nonce) > maxNonce || !utf8.ValidString(login.nonce) {
		return refusal(InvalidRequest, "The nonce is not text or too long.")
	}
	return checkResponseType(login, q)
}

// checkResponseType checks what the client wants.
func checkResponseType(login *Login, q url.Values) *Error {
	response := ResponseType(q.Get("response_type"))
	login.idToken = response == ResponseIDToken
	switch {
	case response == "":
		return refusal(InvalidRequest, "The response_type is missing.")
	case !login.client.asksFor(response):
		return refusal(UnsupportedResponseType, "The response_type is not supported for this client.")
	case login.idToken && !login.formPost:
		// OAuth 2.0 Multiple Response Type Encoding Practices §3 would have the
		// fragment of the URL for it, where the token would stay in the history.
		return refusal(InvalidRequest, "The response_type id_token needs the response_mode form_post.")
	case login.idToken && login.nonce == "":
		// OpenID Connect Core 1.0 §3.2.2.1: required in this flow.
		return refusal(InvalidRequest, "The response_type id_token needs a nonce.")
	}
	return nil
}

// checkChallenge checks the PKCE parameters.
func checkChallenge(login *Login, q url.Values) *Error {
	challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		// Somebody may have taken the challenge away.
		return refusal(InvalidRequest, "There is a code_challenge_method without a code_challenge.")
	case challenge == "" && login.client.Public && !login.idToken:
		// RFC 9700 §2.1.1: public clients must use PKCE.
		return refusal(InvalidRequest, "A code_challenge is required for this client.")
	case challenge == "":
		return nil
	case protocol.CodeChallengeMethod(method) != protocol.CodeChallengeMethodS256:
		// RFC 7636 §4.3: no method means plain, which we refuse as §4.4.1 says.
		return refusal(InvalidRequest, "The code_challenge_method must be S256.")
	case !isUnreserved(challenge):
		return refusal(InvalidRequest, "The code_challenge is malformed.")
	}
	login.challenge = challenge
	return nil
}

// isUnreserved reports whether s has the syntax of PKCE verifiers and
// challenges: 43 to 128 unreserved characters (RFC 7636 §4.1 and §4.2).
func isUnreserved(s string) bool {
	for _, b := range []byte(s) {
		switch {
		case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		case strings.IndexByte("-._~", b) >= 0:
		default:
			return false
		}
	}
	return len(s) >= 43 && len(s) <= 128
}

// checkPrompt reads what the client wants to happen before the answer.
func checkPrompt(login *Login, q url.Values) *Error {
	prompts := strings.Fields(q.Get("prompt"))
	login.silent = slices.Contains(prompts, protocol.PromptNone)
	login.again = slices.Contains(prompts, protocol.PromptLogin)
	// consent and select_account have nothing to ask here: a visitor has
	// nothing to consent to and is nobody but the holder of a place.
	if login.silent && len(prompts) > 1 {
		// OpenID Connect Core 1.0 §3.1.2.1: none goes with no other value.
		return refusal(InvalidRequest, "The prompt value none excludes all others.")
	}
	if text := q.Get("max_age"); text != "" {
		seconds, ok := parseSeconds(text)
		if !ok {
			return refusal(InvalidRequest, "The max_age must be a number of seconds.")
		}
		login.maxAge = seconds
	}
	return nil
}

// maxSeconds stands for all longer times, being some thirty thousand years.
const maxSeconds = 1<<40 - 1

// parseSeconds reads a number of seconds, however long.
func parseSeconds(text string) (int64, bool) {
	for _, b := range []byte(text) {
		if b < '0' || b > '9' {
			return 0, false
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		seconds, err = maxSeconds, nil
	}
	return min(seconds, maxSeconds), err == nil
}

// checkScope reads what the client wants to get. A request without openid is
// answered as if it had it: clients rely on an ID token either way, and
// OpenID Connect Core 1.0 §3.1.2.1 leaves the behaviour open.
func checkScope(login *Login, q url.Values) *Error {
	// OpenID Connect Core 1.0 §11: offline_access needs consent or another
	// reason to be granted, which here is the registration.
	login.offline = login.client.Refresh == RefreshOffline && !login.idToken &&
		slices.Contains(strings.Fields(q.Get("scope")), protocol.ScopeOfflineAccess)
	return nil
}

// scope returns the scopes that are granted.
func scope(offline bool) protocol.SpaceDelimitedArray {
	if offline {
		return protocol.SpaceDelimitedArray{protocol.ScopeOpenID, protocol.ScopeOfflineAccess}
	}
	return protocol.SpaceDelimitedArray{protocol.ScopeOpenID}
}

// checkHint reads the id_token_hint.
//
// OpenID Connect Core 1.0 §3.1.2.2: the provider must make sure that it issued
// the token, and should take one that has expired. A token that isn't ours is
// an invalid parameter value (RFC 6749 §4.1.2.1).
func (p *Provider) checkHint(login *Login, q url.Values) *Error {
	token := q.Get("id_token_hint")
	if token == "" {
		return nil
	}
	if !p.ready() {
		return unavailable(errNoKeys)
	}
	hint, err := p.openHint(token)
	if err != nil || hint.Audience != login.client.ID {
		return &Error{
			Code:        InvalidRequest,
			Description: "The id_token_hint is not an ID token that was issued to this client.",
			Cause:       err,
		}
	}
	login.subject = hint.Subject
	return nil
}
