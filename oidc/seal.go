package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Secrets derives the provider's keys.
type Secrets interface {
	// Derive returns one key of size bytes for each of the installation's
	// secrets, the newest secret's first. Keys of different labels or contexts
	// tell nothing of one another.
	Derive(label string, size int, context ...string) [][]byte
}

var (
	// errBroken says that a sealed value doesn't open: foreign or changed.
	errBroken = errors.New("seal is broken")
	// errOutdated says that a sealed value names a day too long ago.
	errOutdated = errors.New("seal is outdated")
)

// base64URL is the encoding of a seal. Being strict, it takes no other spelling
// of one than its own.
var base64URL = base64.RawURLEncoding.Strict()

const (
	// sealedOverhead is what sealing adds to a value before base64: the day,
	// the GCM nonce and the GCM tag.
	sealedOverhead = 2 + 12 + 16
	// day is the span of time for which a sealing key is used.
	day = 24 * time.Hour
	// cachedDays is for how many days a sealer keeps keys at hand: today, the
	// two days for which a login lives on, and tomorrow for clocks that run
	// ahead.
	cachedDays = 4
)

// sealer turns values into opaque strings of [A-Za-z0-9_-] and back, with
// AES-256-GCM. Each purpose and each UTC day has a key of its own: a value
// sealed for one purpose never opens for another, and the random nonces of one
// key stay far below the 2^32 that GCM allows. A sealed value is
//
//	base64url( day (2 bytes) || nonce (12) || ciphertext || tag (16) )
//
// with purpose and day as additional data.
type sealer struct {
	secrets Secrets
	label   string
	purpose string
	days    int64 // how many days back a seal is still opened

	recent [cachedDays]atomic.Pointer[dayKeys] // by the day's number modulo their length

	desks sync.Pool // of *[deskSize]byte, for look
}

// deskSize is room enough for decoding and opening nearly every login.
const deskSize = 2 << 10

// dayKeys are the keys of one UTC day.
type dayKeys struct {
	number     uint16
	aeads      []cipher.AEAD // newest secret first
	additional []byte        // what a seal is bound to besides its key
}

// newSealer returns a sealer for one purpose, whose values open for the given
// number of days.
func newSealer(secrets Secrets, label, purpose string, days int64) *sealer {
	return &sealer{secrets: secrets, label: label, purpose: purpose, days: days}
}

// seal seals value under today's key of the newest secret.
func (s *sealer) seal(now time.Time, value []byte) (string, error) {
	today := dayOf(now)
	if today < 0 || today > math.MaxUint16 {
		return "", fmt.Errorf("seal %s: the clock is out of range", s.purpose)
	}
	number := uint16(today)
	keys, err := s.keysOf(number, true)
	if err != nil {
		return "", err
	}
	sealed := make([]byte, 2, sealedOverhead+len(value))
	binary.BigEndian.PutUint16(sealed, number)
	sealed = keys.aeads[0].Seal(sealed, nil, value, keys.additional) //nolint:gosec // the cipher makes the nonce
	return base64URL.EncodeToString(sealed), nil
}

// open returns the value of a seal, or an error wrapping errBroken or
// errOutdated. The caller bounds the length of sealed.
func (s *sealer) open(now time.Time, sealed string) ([]byte, error) {
	return s.openOn(nil, now, sealed)
}

// openOn is open with a desk to work on: if that is large enough, the value lies
// there.
func (s *sealer) openOn(desk []byte, now time.Time, sealed string) ([]byte, error) {
	// The decoder skips line breaks even when strict, and there must be only
	// one way to write a seal.
	if strings.Contains(sealed, "\r") || strings.Contains(sealed, "\n") {
		return nil, errBroken
	}
	b, err := base64URL.AppendDecode(desk[:0], []byte(sealed))
	if err != nil || len(b) < sealedOverhead {
		return nil, errBroken
	}
	number := binary.BigEndian.Uint16(b)
	today := dayOf(now)
	if int64(number) > today+1 {
		return nil, errBroken
	}
	if int64(number) < today-s.days {
		return nil, errOutdated
	}
	keys, err := s.keysOf(number, int64(number) > today+1-cachedDays)
	if err != nil {
		return nil, err
	}
	for _, key := range keys.aeads {
		if value, err := key.Open(b[len(b):], nil, b[2:], keys.additional); err == nil {
			return value, nil
		}
	}
	return nil, errBroken
}

// openText is open for a value that is wanted as a string. It leaves no more
// behind than that.
func (s *sealer) openText(now time.Time, sealed string) (text string, err error) {
	err = s.look(now, sealed, func(value []byte) error {
		text = string(value)
		return nil
	})
	return text, err
}

// look is open for a value that is wanted for a moment only: it is shown to see,
// which must not keep it, and whose error it returns.
func (s *sealer) look(now time.Time, sealed string, see func(value []byte) error) error {
	desk, ok := s.desks.Get().(*[deskSize]byte)
	if !ok {
		desk = new([deskSize]byte)
	}
	defer s.desks.Put(desk)
	value, err := s.openOn(desk[:], now, sealed)
	if err != nil {
		return err
	}
	return see(value)
}

// keysOf returns the keys of a day. Only the keys of recent days are kept, so
// that made-up days can't fill the memory.
func (s *sealer) keysOf(number uint16, keep bool) (*dayKeys, error) {
	slot := &s.recent[number%cachedDays]
	if keys := slot.Load(); keys != nil && keys.number == number {
		return keys, nil
	}
	// The additional data are purpose and day.
	keys := &dayKeys{number: number, additional: binary.BigEndian.AppendUint16([]byte(s.purpose), number)}
	for _, secret := range s.secrets.Derive(s.label, 32, s.purpose, strconv.Itoa(int(number))) {
		block, err := aes.NewCipher(secret)
		if err != nil {
			return nil, fmt.Errorf("key for %s: %w", s.purpose, err)
		}
		key, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("key for %s: %w", s.purpose, err)
		}
		keys.aeads = append(keys.aeads, key)
	}
	if len(keys.aeads) == 0 {
		return nil, fmt.Errorf("key for %s: no secret", s.purpose)
	}
	if keep {
		slot.Store(keys)
	}
	return keys, nil
}

// dayOf numbers the UTC days from 1970.
func dayOf(t time.Time) int64 { return t.Unix() / int64(day/time.Second) }
