package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// rsaBits is the modulus length of new keys, and the least that is accepted.
// RFC 7518 §3.3: a key of 2048 bits or larger must be used with RS256.
const rsaBits = 2048

// signingKey is one key, ready for use.
type signingKey struct {
	id        string // RFC 7638 thumbprint, base64url.
	algorithm jose.SignatureAlgorithm
	private   *rsa.PrivateKey
	public    jose.JSONWebKey

	// signers holds one jose.Signer per "typ". The types are a few constants of
	// the program, never input, so it cannot grow.
	signers sync.Map
}

// generate makes a new key. RSA takes a tenth of a second or several seconds,
// as chance has it, and cannot be interrupted.
func generate() (*signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("generate signing key: %w", err)
	}
	return newSigningKey(private)
}

// newSigningKey takes a private key in use.
func newSigningKey(private any) (*signingKey, error) {
	key, ok := private.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key type %T is not known", private)
	}
	if key.N.BitLen() < rsaBits {
		return nil, fmt.Errorf("RSA key of %d bits is shorter than %d", key.N.BitLen(), rsaBits)
	}
	// Without the precomputed values each signature would cost several times as
	// much. Generated and parsed keys have them already, and then this is free.
	key.Precompute()

	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("thumbprint: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return &signingKey{id: public.KeyID, algorithm: jose.RS256, private: key, public: public}, nil
}

// signer returns the signer for tokens of type typ.
func (k *signingKey) signer(typ string) (jose.Signer, error) {
	if cached, ok := k.signers.Load(typ); ok {
		return cached.(jose.Signer), nil
	}
	options := &jose.SignerOptions{}
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	made, err := jose.NewSigner(jose.SigningKey{
		Algorithm: k.algorithm,
		Key:       jose.JSONWebKey{Key: k.private, KeyID: k.id},
	}, options)
	if err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	cached, _ := k.signers.LoadOrStore(typ, made)
	return cached.(jose.Signer), nil
}

// sign returns the compact serialization of payload, signed.
func (k *signingKey) sign(typ string, payload []byte) (string, error) {
	signer, err := k.signer(typ)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed.CompactSerialize()
}

// verify returns the payload of a token of type typ that this key signed.
func (k *signingKey) verify(typ, token string) ([]byte, error) {
	// RFC 8725 §3.1: only the algorithm of our own keys is ever tried, so
	// neither "none" nor an HMAC over the public key can pass.
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{k.algorithm})
	if err != nil {
		return nil, err
	}
	header := parsed.Signatures[0].Protected
	if header.KeyID != k.id {
		return nil, fmt.Errorf("unknown kid %.64q", header.KeyID)
	}
	// RFC 8725 §3.11: the explicit type keeps one kind of token from passing as
	// another that is signed with the same key.
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); got != typ {
		return nil, errors.New("token is of another type")
	}
	return parsed.Verify(k.public)
}
