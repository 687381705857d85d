package waitingroom

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// MaxPosition is the highest position that a ticket can carry: 32 bits.
const MaxPosition = 1<<32 - 1

// epoch is the zero of a ticket's entry time, 2025-01-01T00:00:00Z in Unix
// seconds. Thirty bits of seconds from there reach to the year 2059.
const epoch = 1735689600

// A RequestID is a visitor's public handle: the whole record of a place,
// enciphered as one AES block and written like a UUID. It is the sub of every
// token, so by itself it opens no door; see [Lane] and [Proofs].
type RequestID [16]byte

// String returns the ID in the form of a UUID, in lower case.
func (id RequestID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], id[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], id[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], id[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], id[10:16])
	return string(b[:])
}

// ParseRequestID reads the form that [RequestID.String] writes, and nothing
// else. Any other input is an error that wraps [ErrUnknownTicket].
func ParseRequestID(s string) (RequestID, error) {
	var id RequestID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, fmt.Errorf("%w: not of the form of a UUID", ErrUnknownTicket)
	}
	var digits [32]byte
	n := 0
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return RequestID{}, fmt.Errorf("%w: not lower-case hexadecimal", ErrUnknownTicket)
		}
		digits[n] = c
		n++
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return RequestID{}, fmt.Errorf("%w: %w", ErrUnknownTicket, err)
	}
	return id, nil
}

// A Lane says which door a request ID opens. It is part of the enciphered
// block, and each door takes exactly its own, so that the sub which every
// relying party sees is worth nothing at any public door.
type Lane uint8

// The lanes. Their numbers are part of every request ID and never change.
const (
	// LaneBrowser is for visitors of the waiting page, who prove their place
	// by a cookie.
	LaneBrowser Lane = 1
	// LaneAPI is for callers of the JSON API, where the ID is a bearer value.
	LaneAPI Lane = 2
)

// A Ticket is what a request ID says once it is deciphered.
type Ticket struct {
	// ID is the enciphered form.
	ID RequestID
	// Generation is the life of the room that the place belongs to.
	Generation int64
	// Lane is the door that the ID opens.
	Lane Lane
	// Position is the place in the line, from 1.
	Position int64
	// Entered is when the place was dealt, in whole seconds of the store's time.
	Entered time.Time
}

// Tickets enciphers and deciphers the request IDs of one generation of one
// room. It is safe for concurrent use.
type Tickets struct {
	generation int64
	blocks     []cipher.Block // newest master secret first
}

// NewTickets returns the cipher for a room's generation.
func NewTickets(secrets *Secrets, room string, generation int64) *Tickets {
	t := &Tickets{generation: generation}
	for _, key := range secrets.Derive(labelTicket, 16, room, strconv.FormatInt(generation, 10)) {
		block, err := aes.NewCipher(key)
		if err != nil {
			panic(err) // Only a wrong key size fails, and 16 is right.
		}
		t.blocks = append(t.blocks, block)
	}
	return t
}

// Generation returns the life of the room that the cipher belongs to.
func (t *Tickets) Generation() int64 { return t.generation }

// Deal makes the ticket for a position. The block is 56 zero bits, which
// [Tickets.Open] checks, then lane (3 bits), position (32), entry time in
// seconds since 2025 (30) and 7 random bits, which keep two visitors apart to
// whom a split store dealt the same position in the same second.
func (t *Tickets) Deal(lane Lane, position int64, entered time.Time) Ticket {
	var random [1]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails.
	return t.deal(lane, position, entered, random[0])
}

func (t *Tickets) deal(lane Lane, position int64, entered time.Time, random byte) Ticket {
	seconds := max(0, entered.Unix()-epoch) & (1<<30 - 1)
	var block RequestID
	// 72 bits follow the 56 zero bits: the upper 8 of them in byte 7.
	high := uint64(lane&7)<<5 | uint64(position)>>27
	low := uint64(position)<<37 | uint64(seconds)<<7 | uint64(random&0x7f)
	block[7] = byte(high)
	binary.BigEndian.PutUint64(block[8:], low)
	ticket := Ticket{
		Generation: t.generation, Lane: lane, Position: position,
		Entered: time.Unix(epoch+seconds, 0).UTC(),
	}
	t.blocks[0].Encrypt(ticket.ID[:], block[:])
	return ticket
}

// Open deciphers a request ID. An ID of another room, generation or master
// secret, or one that somebody made up, gives an error that wraps
// [ErrUnknownTicket]; a made-up one passes once in 2^56 tries.
func (t *Tickets) Open(id RequestID) (Ticket, error) {
	for _, cipher := range t.blocks {
		block := id // Deciphered where it lies, it is all that goes to the heap.
		cipher.Decrypt(block[:], block[:])
		if binary.BigEndian.Uint64(block[:8])>>8 != 0 {
			continue
		}
		high, low := uint64(block[7]), binary.BigEndian.Uint64(block[8:])
		ticket := Ticket{
			ID: id, Generation: t.generation, Lane: Lane(high >> 5),
			Position: int64((high&0x1f)<<27 | low>>37),
			Entered:  time.Unix(epoch+int64(low>>7&(1<<30-1)), 0).UTC(),
		}
		if ticket.Position > 0 {
			return ticket, nil
		}
	}
	return Ticket{}, ErrUnknownTicket
}
