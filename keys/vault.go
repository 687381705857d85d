package keys

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Vault is where sealed keys rest. Implementations live with the store.
//
// Calls with the same name must be serializable, also across nodes, and what
// Create and Swap returned must be durable.
type Vault interface {
	// Load returns the value under name, or an error wrapping [ErrNotFound] if
	// there is none. Any other error is taken as passing.
	Load(ctx context.Context, name string) ([]byte, error)

	// Create stores value under name unless there is a value already, and
	// returns what is stored afterwards: a node that made a key of its own in the
	// meantime gets the first one's. It is idempotent, as a retry after
	// a lost reply finds the value that the first call stored.
	Create(ctx context.Context, name string, value []byte) ([]byte, error)

	// Swap stores value under name if old is there, in one step, and returns what is
	// stored afterwards: something else than value if another node was faster. It
	// returns an error wrapping [ErrNotFound] if there is nothing.
	Swap(ctx context.Context, name string, old, value []byte) ([]byte, error)
}

const (
	documentVersion = 1
	maxKeys         = 100       // Some sixty are there if two algorithms rotate daily.
	maxDocument     = 128 << 10 // Bytes; a sealed RSA 2048 key takes about 1.8 KB, a retired one 0.7 KB.
)

// document is the JSON form of a ring in the vault.
type document struct {
	Version int         `json:"version"`
	Keys    []storedKey `json:"keys"`
}

// storedKey is one key of a document. Times are in Unix seconds; 0 is not known.
type storedKey struct {
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	SignsFrom int64  `json:"signs_from,omitempty"`
	RetiredAt int64  `json:"retired_at,omitempty"`
	// Wrapper is the fingerprint of the wrapping key that opens Sealed.
	Wrapper []byte `json:"wrapper"`
	// Sealed is the private half in PKCS #8, or, of a retired key, the public
	// half in PKIX form. That is sealed too, as it says whose signatures are good.
	Sealed []byte `json:"sealed"`
}

// label is what the sealed half of a key is bound to.
func (s storedKey) label() string {
	if s.RetiredAt != 0 {
		return retiredLabel
	}
	return sealLabel
}

// encode returns the document of keys that are all sealed.
func encode(list []ringKey) ([]byte, error) {
	doc := document{Version: documentVersion, Keys: []storedKey{}}
	for _, key := range list {
		doc.Keys = append(doc.Keys, key.sealed)
	}
	return json.Marshal(doc)
}

// store brings the stored form of a key up to date. With rewrap it also seals
// anew what an older wrapping key sealed.
func (w *wrapper) store(purpose string, key *ringKey, rewrap bool) error {
	next := key.sealed
	next.KeyID, next.Algorithm = key.id, string(key.algorithm)
	next.SignsFrom, next.RetiredAt = unix(key.signsFrom), unix(key.retired)
	newest := w.newest()
	current := key.sealed.Sealed != nil && key.sealed.label() == next.label()
	if !current || rewrap && !bytes.Equal(next.Wrapper, newest.fingerprint) {
		plain, err := key.half(next.RetiredAt != 0)
		if err != nil {
			return fmt.Errorf("encode signing key: %w", err)
		}
		next.Wrapper, next.Sealed = newest.fingerprint, newest.seal(plain, next.label(), purpose, key.id)
	}
	key.sealed = next
	return nil
}

// half returns the half of a key that is kept.
func (k *signingKey) half(public bool) ([]byte, error) {
	if public {
		return x509.MarshalPKIXPublicKey(k.public.Key)
	}
	return x509.MarshalPKCS8PrivateKey(k.private)
}

// decode opens a document that was read from the vault. Its errors wrap
// [ErrCorrupt] or [ErrForeignWrappingKey], and asking again would not help.
func (w *wrapper) decode(purpose string, stored []byte) ([]ringKey, error) {
	if len(stored) > maxDocument {
		return nil, fmt.Errorf("%w: document of %d bytes", ErrCorrupt, len(stored))
	}
	var doc document
	if err := json.Unmarshal(stored, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if doc.Version != documentVersion {
		return nil, fmt.Errorf("%w: document version %d is not known", ErrCorrupt, doc.Version)
	}
	if n := len(doc.Keys); n == 0 || n > maxKeys {
		return nil, fmt.Errorf("%w: want 1 to %d keys, got %d", ErrCorrupt, maxKeys, n)
	}
	var list []ringKey
	for _, sealed := range doc.Keys {
		key, err := w.open(purpose, sealed)
		if err != nil {
			return nil, fmt.Errorf("open key %.64q: %w", sealed.KeyID, err)
		}
		list = append(list, ringKey{
			signingKey: key, algorithm: key.algorithm, sealed: sealed,
			signsFrom: fromUnix(sealed.SignsFrom), retired: fromUnix(sealed.RetiredAt),
		})
	}
	return list, nil
}

// open unseals one key and checks that it is what the document says it is.
func (w *wrapper) open(purpose string, sealed storedKey) (*signingKey, error) {
	with, ok := w.find(sealed.Wrapper)
	if !ok {
		return nil, ErrForeignWrappingKey
	}
	plain, err := with.open(sealed.Sealed, sealed.label(), purpose, sealed.KeyID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	key, err := parse(plain, sealed.RetiredAt != 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if key.id != sealed.KeyID || key.algorithm != jose.SignatureAlgorithm(sealed.Algorithm) {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, errors.New("kid or algorithm does not fit the key"))
	}
	return key, nil
}

// parse undoes half.
func parse(plain []byte, public bool) (*signingKey, error) {
	if public {
		half, err := x509.ParsePKIXPublicKey(plain)
		if err != nil {
			return nil, err
		}
		return newVerifyingKey(half)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, err
	}
	return newSigningKey(private)
}

// unix returns a time in Unix seconds, and 0 for the zero time.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// fromUnix undoes unix.
func fromUnix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
