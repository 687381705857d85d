package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
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

// algorithms are those that a ring can sign with.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}
}

// signingKey is one key, ready for use.
type signingKey struct {
	id        string // RFC 7638 thumbprint, base64url.
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer // Nil once the key is retired.
	public    jose.JSONWebKey

	// signers holds one jose.Signer per "typ". The types are a few constants of
	// the program, never input, so it cannot grow.
	signers sync.Map
}

// generate makes a new key. RSA takes a tenth of a second or several seconds,
// as chance has it, and cannot be interrupted.
func generate(algorithm jose.SignatureAlgorithm) (*signingKey, error) {
	var (
		private crypto.Signer
		err     error
	)
	switch algorithm {
	case jose.RS256:
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		err = fmt.Errorf("algorithm %q is not known", algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("generate signing key: %w", err)
	}
	return newSigningKey(private)
}

// newSigningKey takes a private key in use.
func newSigningKey(private any) (*signingKey, error) {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key type %T is not known", private)
	}
	key, err := newVerifyingKey(signer.Public())
	if err != nil {
		return nil, err
	}
	if key, ok := private.(*rsa.PrivateKey); ok {
		// Without the precomputed values each signature would cost several times as
		// much. Generated and parsed keys have them already, and then this is free.
		key.Precompute()
	}
	key.private = signer
	return key, nil
}

// newVerifyingKey takes the public half of a key.
func newVerifyingKey(half any) (*signingKey, error) {
	public := jose.JSONWebKey{Key: half, Use: "sig"}
	switch half := half.(type) {
	case *rsa.PublicKey:
		if half.N.BitLen() < rsaBits {
			return nil, fmt.Errorf("RSA key of %d bits is shorter than %d", half.N.BitLen(), rsaBits)
		}
		public.Algorithm = string(jose.RS256)
	case *ecdsa.PublicKey:
		// RFC 7518 §3.4: ES256 is ECDSA on P-256, and on no other curve.
		if half.Curve != elliptic.P256() {
			return nil, fmt.Errorf("curve %s is not P-256", half.Curve.Params().Name)
		}
		public.Algorithm = string(jose.ES256)
	default:
		return nil, fmt.Errorf("key type %T is not known", half)
	}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("thumbprint: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return &signingKey{id: public.KeyID, algorithm: jose.SignatureAlgorithm(public.Algorithm), public: public}, nil
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

// verify returns the payload of a token of type typ that one of the keys signed.
func (s *keySet) verify(typ, token string) ([]byte, error) {
	// RFC 8725 §3.1: only the algorithms of our own keys are ever tried, so
	// neither "none" nor an HMAC over the public key can pass.
	parsed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, err
	}
	header := parsed.Signatures[0].Protected
	key := s.find(header.KeyID)
	if key == nil {
		return nil, fmt.Errorf("unknown kid %.64q", header.KeyID)
	}
	// RFC 8725 §3.1: each key is used with exactly one algorithm.
	if header.Algorithm != string(key.algorithm) {
		return nil, errors.New("algorithm does not belong to the key")
	}
	// RFC 8725 §3.11: the explicit type keeps one kind of token from passing as
	// another that is signed with the same key.
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); got != typ {
		return nil, errors.New("token is of another type")
	}
	return parsed.Verify(key.public)
}
