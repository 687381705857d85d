package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	wrappingKeySize = 32 // Bytes: AES-256.

	// The labels keep what is authenticated here apart from every other use of
	// the same key. They are part of the stored format.
	sealLabel        = "anteroom/key-seal/v1"
	retiredLabel     = "anteroom/key-retired/v1"
	fingerprintLabel = "anteroom/key-wrapper/v1"
	fingerprintSize  = 8 // Bytes: enough to tell the few secrets of one installation apart.
)

// wrapper is the list of wrapping keys, newest first.
type wrapper struct {
	keys []wrappingKey
}

// wrappingKey seals and opens private keys.
type wrappingKey struct {
	aead        cipher.AEAD
	fingerprint []byte
}

// newWrapper takes wrapping keys of 32 bytes each, newest first.
func newWrapper(keys [][]byte) (*wrapper, error) {
	if len(keys) == 0 {
		return nil, errors.New("no wrapping key given")
	}
	w := &wrapper{}
	for i, key := range keys {
		if len(key) != wrappingKeySize {
			return nil, fmt.Errorf("wrapping key %d: want %d bytes, got %d", i, wrappingKeySize, len(key))
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("wrapping key %d: %w", i, err)
		}
		// Nonces of 96 random bits: a wrapping key seals a handful of keys in its
		// life, far from the 2^32 at which they could repeat.
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("wrapping key %d: %w", i, err)
		}
		digest := sha256.Sum256(append([]byte(fingerprintLabel), key...))
		w.keys = append(w.keys, wrappingKey{aead: aead, fingerprint: digest[:fingerprintSize]})
	}
	return w, nil
}

// newest returns the wrapping key that seals.
func (w *wrapper) newest() wrappingKey {
	return w.keys[0]
}

// find returns the wrapping key of that fingerprint.
func (w *wrapper) find(fingerprint []byte) (wrappingKey, bool) {
	for _, key := range w.keys {
		if subtle.ConstantTimeCompare(key.fingerprint, fingerprint) == 1 {
			return key, true
		}
	}
	return wrappingKey{}, false
}

// seal returns nonce, ciphertext and tag of plain.
func (k wrappingKey) seal(plain []byte, label, purpose, keyID string) []byte {
	return k.aead.Seal(nil, nil, plain, additionalData(label, purpose, keyID)) //nolint:gosec // the AEAD draws its own nonce
}

// open undoes seal.
func (k wrappingKey) open(sealed []byte, label, purpose, keyID string) ([]byte, error) {
	return k.aead.Open(nil, nil, sealed, additionalData(label, purpose, keyID))
}

// additionalData binds a sealed key to which half it is, by the label, and to its
// purpose and kid. Each of these carries its length, so that no two pairs give the
// same bytes.
func additionalData(label, purpose, keyID string) []byte {
	data := []byte(label)
	for _, part := range []string{purpose, keyID} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(part)))
		data = append(data, part...)
	}
	return data
}
