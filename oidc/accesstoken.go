package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// typeAccessToken is the typ in the header of an access token (RFC 9068 §2.1).
// It is what keeps it from passing as an ID token, and the other way round.
const typeAccessToken = "at+jwt"

// maxJWT bounds what is accepted as an access token in the JWT format, in
// characters. Ours have less than 1,500.
const maxJWT = 8 << 10

// errExpired says that an access token has had its time.
var errExpired = errors.New("access token has expired")

// accessClaims is the payload of an access token in the JWT format (RFC 9068
// §2.2).
type accessClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expiry   int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	ID       string `json:"jti"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// accessToken makes the access token of a grant, in its client's format.
func (p *Provider) accessToken(ctx context.Context, g grantee, h handle, now time.Time) (string, error) {
	if g.client.AccessToken != AccessTokenJWT {
		return sealAccess(p.accessSeal, now, h)
	}
	// The jti names the grant, so that the token needs no row either. Resource
	// servers log a jti, so it is sealed for this purpose alone and is no token.
	id, err := sealAccess(p.jwtSeal, now, h)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(accessClaims{
		Issuer:  p.issuer,
		Subject: g.subject(),
		// RFC 9068 §3: without a resource in the request, a default one. It is
		// never the client, whose ID tokens have that audience, and no client's
		// ID can be a URL.
		Audience: p.issuer,
		Expiry:   h.expires.Unix(),
		IssuedAt: now.Unix(),
		ID:       id,
		ClientID: g.client.ID,
		Scope:    scope(g.offline).String(),
	})
	if err != nil {
		return "", fmt.Errorf("encode access token: %w", err)
	}
	// RFC 9068 §2.1: everybody who takes such tokens must know RS256.
	token, err := p.keys.Sign(ctx, jose.RS256, typeAccessToken, payload)
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	return token, nil
}

// openAccessToken returns what an access token of either format says while it
// lasts. Whether its grant lives is another question. An error is errNoKeys if
// nobody can say now; for all others isDead is true.
func (p *Provider) openAccessToken(now time.Time, token string) (handle, error) {
	h, err := p.openEither(now, token)
	if err == nil && !now.Before(h.expires) {
		err = errExpired
	}
	return h, err
}

// openEither opens an access token of either format. A sealed value has no dot
// in it, and a JWT has two.
func (p *Provider) openEither(now time.Time, token string) (handle, error) {
	if !strings.Contains(token, ".") {
		return openAccess(p.accessSeal, now, token)
	}
	if len(token) > maxJWT {
		return handle{}, errBroken
	}
	if !p.ready() {
		return handle{}, errNoKeys
	}
	payload, err := p.keys.Verify(typeAccessToken, token)
	if err != nil {
		return handle{}, fmt.Errorf("%w: verify access token: %w", errBroken, err)
	}
	var claims accessClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return handle{}, fmt.Errorf("%w: decode access token: %w", errBroken, err)
	}
	// RFC 9068 §4: issuer and audience must be those that one expects.
	if claims.Issuer != p.issuer || claims.Audience != p.issuer {
		return handle{}, fmt.Errorf("%w: access token of another issuer or audience", errBroken)
	}
	return openAccess(p.jwtSeal, now, claims.ID)
}

// isDead reports whether an error of openAccessToken or grantee means that the
// token is worth nothing, rather than that nobody can say now.
func isDead(err error) bool {
	for _, dead := range []error{errBroken, errOutdated, errMalformed, errExpired, ErrNoVisitor} {
		if errors.Is(err, dead) {
			return true
		}
	}
	return false
}
