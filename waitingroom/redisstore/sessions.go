package redisstore

import (
	"context"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Claim implements [waitingroom.Sessions].
func (s *Store) Claim(ctx context.Context, room string, claim waitingroom.Claim) (waitingroom.Session, waitingroom.Counters, error) {
	args := append(ticketArgs(claim.Ticket), claim.Holder[:], claim.Take)
	var hash [32]byte
	if c := claim.Code; c != nil {
		hash = c.Hash
		args = append(args, c.Hash[:], c.Login[:], c.Client, c.Binding[:], c.Payload, c.Life.Milliseconds())
	}
	if r := claim.Reserve; r != nil {
		hash = [32]byte{}
		args = append(args[:5:5], r.Op[:], r.Client, r.Login[:], millis(r.Received))
	}
	in, c, err := s.call(ctx, room, verb{script: s.scripts.claim, kind: changes, code: hash, args: args})
	if err != nil {
		return waitingroom.Session{}, c, err
	}
	session := in.session(c.Generation)
	return session, c, checked(in, nil)
}

func ticketArgs(t waitingroom.Ticket) []any { return []any{t.ID[:], t.Generation, t.Position} }

// Lookup implements [waitingroom.Sessions].
func (s *Store) Lookup(ctx context.Context, room string, t waitingroom.Ticket) (waitingroom.Standing, waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, verb{script: s.scripts.lookup, kind: reads, args: ticketArgs(t)})
	if err != nil {
		return waitingroom.Standing{}, c, err
	}
	standing := waitingroom.Standing{State: waitingroom.State(in.text()), Until: in.timeOrNever()}
	if standing.State == waitingroom.StateActive {
		standing.Session = in.session(c.Generation)
	}
	return standing, c, checked(in, nil)
}

// Extend implements [waitingroom.Sessions].
func (s *Store) Extend(ctx context.Context, room string, id waitingroom.RequestID, seen time.Time) (waitingroom.Session, waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, verb{script: s.scripts.extend, kind: changes, args: []any{id[:], millis(seen)}})
	if err != nil {
		return waitingroom.Session{}, c, err
	}
	session := in.session(c.Generation)
	return session, c, checked(in, nil)
}

// End implements [waitingroom.Sessions].
func (s *Store) End(ctx context.Context, room string, id waitingroom.RequestID, status waitingroom.Status, holds time.Time) (waitingroom.Counters, error) {
	_, c, err := s.call(ctx, room, verb{script: s.scripts.end, kind: changes, args: []any{id[:], int(status), millis(holds)}})
	return c, err
}

// TakeCode implements [waitingroom.Sessions].
func (s *Store) TakeCode(ctx context.Context, room string, t waitingroom.TakeCode) (waitingroom.Taken, waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, verb{script: s.scripts.takeCode, kind: changes, code: t.Hash, args: []any{t.Client, t.Binding[:], t.Op[:]}})
	if err != nil {
		return waitingroom.Taken{}, c, err
	}
	taken := waitingroom.Taken{Session: in.session(c.Generation)}
	taken.Grant = in.one(taken.Session)
	taken.Payload = []byte(in.text())
	return taken, c, checked(in, nil)
}

// Rotate implements [waitingroom.Sessions].
func (s *Store) Rotate(ctx context.Context, room string, r waitingroom.Rotate) (waitingroom.Session, waitingroom.Grant, waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, verb{script: s.scripts.rotate, kind: changes, args: []any{r.ID[:], r.Generation, grantName(r.Grant), r.Number, r.Grace}})
	if err != nil {
		return waitingroom.Session{}, waitingroom.Grant{}, c, err
	}
	session := in.session(c.Generation)
	grant := in.one(session)
	return session, grant, c, checked(in, nil)
}

// Revoke implements [waitingroom.Sessions].
func (s *Store) Revoke(ctx context.Context, room string, id waitingroom.RequestID, grant uint64, holds time.Time) (waitingroom.Counters, error) {
	_, c, err := s.call(ctx, room, verb{script: s.scripts.revoke, kind: changes, args: []any{id[:], grantName(grant), millis(holds)}})
	return c, err
}

// one reads the number of a session's grant, counted from 1.
func (f *fields) one(s waitingroom.Session) waitingroom.Grant {
	n := f.int()
	if n < 1 || n > int64(len(s.Grants)) {
		f.failed = true
		return waitingroom.Grant{}
	}
	return s.Grants[n-1]
}

// millis returns a time for a script, in which 0 is none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
