package ledger

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// errRow says that a row is absent, cut off or of another version.
var errRow = errors.New("no such row, or not one of this version")

// The first byte of each row, so that a later form can be told apart. Most
// sessions have no rounds, and need none of what tells of them. An earlier form of
// those that do didn't say whose the rounds are.
const (
	sessionVersion     = 1
	earlierSentVersion = 2
	sentSessionVersion = 3
	codeVersion        = 1
)

// A code is a stored code with what the ledger adds.
type code struct {
	waitingroom.Code
	id       waitingroom.RequestID
	authTime time.Time
	expires  time.Time
	taken    bool
	op       waitingroom.OpID
}

func encodeSession(s waitingroom.Session) []byte {
	b := make([]byte, 0, 96+48*len(s.Grants))
	version := byte(sessionVersion)
	if s.Reserved || len(s.Rounds) > 0 {
		version = sentSessionVersion
	}
	b = append(b, version, byte(s.Status))
	b = binary.AppendUvarint(b, uint64(s.Position))
	b = append(b, s.Holder[:]...)
	b = appendTime(b, s.Admitted)
	b = appendTime(b, s.AuthTime)
	b = appendTime(b, s.Expires)
	b = appendTime(b, s.Holds)
	if version == sentSessionVersion {
		b = appendRounds(appendBool(b, s.Reserved), s.Rounds)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Grants)))
	for _, g := range s.Grants {
		b = binary.BigEndian.AppendUint64(b, g.ID)
		b = appendBytes(b, []byte(g.Client))
		b = appendTime(b, g.AuthTime)
		b = appendTime(b, g.Redeemed)
		b = binary.AppendUvarint(b, uint64(g.Number))
		b = appendTime(b, g.Rotated)
		b = appendBool(b, g.Ended)
	}
	return b
}

func appendRounds(b []byte, rounds []waitingroom.Round) []byte {
	b = binary.AppendUvarint(b, uint64(len(rounds)))
	for _, r := range rounds {
		b = append(b, r.Op[:]...)
		b = append(b, r.Login[:]...)
		b = appendTime(b, r.At)
		b = appendBool(b, r.Counts)
		b = appendBytes(b, []byte(r.Client))
	}
	return b
}

func (r *reader) rounds(version byte) []waitingroom.Round {
	var rounds []waitingroom.Round
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		var round waitingroom.Round
		copy(round.Op[:], r.take(16))
		copy(round.Login[:], r.take(16))
		round.At, round.Counts = r.time(), r.byte() == 1
		if version != earlierSentVersion {
			round.Client = string(r.bytes())
		}
		rounds = append(rounds, round)
	}
	return rounds
}

func decodeSession(row []byte) (waitingroom.Session, error) {
	r := reader{rest: row}
	version := r.byte()
	if version < sessionVersion || version > sentSessionVersion {
		return waitingroom.Session{}, errRow
	}
	s := waitingroom.Session{Status: waitingroom.Status(int8(r.byte())), Position: int64(r.uvarint())}
	copy(s.Holder[:], r.take(32))
	s.Admitted, s.AuthTime, s.Expires, s.Holds = r.time(), r.time(), r.time(), r.time()
	if version != sessionVersion {
		s.Reserved, s.Rounds = r.byte() == 1, r.rounds(version)
	}
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		s.Grants = append(s.Grants, waitingroom.Grant{
			ID: r.uint64(), Client: string(r.bytes()), AuthTime: r.time(), Redeemed: r.time(),
			Number: uint32(r.uvarint()), Rotated: r.time(), Ended: r.byte() == 1,
		})
	}
	if r.failed {
		return waitingroom.Session{}, errRow
	}
	return s, nil
}

func encodeCode(c code) []byte {
	b := make([]byte, 0, 160+len(c.Payload))
	b = append(b, codeVersion)
	b = append(b, c.id[:]...)
	b = append(b, c.Login[:]...)
	b = append(b, c.Binding[:]...)
	b = appendBytes(b, []byte(c.Client))
	b = appendBytes(b, c.Payload)
	b = appendTime(b, c.authTime)
	b = appendTime(b, c.expires)
	b = appendBool(b, c.taken)
	return append(b, c.op[:]...)
}

func decodeCode(row []byte) (code, error) {
	r := reader{rest: row}
	if r.byte() != codeVersion {
		return code{}, errRow
	}
	var c code
	copy(c.id[:], r.take(16))
	copy(c.Login[:], r.take(16))
	copy(c.Binding[:], r.take(32))
	c.Client = string(r.bytes())
	c.Payload = append([]byte(nil), r.bytes()...)
	c.authTime, c.expires = r.time(), r.time()
	c.taken = r.byte() == 1
	copy(c.op[:], r.take(16))
	if r.failed {
		return code{}, errRow
	}
	return c, nil
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
}

func appendBytes(b, value []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(value))), value...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// reader reads what the append functions wrote. After the first failure it
// returns zeros, so that the caller checks once, at the end.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	return r.take(int(n))
}

func (r *reader) time() time.Time { return time.UnixMilli(int64(r.uint64())).UTC() }
