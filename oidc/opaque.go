package oidc

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxToken bounds what is accepted as a sealed token, in characters. Ours have
// less than 130.
const maxToken = 512

// handle is what an access or refresh token says: which grant it belongs to.
// The tokens are sealed and need no row in the store; whether the grant lives
// is asked of the queue each time.
type handle struct {
	client     clientMark
	subject    string
	generation int64
	grant      uint64
	expires    time.Time // access tokens: in whole seconds
	number     uint32    // refresh tokens: which of the grant's
	offline    bool      // scope offline_access was granted
	pseudonym  pseudonym // the sub that the client sees; none for the client's own rule
}

// handleSize is the size of a handle without a pseudonym: mark, subject,
// generation in 48 bits, grant, expiry or number, and flags.
const handleSize = 8 + 16 + 6 + 8 + 4 + 1

// flagPseudonym says that a handle or a code payload holds a pseudonym.
const flagPseudonym = 1 << 7

// encode lays a handle out. Last is what the two kinds of token don't share:
// the expiry of an access token, the number of a refresh token. The numbers
// have fixed sizes, so that an access token without a pseudonym stays below 100
// characters.
func (h handle) encode(last uint32) ([]byte, error) {
	subject, err := packUUID(h.subject)
	if err != nil {
		return nil, err
	}
	if h.generation < 0 || h.generation >= 1<<48 {
		return nil, errors.New("generation does not fit into a token")
	}
	b := make([]byte, 0, handleSize+len(h.pseudonym))
	b = append(b, h.client[:]...)
	b = append(b, subject[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(h.generation>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(h.generation))
	b = binary.BigEndian.AppendUint64(b, h.grant)
	b = binary.BigEndian.AppendUint32(b, last)
	var flags byte
	if h.offline {
		flags |= flagOffline
	}
	if h.pseudonym.isNone() {
		return append(b, flags), nil
	}
	return append(append(b, flags|flagPseudonym), h.pseudonym[:]...), nil
}

// decodeHandle reads what encode wrote.
func decodeHandle(b []byte) (h handle, last uint32, err error) {
	if len(b) < handleSize {
		return handle{}, 0, errMalformed
	}
	flags, rest := b[handleSize-1], b[handleSize:]
	h = handle{
		client:     clientMark(b[:8]),
		subject:    unpackUUID([16]byte(b[8:24])),
		generation: int64(binary.BigEndian.Uint16(b[24:]))<<32 | int64(binary.BigEndian.Uint32(b[26:])),
		grant:      binary.BigEndian.Uint64(b[30:]),
		offline:    flags&flagOffline != 0,
	}
	if flags&flagPseudonym != 0 && len(rest) == len(h.pseudonym) {
		h.pseudonym, rest = pseudonym(rest), nil
	}
	if len(rest) != 0 {
		return handle{}, 0, errMalformed
	}
	return h, binary.BigEndian.Uint32(b[38:]), nil
}

// sealAccess seals the handle of an access token: with accessSeal it is an
// opaque token by itself.
func sealAccess(s *sealer, now time.Time, h handle) (string, error) {
	b, err := h.encode(uint32(h.expires.Unix()))
	if err != nil {
		return "", fmt.Errorf("access token: %w", err)
	}
	return s.seal(now, b)
}

// openAccess returns the handle of an access token, even if it has expired.
func openAccess(s *sealer, now time.Time, token string) (handle, error) {
	h, expires, err := openToken(s, now, token)
	h.expires = time.Unix(int64(expires), 0).UTC()
	return h, err
}

// sealRefresh makes the refresh token of a handle.
func (p *Provider) sealRefresh(now time.Time, h handle) (string, error) {
	b, err := h.encode(h.number)
	if err != nil {
		return "", fmt.Errorf("refresh token: %w", err)
	}
	return p.refreshSeal.seal(now, b)
}

// openRefresh returns what a refresh token says.
func (p *Provider) openRefresh(now time.Time, token string) (handle, error) {
	h, number, err := openToken(p.refreshSeal, now, token)
	h.number = number
	return h, err
}

// openToken opens a sealed token.
func openToken(s *sealer, now time.Time, token string) (handle, uint32, error) {
	if len(token) > maxToken {
		return handle{}, 0, errBroken
	}
	b, err := s.open(now, token)
	if err != nil {
		return handle{}, 0, err
	}
	return decodeHandle(b)
}

// packUUID packs a request ID, which has the shape of a UUID in lower case.
func packUUID(s string) ([16]byte, error) {
	var packed [16]byte
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(packed) {
		return packed, errors.New("subject has not the shape of a UUID")
	}
	copy(packed[:], b)
	if unpackUUID(packed) != s {
		return packed, errors.New("subject has not the shape of a UUID in lower case")
	}
	return packed, nil
}

// unpackUUID writes a request ID.
func unpackUUID(b [16]byte) string {
	s := hex.EncodeToString(b[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}
