package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
)

// Implicit flow (OpenID Connect Core 1.0 §3.2), with an ID token alone and by a
// posted form alone. Inside it is a code flow all the same: a code is issued to
// the admitted visitor and taken at once by the provider itself. So the visit has
// a grant of that client, as after any other login, by which a new
// authentication, logout and the freeing of the slot go.

// innerCode returns the code of a login that asks for an ID token. It is the same
// each time, so that a browser which lost the answer and asks again gets another
// token of the same grant, and not a second grant.
func (l *Login) innerCode(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(appendString(nil, "id_token"))
	mac.Write(l.id[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// deliverIDToken sends the browser to the client with an ID token.
func (p *Provider) deliverIDToken(w http.ResponseWriter, r *http.Request, login *Login, secret string) {
	token, err := p.frontToken(r.Context(), login, secret)
	switch {
	case errors.Is(err, ErrNoVisitor) && login.silent:
		// OpenID Connect Core 1.0 §3.1.2.6: the visit has just ended, and no page may
		// be shown.
		p.fail(w, r, login, &Error{Code: LoginRequired, Description: "The visitor has not been admitted.", Cause: err})
	case errors.Is(err, ErrNoVisitor):
		// The link of the waiting page was opened again long after the answer.
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "This link has been used. Please go back to the site and start again."})
	case err != nil:
		p.fail(w, r, login, unavailable(err))
	default:
		p.respond(w, r, login, []Field{{"id_token", token}})
	}
}

// frontToken takes the inner code of a login and signs an ID token for its grant.
func (p *Provider) frontToken(ctx context.Context, login *Login, secret string) (string, error) {
	if !p.ready() {
		return "", errNoKeys
	}
	client := login.client
	redemption, err := p.queue.Redeem(ctx, client.Room, hashCode(p.codeKeys[0], secret), client.ID,
		binding(login.redirectURI, login.challenge), login.id)
	if err != nil {
		return "", err
	}
	payload, err := decodeCodePayload(redemption.Payload)
	if err != nil {
		return "", fmt.Errorf("decode an inner code: %w", err)
	}
	now := p.queue.Now()
	g := grantee{client, redemption.Visitor, redemption.Grant, false, payload.pseudonym}
	if !g.visitor.Expires.After(now) {
		return "", fmt.Errorf("the visit is over: %w", ErrNoVisitor)
	}
	_, expires := g.life(now)
	// There is no access token, so there is no at_hash (§3.2.2.10).
	return p.signIDToken(ctx, g, payload.nonce, "", now, expires)
}
