package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	protocol "github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/anteroom-dev/anteroom/oidc/claims"
)

// grantee is a client with the visitor and the grant that a request is about.
type grantee struct {
	client  *Client
	visitor Visitor
	grant   Grant
	offline bool // scope offline_access was granted
	// pseudonym is the sub that the grant began with, if its client sees another
	// than the request ID.
	pseudonym pseudonym
}

// redeem answers a token request for an authorization code.
func (p *Provider) redeem(ctx context.Context, client *Client, request *protocol.AccessTokenRequest) (any, *Error) {
	// A code taken while no token can be signed would be lost.
	if !p.ready() {
		return nil, unavailable(errNoKeys)
	}
	var challenge string
	if request.CodeVerifier != "" {
		if !isUnreserved(request.CodeVerifier) {
			return nil, refusal(InvalidGrant, "The code_verifier is malformed.")
		}
		challenge = challengeOf(request.CodeVerifier)
	}
	redemption, err := p.takeCode(ctx, client, request.Code, binding(request.RedirectURI, challenge))
	switch {
	case errors.Is(err, ErrReplayed):
		// RFC 6749 §4.1.2: what was issued for the code before is revoked.
		return nil, badGrant("The code was used before.", err)
	case errors.Is(err, ErrNoVisitor):
		return nil, badGrant("The code is not valid for this client, redirect_uri and code_verifier.", err)
	case err != nil:
		return nil, unavailable(err)
	}
	payload, err := decodeCodePayload(redemption.Payload)
	if err != nil {
		return nil, badGrant("The code is not valid.", err)
	}
	return p.tokens(ctx, grantee{client, redemption.Visitor, redemption.Grant, payload.offline, payload.pseudonym}, payload.nonce)
}

// takeCode takes a code from the queue, under whichever secret it was made.
func (p *Provider) takeCode(ctx context.Context, client *Client, code string, bound [32]byte) (Redemption, error) {
	if len(code) != codeLength {
		return Redemption{}, ErrNoVisitor
	}
	op := newOperation()
	var redemption Redemption
	err := ErrNoVisitor
	for _, key := range p.codeKeys {
		redemption, err = p.queue.Redeem(ctx, client.Room, hashCode(key, code), client.ID, bound, op)
		if !errors.Is(err, ErrNoVisitor) {
			break
		}
	}
	return redemption, err
}

// renew answers a token request with a refresh token.
func (p *Provider) renew(ctx context.Context, client *Client, token string) (any, *Error) {
	if !p.ready() {
		return nil, unavailable(errNoKeys)
	}
	h, err := p.openRefresh(p.queue.Now(), token)
	if err != nil || h.client != client.mark() {
		// RFC 6749 §6: a refresh token is bound to the client it was issued to.
		// Another client's token is not used up by trying.
		return nil, badGrant("The refresh token is not valid for this client.", err)
	}
	// A public client can't prove that it is the one who asks again, so its
	// tokens work once. RFC 9700 §4.14.2.
	visitor, grant, err := p.queue.Rotate(ctx, client.Room, h.subject, h.generation, h.grant, h.number, !client.Public)
	switch {
	case errors.Is(err, ErrReplayed), errors.Is(err, ErrNoVisitor):
		return nil, badGrant("The refresh token is no longer valid.", err)
	case err != nil:
		return nil, unavailable(err)
	case grant.Client != client.ID:
		return nil, badGrant("The refresh token is not valid for this client.", nil)
	}
	// OpenID Connect Core 1.0 §12.2: the new ID token has no nonce and keeps
	// auth_time, which is the grant's.
	return p.tokens(ctx, grantee{client, visitor, grant, h.offline, h.pseudonym}, "")
}

// tokens makes the answer of the token endpoint.
func (p *Provider) tokens(ctx context.Context, g grantee, nonce string) (any, *Error) {
	now := p.queue.Now()
	if !g.visitor.Expires.After(now) {
		return nil, badGrant("The visit is over.", nil)
	}
	life, expires := g.life(now)
	h := handle{
		client:     g.client.mark(),
		subject:    g.visitor.Subject,
		generation: g.visitor.Generation,
		grant:      g.grant.ID,
		expires:    expires,
		number:     g.grant.Number,
		offline:    g.offline,
		pseudonym:  g.pseudonym,
	}
	access, err := p.accessToken(ctx, g, h, now)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &protocol.AccessTokenResponse{
		AccessToken: access,
		TokenType:   protocol.BearerToken,
		ExpiresIn:   uint64(life / time.Second),
		Scope:       scope(g.offline),
	}
	if g.client.Refresh == RefreshAlways || g.offline && g.client.Refresh == RefreshOffline {
		if response.RefreshToken, err = p.sealRefresh(now, h); err != nil {
			return nil, unavailable(err)
		}
	}
	if response.IDToken, err = p.signIDToken(ctx, g, nonce, access, now, expires); err != nil {
		return nil, unavailable(err)
	}
	return response, nil
}

// life returns how long tokens of the grant made now last, in whole seconds, and
// when they end.
//
// Times on the wire are whole seconds, and the visit's end is rounded up: a
// client whose own session ends with its tokens comes back when the visit is
// over, and not within its last second, for a login of no length.
func (g grantee) life(now time.Time) (life time.Duration, expires time.Time) {
	const roundUp = time.Second - 1
	life = min(g.client.AccessTokenTTL, g.visitor.Expires.Sub(now)+roundUp).Truncate(time.Second)
	expires = now.Add(g.client.AccessTokenTTL)
	if end := g.visitor.Expires.Add(roundUp).Truncate(time.Second); end.Before(expires) {
		expires = end
	}
	return life, expires
}

// userClaims is what the userinfo endpoint says of a visitor, to which the
// client's claims are added: the same as the ID token (OpenID Connect Core 1.0
// §5.3.2).
type userClaims struct {
	Subject       string `json:"sub"`
	QueuePosition int64  `json:"queue_position,omitempty"`
}

// describeVisitor answers a userinfo request.
func (p *Provider) describeVisitor(ctx context.Context, token string) (any, *Error) {
	h, err := p.openAccessToken(p.queue.Now(), token)
	if err != nil {
		return nil, badToken(err)
	}
	g, err := p.grantee(ctx, h)
	if err != nil {
		return nil, badToken(err)
	}
	user := userClaims{Subject: g.subject()}
	if g.client.QueuePosition {
		user.QueuePosition = g.visitor.Position
	}
	object, err := json.Marshal(user)
	if err != nil {
		return nil, unavailable(fmt.Errorf("encode userinfo: %w", err))
	}
	return json.RawMessage(g.client.template.Append(object, g.values())), nil
}

// values returns what the placeholders in the claims of the client stand for.
func (g grantee) values() claims.Values {
	return claims.Values{Subject: g.subject(), Position: g.visitor.Position, Room: g.visitor.Room}
}

// grantee looks up the live grant that a token names. Its errors wrap
// [ErrNoVisitor] if there is none, or say that the line can't answer.
func (p *Provider) grantee(ctx context.Context, h handle) (grantee, error) {
	client := p.clients.byMark[h.client]
	if client == nil {
		return grantee{}, fmt.Errorf("client of a token: %w", ErrNoVisitor)
	}
	visitor, grant, err := p.queue.Grant(ctx, client.Room, h.subject, h.generation, h.grant)
	if err != nil {
		return grantee{}, err
	}
	if grant.Client != client.ID {
		return grantee{}, fmt.Errorf("grant of another client: %w", ErrNoVisitor)
	}
	return grantee{client, visitor, grant, h.offline, h.pseudonym}, nil
}

// revokeToken ends the grant of an access or refresh token. The token's kind is
// seen from the token, so token_type_hint has nothing to add.
//
// RFC 7009 §2.2: a token that is not valid, or not this client's, is no error,
// and the answer doesn't tell.
func (p *Provider) revokeToken(ctx context.Context, client *Client, token string) *Error {
	now := p.queue.Now()
	h, err := p.openRefresh(now, token)
	if err != nil {
		h, err = p.openAccessToken(now, token)
	}
	switch {
	case errors.Is(err, errNoKeys):
		return unavailable(err)
	case err != nil:
		return nil
	}
	if h.client != client.mark() {
		return nil
	}
	err = p.queue.Revoke(ctx, client.Room, h.subject, h.generation, h.grant)
	if err != nil && !errors.Is(err, ErrNoVisitor) {
		// RFC 7009 §2.2.1: 503 asks the client to try again.
		return unavailable(err)
	}
	return nil
}

// badGrant is the answer to a code or refresh token that is not good.
func badGrant(description string, cause error) *Error {
	return &Error{Code: InvalidGrant, Description: description, Cause: cause}
}

// badToken is the answer to an access token for which openAccessToken or
// grantee returned cause.
func badToken(cause error) *Error {
	if !isDead(cause) {
		return unavailable(cause)
	}
	return &Error{Code: InvalidToken, Description: "The access token is not valid any more.", Cause: cause}
}
