package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// takenLife is how long a redeemed code is remembered after its own life, so that
// using it again is recognised as a replay and ends its grant.
const takenLife = 10 * time.Minute

func sessionKey(id waitingroom.RequestID) []byte { return append([]byte{'s'}, id[:]...) }

func codeKey(hash [32]byte) []byte { return append([]byte{'c'}, hash[:]...) }

// session returns the row of a session, and whether there is one.
func (l *Ledger) session(id waitingroom.RequestID) (waitingroom.Session, bool) {
	s, err := decodeSession(l.rows.Get(sessionKey(id)))
	s.ID, s.Generation = id, l.Generation
	return s, err == nil
}

// live returns a session that is alive.
func (l *Ledger) live(id waitingroom.RequestID) (waitingroom.Session, bool) {
	s, ok := l.session(id)
	return s, ok && l.alive(s)
}

func (l *Ledger) alive(s waitingroom.Session) bool {
	return s.Status == waitingroom.StatusActive && s.Expires.After(l.Time())
}

// putSession stores a session. A verb that was repeated after a lost reply
// stores what is there already, which is no change.
func (l *Ledger) putSession(s waitingroom.Session) {
	key, row := sessionKey(s.ID), encodeSession(s)
	if bytes.Equal(l.rows.Get(key), row) {
		return
	}
	l.rows.Put(key, row)
	l.changed()
}

// Claim takes up a turn; see [waitingroom.Sessions].
func (l *Ledger) Claim(c waitingroom.Claim) (waitingroom.Session, error) {
	s, ok, err := l.claimant(c.Ticket)
	if err != nil {
		return waitingroom.Session{}, err
	}
	if !ok {
		if s, err = l.admit(c); err != nil {
			return waitingroom.Session{}, err
		}
	}
	if s.Holder != c.Holder {
		if !c.Take {
			return waitingroom.Session{}, waitingroom.ErrHeld
		}
		s.Holder = c.Holder
		l.putSession(s)
	}
	switch {
	case c.Reserve != nil:
		return l.sendRound(s, *c.Reserve)
	case c.Code != nil:
		s = l.visit(s)
		l.putCode(s, *c.Code)
	}
	return s, nil
}

// claimant returns the live session of a ticket, or an error if the ticket can
// have none any more.
func (l *Ledger) claimant(t waitingroom.Ticket) (waitingroom.Session, bool, error) {
	switch {
	case t.Generation < l.Generation:
		return waitingroom.Session{}, false, waitingroom.ErrLineEnded
	case t.Generation > l.Generation:
		return waitingroom.Session{}, false, waitingroom.ErrLineAhead
	}
	s, ok := l.session(t.ID)
	switch {
	case !ok || l.alive(s):
		return s, ok, nil
	case lapsed(s):
		return s, false, waitingroom.ErrExpired
	default:
		return s, false, waitingroom.ErrSpent
	}
}

// admit creates the session of a place that has none.
func (l *Ledger) admit(c waitingroom.Claim) (waitingroom.Session, error) {
	position := c.Ticket.Position
	if position > l.Dealt {
		return waitingroom.Session{}, waitingroom.ErrUnsettled
	}
	if position > l.Serving {
		return waitingroom.Session{}, waitingroom.ErrNotServed
	}
	until, open := l.window(position)
	if !open {
		return waitingroom.Session{}, waitingroom.ErrExpired
	}
	accounted := l.accounted(position)
	if accounted && l.spentByBit(position, until) {
		return waitingroom.Session{}, waitingroom.ErrSpent
	}
	if l.Settings.Capacity != 0 && l.Alive >= l.Settings.Capacity {
		return waitingroom.Session{}, waitingroom.ErrFull
	}
	if !accounted {
		l.account(position)
	}
	now := l.Time()
	s := waitingroom.Session{
		ID: c.Ticket.ID, Generation: l.Generation, Position: position, Holder: c.Holder,
		Admitted: now, AuthTime: now.Truncate(time.Second), Expires: now.Add(l.Settings.SessionTTL),
	}
	if c.Reserve != nil {
		s.Reserved, s.Expires = true, now.Add(l.Settings.Reservation())
	}
	l.putSession(s)
	l.rows.Remind(s.Expires, sessionKey(s.ID))
	l.Alive++
	l.Admitted++
	l.refill()
	return s, nil
}

// spentByBit reports whether a set bit alone says that a place had its session.
// Where places live for ever (no end of the window) rows don't outlive their
// sessions; elsewhere the row tells, so that two people to whom a split store
// dealt one position both get in.
func (l *Ledger) spentByBit(position int64, until time.Time) bool {
	return until.IsZero() || position <= l.Sealed
}

// Lookup says how a place stands; see [waitingroom.Sessions].
func (l *Ledger) Lookup(t waitingroom.Ticket) (waitingroom.Standing, error) {
	s, ok, err := l.claimant(t)
	switch {
	case errors.Is(err, waitingroom.ErrSpent):
		return waitingroom.Standing{State: waitingroom.StateSpent}, nil
	case errors.Is(err, waitingroom.ErrExpired):
		return waitingroom.Standing{State: waitingroom.StateExpired}, nil
	case err != nil:
		return waitingroom.Standing{}, err
	case ok:
		return waitingroom.Standing{State: waitingroom.StateActive, Session: s}, nil
	case t.Position > l.Serving:
		return waitingroom.Standing{State: waitingroom.StateWaiting}, nil
	}
	until, open := l.window(t.Position)
	switch {
	case !open:
		return waitingroom.Standing{State: waitingroom.StateExpired}, nil
	case l.spentByBit(t.Position, until) && l.accounted(t.Position):
		return waitingroom.Standing{State: waitingroom.StateSpent}, nil
	}
	return waitingroom.Standing{State: waitingroom.StateServed, Until: until}, nil
}

// Extend prolongs a live session; see [waitingroom.Sessions].
func (l *Ledger) Extend(id waitingroom.RequestID, seen time.Time) (waitingroom.Session, error) {
	s, ok := l.live(id)
	if !ok || s.Reserved {
		return waitingroom.Session{}, waitingroom.ErrNoSession
	}
	l.prolong(&s)
	if !seen.IsZero() && !s.AuthTime.After(seen) {
		// A whole second at least: auth_time is in seconds, and must have
		// moved for the relying party to see a new authentication.
		s.AuthTime = later(l.Time().Truncate(time.Second), seen.Add(time.Second))
	}
	l.putSession(s)
	return s, nil
}

// prolong lets a session live longer, as far as the room allows. It leaves no
// reminder: the one that comes too early leaves the next.
func (l *Ledger) prolong(s *waitingroom.Session) {
	until := l.Time().Add(l.Settings.SessionTTL)
	if end := s.Admitted.Add(l.Settings.SessionMax); until.After(end) {
		until = end
	}
	if until.After(s.Expires) {
		s.Expires = until
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// End ends a live session; see [waitingroom.Sessions].
func (l *Ledger) End(id waitingroom.RequestID, status waitingroom.Status, holds time.Time) error {
	s, ok := l.session(id)
	if !ok || status == waitingroom.StatusActive {
		return waitingroom.ErrNoSession
	}
	if !l.alive(s) {
		if s.Status == status {
			return nil
		}
		return waitingroom.ErrNoSession
	}
	l.end(s, status, holds)
	return nil
}

// end marks a session that is alive as ended. It frees the slot, or keeps it
// until holds if that is later, but no longer than the session would have lived.
func (l *Ledger) end(s waitingroom.Session, status waitingroom.Status, holds time.Time) {
	s.Status = status
	if holds.After(s.Expires) {
		holds = s.Expires
	}
	if holds.After(l.Time()) {
		s.Holds = holds
		l.rows.Remind(holds, sessionKey(s.ID))
	}
	for i := range s.Grants {
		s.Grants[i].Ended = true
	}
	l.putSession(s)
	if s.Holds.IsZero() {
		l.Alive--
		l.refill()
	}
}

// putCode stores a code for a session.
func (l *Ledger) putCode(s waitingroom.Session, c waitingroom.Code) {
	key := codeKey(c.Hash)
	if l.rows.Get(key) != nil {
		return // A repeated call. Two codes never share a hash.
	}
	expires := l.Time().Add(c.Life)
	l.rows.Put(key, encodeCode(code{Code: c, id: s.ID, authTime: s.AuthTime, expires: expires}))
	l.rows.Remind(expires.Add(time.Millisecond), key)
	l.changed()
}

// GrantID returns the grant that all codes of a login lead to.
func GrantID(login [16]byte) uint64 { return binary.BigEndian.Uint64(login[:8]) }

// TakeCode redeems a code; see [waitingroom.Sessions].
func (l *Ledger) TakeCode(t waitingroom.TakeCode) (waitingroom.Taken, error) {
	key := codeKey(t.Hash)
	c, err := decodeCode(l.rows.Get(key))
	// A code is forgotten when its time has come, whether a sweep has been by or not.
	if err != nil || c.Client != t.Client || c.Binding != t.Binding || l.Time().After(c.expires.Add(takenLife)) {
		return waitingroom.Taken{}, waitingroom.ErrNoSession
	}
	grant := GrantID(c.Login)
	if c.taken && c.op != t.Op {
		l.revoke(c.id, grant)
		return waitingroom.Taken{}, waitingroom.ErrReplayed
	}
	s, ok := l.live(c.id)
	if !ok {
		return waitingroom.Taken{}, waitingroom.ErrNoSession
	}
	n := slices.IndexFunc(s.Grants, func(g waitingroom.Grant) bool { return g.ID == grant })
	if c.taken {
		if n < 0 || s.Grants[n].Ended {
			return waitingroom.Taken{}, waitingroom.ErrNoSession
		}
		return waitingroom.Taken{Session: s, Grant: s.Grants[n], Payload: c.Payload}, nil
	}
	if n >= 0 || l.Time().After(c.expires) {
		return waitingroom.Taken{}, waitingroom.ErrNoSession
	}
	c.taken, c.op = true, t.Op
	l.rows.Put(key, encodeCode(c))
	l.rows.Remind(c.expires.Add(takenLife), key)
	g := waitingroom.Grant{ID: grant, Client: c.Client, AuthTime: c.authTime, Redeemed: l.Time(), Rotated: l.Time()}
	s.Grants = append(room(s.Grants, c.Client), g)
	s.Rounds = ledIn(s.Rounds, c.Client)
	l.putSession(s)
	return waitingroom.Taken{Session: s, Grant: g, Payload: c.Payload}, nil
}

// room returns grants with room for one more of a client's: if it has the most
// that are kept, its oldest ended one goes, or its oldest.
func room(grants []waitingroom.Grant, client string) []waitingroom.Grant {
	n, oldest, ended := 0, -1, -1
	for i, g := range grants {
		if g.Client != client {
			continue
		}
		n++
		if oldest < 0 {
			oldest = i
		}
		if ended < 0 && g.Ended {
			ended = i
		}
	}
	if n < waitingroom.MaxGrants {
		return grants
	}
	if ended >= 0 {
		oldest = ended
	}
	return slices.Delete(grants, oldest, oldest+1)
}

// Rotate moves a grant to its next refresh token; see [waitingroom.Sessions].
func (l *Ledger) Rotate(r waitingroom.Rotate) (waitingroom.Session, waitingroom.Grant, error) {
	s, ok := l.live(r.ID)
	n := slices.IndexFunc(s.Grants, func(g waitingroom.Grant) bool { return g.ID == r.Grant && !g.Ended })
	if !ok || n < 0 || r.Generation != l.Generation {
		return waitingroom.Session{}, waitingroom.Grant{}, waitingroom.ErrNoSession
	}
	g := &s.Grants[n]
	switch {
	case r.Number == g.Number:
		g.Number++
		g.Rotated = l.Time()
	case r.Grace && r.Number+1 == g.Number && l.Time().Sub(g.Rotated) <= waitingroom.RotateGrace:
		// The successor is the same for everybody who asks within the grace, so
		// several nodes of a relying party may refresh at once, and a reply that
		// was lost can be asked for again.
	default:
		l.revoke(r.ID, r.Grant)
		return waitingroom.Session{}, waitingroom.Grant{}, waitingroom.ErrReplayed
	}
	l.prolong(&s)
	l.putSession(s)
	return s, *g, nil
}

// Revoke ends a grant, and with the last one the session; see
// [waitingroom.Sessions].
func (l *Ledger) Revoke(id waitingroom.RequestID, grant uint64, holds time.Time) {
	if !l.revoke(id, grant) {
		return // In particular after a replay, which never ends the session.
	}
	s, ok := l.live(id)
	if ok && !slices.ContainsFunc(s.Grants, func(g waitingroom.Grant) bool { return !g.Ended }) {
		l.end(s, waitingroom.StatusCompleted, holds)
	}
}

// revoke ends a grant, but neither session nor place, and reports whether it
// was alive.
func (l *Ledger) revoke(id waitingroom.RequestID, grant uint64) bool {
	s, ok := l.live(id)
	n := slices.IndexFunc(s.Grants, func(g waitingroom.Grant) bool { return g.ID == grant && !g.Ended })
	if !ok || n < 0 {
		return false
	}
	s.Grants[n].Ended = true
	l.putSession(s)
	return true
}
