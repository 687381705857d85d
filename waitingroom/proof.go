package waitingroom

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// A Proof is what a browser shows to hold a place: the request ID that it got,
// the generation, and which holder of the place it is, under a 128-bit MAC.
type Proof struct {
	// ID is the visitor's request ID.
	ID RequestID
	// Generation is the life of the room that the place was dealt in.
	Generation int64
	// Holder counts how often the place moved to another browser.
	Holder uint32
}

const (
	proofBody = 16 + 8 + 4
	proofSize = proofBody + 16
)

// Proofs makes and verifies the place proofs of one room. It is safe for
// concurrent use.
type Proofs struct {
	keys [][]byte // newest master secret first
}

// NewProofs returns the MAC for a room's place proofs.
func NewProofs(secrets *Secrets, room string) *Proofs {
	return &Proofs{keys: secrets.Derive(labelProof, 32, room)}
}

// Prove returns the proof as a cookie value of 59 characters.
func (p *Proofs) Prove(proof Proof) string {
	b := make([]byte, 0, proofSize)
	b = append(b, proof.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(proof.Generation))
	b = binary.BigEndian.AppendUint32(b, proof.Holder)
	b = append(b, p.mac(p.keys[0], b)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Verify reads a cookie value. Whatever [Proofs.Prove] didn't write for this
// room gives an error that wraps [ErrBrokenProof].
func (p *Proofs) Verify(value string) (Proof, error) {
	// Strict refuses stray bits in the last character, so that each proof has
	// exactly one spelling.
	var b [proofSize]byte
	if len(value) != base64.RawURLEncoding.EncodedLen(proofSize) {
		return Proof{}, fmt.Errorf("%w: wrong length", ErrBrokenProof)
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(value)); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrBrokenProof, err)
	}
	for _, key := range p.keys {
		if hmac.Equal(b[proofBody:], p.mac(key, b[:proofBody])) {
			return Proof{
				ID:         RequestID(b[:16]),
				Generation: int64(binary.BigEndian.Uint64(b[16:])),
				Holder:     binary.BigEndian.Uint32(b[24:]),
			}, nil
		}
	}
	return Proof{}, ErrBrokenProof
}

func (p *Proofs) mac(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)[:16]
}
