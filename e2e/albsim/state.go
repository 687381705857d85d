package albsim

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	nonceCookie = "AWSALBAuthNonce"
	nonceLength = 16
)

// loginState is what the state parameter carries.
//
// Assumption: what the real one holds is unknown but for the original URL, with
// which its length grows; it is opaque to everybody else.
type loginState struct {
	OriginalURL string    `json:"orig_url"`
	Nonce       string    `json:"nonce"`
	IssuedAt    time.Time `json:"iat"`
	Pad         string    `json:"pad,omitempty"`
}

// newNonce returns 16 characters of [A-Za-z0-9].
func newNonce() string { return rand.Text()[:nonceLength] }

// sealState returns a state in standard base64, which is what captures show. It has
// each of the characters + / = that a careless provider would change.
func (lb *LoadBalancer) sealState(s loginState) (string, error) {
	for {
		sealed, err := lb.seal(s)
		if err != nil {
			return "", err
		}
		if strings.Contains(sealed, "+") && strings.Contains(sealed, "/") && strings.Contains(sealed, "=") {
			return sealed, nil
		}
		s.Pad += "."
	}
}

func (lb *LoadBalancer) seal(v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	nonce := make([]byte, lb.sealing.NonceSize())
	_, _ = rand.Read(nonce) // crypto/rand.Read never fails.
	return base64.StdEncoding.EncodeToString(lb.sealing.Seal(nonce, nonce, plain, nil)), nil
}

func (lb *LoadBalancer) open(sealed string, v any) error {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	size := lb.sealing.NonceSize()
	if len(raw) < size {
		return fmt.Errorf("%d bytes are too few", len(raw))
	}
	plain, err := lb.sealing.Open(nil, raw[:size], raw[size:], nil)
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	return json.Unmarshal(plain, v)
}
