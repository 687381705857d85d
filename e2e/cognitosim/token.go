package cognitosim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tokenLife is how long the pool's own tokens live: an hour, the default of a pool.
const tokenLife = time.Hour

// issued is what one of the pool's own codes is good for.
type issued struct {
	user  User
	nonce string // the pool's own, as captured tokens have one
}

// issue returns a code for the application.
func (p *UserPool) issue(user User, state loginState) string {
	code := newToken()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[code] = issued{user, state.Nonce}
	return code
}

// token is the pool's own token endpoint, by which the application learns who the
// visitor is. It is no more than the tests need: the client is a public one.
func (p *UserPool) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	code, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !ok || r.PostFormValue("client_id") != p.config.AppClientID {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	access := newToken() // Assumption: its form matters to nobody here; the real one is a JWT.
	token, err := p.signIDToken(code, access)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{ // An error means that the caller has gone.
		"id_token": token, "access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()),
	})
}

// signIDToken makes the pool's own ID token.
func (p *UserPool) signIDToken(code issued, access string) (string, error) {
	now, hash := p.config.Now(), sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": "https://" + p.config.Domain, "aud": p.config.AppClientID, "sub": code.user.ID, "token_use": "id",
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "nonce": code.nonce,
		"at_hash":          base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2]),
		"cognito:username": code.user.Username,
		"identities": []map[string]any{{
			"userId": code.user.Sub, "providerName": p.config.ProviderName, "providerType": "OIDC",
		}},
	}
	maps.Copy(claims, code.user.Attributes)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode the pool's ID token: %w", err)
	}
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.signing, KeyID: "pool"}}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		return "", fmt.Errorf("sign the pool's ID token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign the pool's ID token: %w", err)
	}
	return signed.CompactSerialize()
}
