package albsim

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The headers by which the target learns who the visitor is.
const (
	headerPrefix      = "x-amzn-oidc-"
	headerAccessToken = "X-Amzn-Oidc-Accesstoken" //nolint:gosec // The name of a header.
	headerIdentity    = "X-Amzn-Oidc-Identity"
	headerData        = "X-Amzn-Oidc-Data"
)

const (
	signerARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/0123456789abcdef"
	// dataLife is how long the signed claims are good.
	//
	// Assumption: the real value is short and not documented.
	dataLife = 2 * time.Minute
)

// newKeyID returns a random UUID, as the real key IDs are.
func newKeyID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails.
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// signClaims returns the value of x-amzn-oidc-data: a JWT whose parts are base64url
// with padding, which RFC 7515 §2 forbids and the real load balancer does.
func (lb *LoadBalancer) signClaims(s *session) (string, error) {
	header, err := json.Marshal(struct {
		Type    string `json:"typ"`
		KeyID   string `json:"kid"`
		Alg     string `json:"alg"`
		Issuer  string `json:"iss"`
		Client  string `json:"client"`
		Signer  string `json:"signer"`
		Expires int64  `json:"exp"`
	}{"JWT", lb.kid, "ES256", lb.config.Issuer, lb.config.ClientID, signerARN, lb.config.Now().Add(dataLife).Unix()})
	if err != nil {
		return "", err
	}
	text := base64.URLEncoding.EncodeToString(header) + "." + base64.URLEncoding.EncodeToString(s.Claims)
	digest := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, lb.signing, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign the claims: %w", err)
	}
	signature := make([]byte, 64) // RFC 7518 §3.4: r and s of 32 bytes each.
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + base64.URLEncoding.EncodeToString(signature), nil
}

// PublicKeys serves the key that signs x-amzn-oidc-data as PEM, under its key ID,
// as https://public-keys.auth.elb.REGION.amazonaws.com does.
func (lb *LoadBalancer) PublicKeys() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimPrefix(r.URL.Path, "/") != lb.kid {
			http.NotFound(w, r)
			return
		}
		der, err := x509.MarshalPKIXPublicKey(&lb.signing.PublicKey)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = pem.Encode(w, &pem.Block{Type: "PUBLIC KEY", Bytes: der}) // An error means that the caller has gone.
	})
}
