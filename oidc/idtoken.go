package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// errNoKeys says that there is no signing key yet.
var errNoKeys = errors.New("no signing key yet")

// typeIDToken is the typ in the header of an ID token. Tokens of another type
// that the same keys may sign are thus never taken for one (RFC 8725 §3.11).
const typeIDToken = "JWT"

// idToken is the payload of an ID token, to which the client's claims are added:
// no claim that wasn't asked for or configured. There is no azp, since the only
// audience is the party that the token was issued to (OpenID Connect Core 1.0 §2).
type idToken struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"` // one string: many clients can't read a list
	Expiry          int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time"`
	Nonce           string   `json:"nonce,omitempty"` // only if the request had one
	AccessTokenHash string   `json:"at_hash,omitempty"`
	SessionID       string   `json:"sid"`
	AMR             []string `json:"amr,omitempty"`
	QueuePosition   int64    `json:"queue_position,omitempty"`
}

// signIDToken makes the ID token that goes with an access token, or with none if
// accessToken is empty.
func (p *Provider) signIDToken(ctx context.Context, g grantee, nonce, accessToken string, now, expires time.Time) (string, error) {
	claims := idToken{
		Issuer:          p.issuer,
		Subject:         g.subject(),
		Audience:        g.client.ID,
		Expiry:          expires.Unix(),
		IssuedAt:        now.Unix(),
		AuthTime:        g.grant.AuthTime.Unix(),
		Nonce:           nonce,
		AccessTokenHash: accessTokenHash(accessToken),
		SessionID:       sessionID(p.sessionKeys[0], g.visitor),
		AMR:             g.visitor.AMR,
	}
	if g.client.QueuePosition {
		claims.QueuePosition = g.visitor.Position
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode ID token: %w", err)
	}
	payload = g.client.template.Append(payload, g.values())
	token, err := p.keys.Sign(ctx, g.client.IDTokenAlgorithm, typeIDToken, payload)
	if err != nil {
		return "", fmt.Errorf("sign ID token: %w", err)
	}
	return token, nil
}

// accessTokenHash is the at_hash of an access token (OpenID Connect Core 1.0
// §3.1.3.6): the left half of its SHA-256, as RS256 and ES256 use that.
func accessTokenHash(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2])
}

// sessionID is the sid of a visitor's session. A place is good for one session,
// so room, generation and subject name it.
func sessionID(key []byte, v Visitor) string {
	mac := hmac.New(sha256.New, key)
	id := appendString(appendString(nil, v.Room), v.Subject)
	mac.Write(binary.AppendVarint(id, v.Generation))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// isSession reports whether sid names the visitor's session, under whichever
// secret it was made.
func (p *Provider) isSession(sid string, v Visitor) bool {
	for _, key := range p.sessionKeys {
		if hmac.Equal([]byte(sid), []byte(sessionID(key, v))) {
			return true
		}
	}
	return false
}

// openHint returns the claims of an ID token that this provider issued, be it
// long expired. An error means that it is anything else: unsigned, signed with
// another key or algorithm, of another issuer, or no ID token at all.
func (p *Provider) openHint(token string) (*idToken, error) {
	payload, err := p.keys.Verify(typeIDToken, token)
	if err != nil {
		return nil, fmt.Errorf("verify ID token: %w", err)
	}
	var claims idToken
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, fmt.Errorf("decode ID token: %w", err)
	}
	if claims.Issuer != p.issuer {
		return nil, errors.New("ID token of another issuer")
	}
	// What signIDToken writes has all of these, and aud is a string.
	if claims.Subject == "" || claims.Audience == "" || claims.SessionID == "" || claims.IssuedAt == 0 {
		return nil, errors.New("not an ID token")
	}
	return &claims, nil
}

// ready reports whether ID tokens can be signed and verified.
func (p *Provider) ready() bool { return len(p.keys.Public().Keys) > 0 }
