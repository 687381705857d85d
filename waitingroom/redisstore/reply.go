package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// errReply says that a script's reply isn't what this version expects: another
// version's scripts run under the same names.
var errReply = errors.New("unexpected reply of a script")

// refusal returns the error that a script names, or nil for none.
func refusal(name string) error {
	switch name {
	case "":
		return nil
	case "conflict":
		return waitingroom.ErrConflict
	case "unsettled":
		return waitingroom.ErrUnsettled
	case "forgotten":
		return errForgotten
	case "generation":
		return errGeneration
	case "ended":
		return waitingroom.ErrLineEnded
	case "ahead":
		return waitingroom.ErrLineAhead
	case "notserved":
		return waitingroom.ErrNotServed
	case "expired":
		return waitingroom.ErrExpired
	case "spent":
		return waitingroom.ErrSpent
	case "full":
		return waitingroom.ErrFull
	case "held":
		return waitingroom.ErrHeld
	case "sentround":
		return waitingroom.ErrSentRound
	case "nosession":
		return waitingroom.ErrNoSession
	case "replayed":
		return waitingroom.ErrReplayed
	case "exhausted":
		return waitingroom.ErrExhausted
	}
	return fmt.Errorf("%w: error %q", errReply, name)
}

// fields reads the values of a reply one by one. After the first that is of
// another kind than asked for, it returns zeros; the caller checks once.
type fields struct {
	values []any
	failed bool
}

func list(value any) *fields {
	values, ok := value.([]any)
	return &fields{values: values, failed: !ok}
}

func (f *fields) next() any {
	if len(f.values) == 0 {
		f.failed = true
		return nil
	}
	v := f.values[0]
	f.values = f.values[1:]
	return v
}

func (f *fields) int() int64 {
	n, ok := f.next().(int64)
	f.failed = f.failed || !ok
	return n
}

func (f *fields) text() string {
	s, ok := f.next().(string)
	f.failed = f.failed || !ok
	return s
}

func (f *fields) bool() bool { return f.int() == 1 }

// time reads a time; 0 is the zero time where never is a possible answer.
func (f *fields) time() time.Time { return time.UnixMilli(f.int()).UTC() }

func (f *fields) timeOrNever() time.Time {
	if ms := f.int(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

func (f *fields) list() *fields {
	l := list(f.next())
	f.failed = f.failed || l.failed
	return l
}

func (f *fields) counters() waitingroom.Counters {
	in := f.list()
	c := waitingroom.Counters{
		Now: in.time(), Generation: in.int(), Sequence: uint64(in.int()), Version: uint64(in.int()), Revision: in.int(),
		Dealt: in.int(), Serving: in.int(), Epoch: uint64(in.int()), Expired: in.int(), Alive: in.int(),
		Unclaimed: in.int(), Admitted: in.int(), Missed: in.int(), Anchor: in.timeOrNever(),
	}
	f.failed = f.failed || in.failed
	return c
}

func (f *fields) session(generation int64) waitingroom.Session {
	in := f.list()
	s := waitingroom.Session{Generation: generation}
	copy(s.ID[:], in.text())
	s.Status = waitingroom.Status(in.int())
	s.Position = in.int()
	copy(s.Holder[:], in.text())
	s.Admitted, s.AuthTime, s.Expires, s.Holds = in.time(), in.time(), in.time(), in.timeOrNever()
	for grants := in.list(); len(grants.values) > 0 && !grants.failed; {
		s.Grants = append(s.Grants, grants.grant())
		in.failed = in.failed || grants.failed
	}
	s.Reserved = in.bool()
	for rounds := in.list(); len(rounds.values) > 0 && !rounds.failed; {
		s.Rounds = append(s.Rounds, rounds.round())
		in.failed = in.failed || rounds.failed
	}
	f.failed = f.failed || in.failed
	return s
}

func (f *fields) grant() waitingroom.Grant {
	in := f.list()
	g := waitingroom.Grant{ID: grantID(in.text()), Client: in.text(), AuthTime: in.time(), Redeemed: in.time()}
	g.Number = uint32(in.int())
	g.Rotated, g.Ended = in.time(), in.bool()
	f.failed = f.failed || in.failed
	return g
}

func (f *fields) round() waitingroom.Round {
	in := f.list()
	var r waitingroom.Round
	copy(r.Op[:], in.text())
	copy(r.Login[:], in.text())
	r.At, r.Counts, r.Client = in.time(), in.bool(), in.text()
	f.failed = f.failed || in.failed
	return r
}

// A grant's name in the scripts is its ID in eight bytes: their numbers can't
// hold it.
func grantID(name string) uint64 {
	if len(name) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(name))
}

func grantName(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
