package albsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// checkIDToken returns the sub of an ID token that is good for this client.
func (lb *LoadBalancer) checkIDToken(ctx context.Context, token string) (subject string, err error) {
	subject, err = lb.readIDToken(ctx, token)
	if err != nil {
		return "", refuse(http.StatusUnauthorized, AuthInvalidIDToken, "ID token: %w", err)
	}
	return subject, nil
}

func (lb *LoadBalancer) readIDToken(ctx context.Context, token string) (string, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512,
	})
	if err != nil {
		return "", err
	}
	payload := signed.UnsafePayloadWithoutVerification()
	if lb.config.ValidateSignature {
		if payload, err = lb.verify(ctx, signed); err != nil {
			return "", err
		}
	}
	var claims struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		Expires  int64           `json:"exp"`
		Nonce    json.RawMessage `json:"nonce"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", err
	}
	switch {
	case claims.Issuer != lb.config.Issuer:
		return "", fmt.Errorf("iss is %q", claims.Issuer)
	case !lb.isAudience(claims.Audience):
		return "", fmt.Errorf("aud is %s", claims.Audience)
	case claims.Expires <= lb.config.Now().Unix():
		// Assumption: without leeway.
		return "", errors.New("it has expired")
	case claims.Nonce != nil:
		// None was sent; a token with an empty one was refused by the real one.
		return "", fmt.Errorf("nonce is %s", claims.Nonce)
	case claims.Subject == "":
		return "", errors.New("it has no sub")
	}
	return claims.Subject, nil
}

func (lb *LoadBalancer) isAudience(aud json.RawMessage) bool {
	var one string
	if json.Unmarshal(aud, &one) == nil {
		return one == lb.config.ClientID
	}
	var several []string
	return lb.config.AcceptAudienceList && json.Unmarshal(aud, &several) == nil && slices.Contains(several, lb.config.ClientID)
}

// verify checks the signature against the keys that discovery leads to.
//
// Assumption: that there is such a check, and that the keys are fetched for each
// login.
func (lb *LoadBalancer) verify(ctx context.Context, signed *jose.JSONWebSignature) ([]byte, error) {
	var discovery struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := lb.fetch(ctx, lb.config.Issuer+"/.well-known/openid-configuration", &discovery); err != nil {
		return nil, err
	}
	var keys jose.JSONWebKeySet
	if err := lb.fetch(ctx, discovery.KeysURL, &keys); err != nil {
		return nil, err
	}
	found := keys.Key(signed.Signatures[0].Header.KeyID)
	if len(found) != 1 {
		return nil, fmt.Errorf("key %q is not published", signed.Signatures[0].Header.KeyID)
	}
	return signed.Verify(found[0])
}

func (lb *LoadBalancer) fetch(ctx context.Context, target string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	status, body, err := lb.ask(r)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("%s answers %d", target, status)
	}
	return json.Unmarshal(body, into)
}
