package cognitosim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// checkIDToken returns the claims of an ID token that is good for the pool.
func (p *UserPool) checkIDToken(ctx context.Context, token string) (map[string]any, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.HS256, jose.HS384, jose.HS512,
	})
	if err != nil {
		return nil, fmt.Errorf("invalid id_token: %w", err) // Assumption: the wording.
	}
	payload, err := p.verify(ctx, signed)
	if err != nil {
		return nil, err
	}
	var known struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		Expires  int64           `json:"exp"`
	}
	var claims map[string]any
	if err := errors.Join(json.Unmarshal(payload, &known), json.Unmarshal(payload, &claims)); err != nil {
		return nil, fmt.Errorf("invalid id_token: %w", err)
	}
	switch {
	case known.Issuer != p.config.OIDCIssuer:
		return nil, fmt.Errorf("Bad id_token issuer %s", known.Issuer) //nolint:staticcheck // The real one's wording.
	case !slices.Contains(audiences(known.Audience), p.config.ClientID):
		return nil, fmt.Errorf("Bad id_token audience %s", known.Audience) //nolint:staticcheck // Assumption: worded like the issuer's.
	case known.Expires <= p.config.Now().Unix():
		return nil, errors.New("id_token expired") // Assumption: the wording.
	case known.Subject == "":
		return nil, errors.New("id_token without sub") // Assumption: the wording.
	}
	return claims, nil
}

// audiences reads an aud, which is a string or a list.
func audiences(aud json.RawMessage) []string {
	var one string
	if json.Unmarshal(aud, &one) == nil {
		return []string{one}
	}
	var several []string
	_ = json.Unmarshal(aud, &several) // What is neither is nobody's.
	return several
}

// verify checks the signature. The keys are fetched anew for each login.
func (p *UserPool) verify(ctx context.Context, signed *jose.JSONWebSignature) ([]byte, error) {
	header := signed.Signatures[0].Header
	switch header.Algorithm {
	case string(jose.HS256), string(jose.HS384), string(jose.HS512):
		payload, err := signed.Verify([]byte(p.config.ClientSecret))
		if err != nil {
			return nil, errors.New("invalid_token_signature: Error when verifying Symmetric MAC")
		}
		return payload, nil
	}
	status, body, err := p.ask(ctx, http.MethodGet, p.endpoints.Keys, "", nil)
	var keys jose.JSONWebKeySet
	switch {
	case err != nil:
		return nil, fmt.Errorf("jwks: %w", err) // Assumption: the wording of all these.
	case status != http.StatusOK || json.Unmarshal(body, &keys) != nil:
		return nil, fmt.Errorf("jwks: status %d", status)
	case header.KeyID == "":
		return nil, errors.New("id_token without kid")
	}
	found := keys.Key(header.KeyID)
	if len(found) == 0 {
		return nil, fmt.Errorf("kid %s is not in the jwks", header.KeyID)
	}
	payload, err := signed.Verify(found[0])
	if err != nil {
		return nil, fmt.Errorf("invalid_token_signature: %w", err)
	}
	return payload, nil
}
