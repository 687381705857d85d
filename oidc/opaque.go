package oidc

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxToken bounds what is accepted as an access or refresh token, in
// characters. Ours have less than 120.
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
	offline    bool      // refresh tokens: scope offline_access was granted
}

// handleSize is the size of the part that both kinds of token have: mark,
// subject, generation in 48 bits, and grant.
const handleSize = 8 + 16 + 6 + 8

// encode lays out what both kinds of token have. The numbers have fixed sizes,
// so that an access token stays below 100 characters.
func (h handle) encode() ([]byte, error) {
	subject, err := packUUID(h.subject)
	if err != nil {
		return nil, err
	}
	if h.generation < 0 || h.generation >= 1<<48 {
		return nil, errors.New("generation does not fit into a token")
	}
	b := make([]byte, 0, handleSize+5)
	b = append(b, h.client[:]...)
	b = append(b, subject[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(h.generation>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(h.generation))
	return binary.BigEndian.AppendUint64(b, h.grant), nil
}

// decodeHandle reads what encode wrote, from a slice of handleSize bytes.
func decodeHandle(b []byte) handle {
	return handle{
		client:     clientMark(b[:8]),
		subject:    unpackUUID([16]byte(b[8:24])),
		generation: int64(binary.BigEndian.Uint16(b[24:]))<<32 | int64(binary.BigEndian.Uint32(b[26:])),
		grant:      binary.BigEndian.Uint64(b[30:]),
	}
}

// sealAccess makes the access token of a handle.
func (p *Provider) sealAccess(now time.Time, h handle) (string, error) {
	b, err := h.encode()
	if err != nil {
		return "", fmt.Errorf("access token: %w", err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(h.expires.Unix()))
	return p.accessSeal.seal(now, b)
}

// openAccess returns what an access token says, even if it has expired.
func (p *Provider) openAccess(now time.Time, token string) (handle, error) {
	b, err := openToken(p.accessSeal, now, token, handleSize+4)
	if err != nil {
		return handle{}, err
	}
	h := decodeHandle(b)
	h.expires = time.Unix(int64(binary.BigEndian.Uint32(b[handleSize:])), 0).UTC()
	return h, nil
}

// sealRefresh makes the refresh token of a handle.
func (p *Provider) sealRefresh(now time.Time, h handle) (string, error) {
	b, err := h.encode()
	if err != nil {
		return "", fmt.Errorf("refresh token: %w", err)
	}
	b = binary.BigEndian.AppendUint32(b, h.number)
	var flags byte
	if h.offline {
		flags |= flagOffline
	}
	return p.refreshSeal.seal(now, append(b, flags))
}

// openRefresh returns what a refresh token says.
func (p *Provider) openRefresh(now time.Time, token string) (handle, error) {
	b, err := openToken(p.refreshSeal, now, token, handleSize+5)
	if err != nil {
		return handle{}, err
	}
	h := decodeHandle(b)
	h.number = binary.BigEndian.Uint32(b[handleSize:])
	h.offline = b[handleSize+4]&flagOffline != 0
	return h, nil
}

// openToken opens a sealed token of a known size.
func openToken(s *sealer, now time.Time, token string, size int) ([]byte, error) {
	if len(token) > maxToken {
		return nil, errBroken
	}
	b, err := s.open(now, token)
	if err != nil {
		return nil, err
	}
	if len(b) != size {
		return nil, errMalformed
	}
	return b, nil
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
