package waitingroom

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// MinSecretSize is the least length of a master secret, in bytes.
const MinSecretSize = 32

// Labels of the keys derived from the master secret. A label is never reused
// with another meaning; a new format takes a new number.
const (
	labelTicket = "anteroom/ticket/v1"
	labelProof  = "anteroom/proof/v1"
	labelCheck  = "anteroom/check/v1"
)

// Secrets holds the master secrets of an installation, newest first. New
// material is made under the first and accepted under any. Two installations
// never share one.
type Secrets struct {
	masters [][]byte
}

// NewSecrets returns the master secrets, newest first. Each has at least
// [MinSecretSize] bytes. An error reports all that are too short.
func NewSecrets(masters ...[]byte) (*Secrets, error) {
	var errs []error
	if len(masters) == 0 {
		errs = append(errs, errors.New("no master secret"))
	}
	for i, m := range masters {
		if len(m) < MinSecretSize {
			errs = append(errs, fmt.Errorf("master secret %d has %d bytes, the least is %d", i+1, len(m), MinSecretSize))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Secrets{masters: masters}, nil
}

// Derive returns a key of size bytes for each master secret, newest first, by
// HKDF-SHA-256. Label and context are each preceded by their length, so that no
// two different lists give the same key.
func (s *Secrets) Derive(label string, size int, context ...string) [][]byte {
	info := make([]byte, 0, 64)
	for _, part := range append([]string{label}, context...) {
		info = binary.BigEndian.AppendUint32(info, uint32(len(part)))
		info = append(info, part...)
	}
	keys := make([][]byte, len(s.masters))
	for i, master := range s.masters {
		key, err := hkdf.Key(sha256.New, master, nil, string(info), size)
		if err != nil {
			// RFC 5869 §2.3: only a size above 255 hashes fails, and sizes are
			// constants of this program.
			panic(err)
		}
		keys[i] = key
	}
	return keys
}

// Check returns a value that tells one list of master secrets from another
// without giving any of them away. A store keeps the newest secret's.
func (s *Secrets) Check() [][]byte {
	checks := s.Derive(labelCheck, 32)
	for i, key := range checks {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(labelCheck))
		checks[i] = mac.Sum(nil)
	}
	return checks
}
