package keys

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
)

// Vault is where sealed keys rest. Implementations live with the store.
//
// Calls with the same name must be serializable, also across nodes, and what
// Create returned must be durable.
type Vault interface {
	// Load returns the value under name, or an error wrapping [ErrNotFound] if
	// there is none. Any other error is taken as passing.
	Load(ctx context.Context, name string) ([]byte, error)

	// Create stores value under name unless there is a value already, and
	// returns what is stored afterwards: a node that made a key of its own in the
	// meantime gets the first one's. It is idempotent, as a retry after
	// a lost reply finds the value that the first call stored.
	Create(ctx context.Context, name string, value []byte) ([]byte, error)
}

const (
	documentVersion = 1
	maxDocument     = 64 << 10 // Bytes; a sealed RSA 2048 key takes about 1.8 KB.

	stateActive = "active" // The key signs, and is published.
)

// document is the JSON form of a ring in the vault.
type document struct {
	Version int         `json:"version"`
	Keys    []sealedKey `json:"keys"`
}

// sealedKey is one key of a document.
type sealedKey struct {
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	State     string `json:"state"`
	// Wrapper is the fingerprint of the wrapping key that opens Sealed.
	Wrapper []byte `json:"wrapper"`
	Sealed  []byte `json:"sealed"`
}

// encode returns the document that holds the one given key, sealed.
func (w *wrapper) encode(purpose string, key *signingKey) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key.private)
	if err != nil {
		return nil, fmt.Errorf("encode signing key: %w", err)
	}
	return json.Marshal(document{
		Version: documentVersion,
		Keys: []sealedKey{{
			KeyID:     key.id,
			Algorithm: string(key.algorithm),
			State:     stateActive,
			Wrapper:   w.newest().fingerprint,
			Sealed:    w.newest().seal(plain, purpose, key.id),
		}},
	})
}

// decode opens a document that was read from the vault. Its errors wrap
// [ErrCorrupt] or [ErrForeignWrappingKey], and asking again would not help.
func (w *wrapper) decode(purpose string, stored []byte) (*signingKey, error) {
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
	if len(doc.Keys) != 1 {
		return nil, fmt.Errorf("%w: want one key, got %d", ErrCorrupt, len(doc.Keys))
	}
	key, err := w.open(purpose, doc.Keys[0])
	if err != nil {
		return nil, fmt.Errorf("open key %.64q: %w", doc.Keys[0].KeyID, err)
	}
	return key, nil
}

// open unseals one key and checks that it is what the document says it is.
func (w *wrapper) open(purpose string, sealed sealedKey) (*signingKey, error) {
	if sealed.State != stateActive {
		return nil, fmt.Errorf("%w: state %.64q is not known", ErrCorrupt, sealed.State)
	}
	with, ok := w.find(sealed.Wrapper)
	if !ok {
		return nil, ErrForeignWrappingKey
	}
	plain, err := with.open(sealed.Sealed, purpose, sealed.KeyID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	key, err := newSigningKey(private)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if key.id != sealed.KeyID || string(key.algorithm) != sealed.Algorithm {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, errors.New("kid or algorithm does not fit the key"))
	}
	return key, nil
}
