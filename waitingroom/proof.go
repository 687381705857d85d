package waitingroom

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
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

// proofEncoding refuses stray bits in the last character, so that each proof has
// exactly one spelling.
var proofEncoding = base64.RawURLEncoding.Strict()

// Proofs makes and verifies the place proofs of one room. It is safe for
// concurrent use.
type Proofs struct {
	macs []*proofMAC // newest master secret first
}

// NewProofs returns the MAC for a room's place proofs.
func NewProofs(secrets *Secrets, room string) *Proofs {
	p := &Proofs{}
	for _, key := range secrets.Derive(labelProof, 32, room) {
		p.macs = append(p.macs, newProofMAC(key))
	}
	return p
}

// Prove returns the proof as a cookie value of 59 characters.
func (p *Proofs) Prove(proof Proof) string {
	b := make([]byte, 0, proofSize)
	b = append(b, proof.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(proof.Generation))
	b = binary.BigEndian.AppendUint32(b, proof.Holder)
	mac := p.macs[0].sum([proofBody]byte(b))
	b = append(b, mac[:]...)
	return proofEncoding.EncodeToString(b)
}

// ReadProof reads a cookie value without verifying it, for those who hold one and
// no key. What has not the form of a proof gives an error that wraps
// [ErrBrokenProof].
func ReadProof(value string) (Proof, error) {
	var b [proofSize]byte
	if err := decodeProof(&b, value); err != nil {
		return Proof{}, err
	}
	return readProof(&b), nil
}

// decodeProof undoes the spelling of a proof.
func decodeProof(b *[proofSize]byte, value string) error {
	if len(value) != proofEncoding.EncodedLen(proofSize) {
		return fmt.Errorf("%w: wrong length", ErrBrokenProof)
	}
	if _, err := proofEncoding.Decode(b[:], []byte(value)); err != nil {
		return fmt.Errorf("%w: %w", ErrBrokenProof, err)
	}
	return nil
}

// readProof reads the fields that the MAC is about.
func readProof(b *[proofSize]byte) Proof {
	return Proof{
		ID:         RequestID(b[:16]),
		Generation: int64(binary.BigEndian.Uint64(b[16:])),
		Holder:     binary.BigEndian.Uint32(b[24:]),
	}
}

// Verify reads a cookie value. Whatever [Proofs.Prove] didn't write for this
// room gives an error that wraps [ErrBrokenProof].
func (p *Proofs) Verify(value string) (Proof, error) {
	var b [proofSize]byte
	if err := decodeProof(&b, value); err != nil {
		return Proof{}, err
	}
	for _, key := range p.macs {
		if mac := key.sum([proofBody]byte(b[:])); hmac.Equal(b[proofBody:], mac[:]) {
			return readProof(&b), nil
		}
	}
	return Proof{}, ErrBrokenProof
}

// A proofMAC is HMAC-SHA-256 under one key, cut to 128 bits. Every poll needs
// one, so what setting up a key yields is used again and again.
type proofMAC struct{ idle sync.Pool } // Of *keyedHash.

// A keyedHash is a MAC in the making, with room for what it is about and for its
// result: the hash hides behind an interface, and would have the caller's moved to
// the heap.
type keyedHash struct {
	hash.Hash
	body   [proofBody]byte
	result [sha256.Size]byte
}

func newProofMAC(key []byte) *proofMAC {
	return &proofMAC{idle: sync.Pool{New: func() any { return &keyedHash{Hash: hmac.New(sha256.New, key)} }}}
}

func (m *proofMAC) sum(body [proofBody]byte) (mac [proofSize - proofBody]byte) {
	keyed := m.idle.Get().(*keyedHash)
	keyed.body = body
	keyed.Reset()
	_, _ = keyed.Write(keyed.body[:]) // A hash never fails.
	copy(mac[:], keyed.Sum(keyed.result[:0]))
	m.idle.Put(keyed)
	return mac
}
