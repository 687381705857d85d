package storetest

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func claimTests() []test {
	return []test{
		{"a claim creates a session", claimCreates},
		{"a claim finds its live session before it looks at anything else", claimFindsSession},
		{"a claim that can't be is refused", claimRefusals},
		{"a session is moved to another browser only on demand", claimTakes},
		{"a lane without cookies holds its session with none", claimWithoutHolder},
		{"two people with one position both get in", samePosition},
		{"a lookup says how a place stands", lookupStates},
	}
}

func claimCreates(s *site) {
	s.join(3)
	s.serve(2)
	s.Tick(1234 * time.Millisecond)
	session, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(2), Holder: holder(7)})
	s.must(err)
	want := waitingroom.Session{
		ID: s.ticket(2).ID, Position: 2, Holder: holder(7),
		Admitted: c.Now, AuthTime: c.Now.Truncate(time.Second), Expires: c.Now.Add(sessionTTL),
	}
	s.same("session", session, want)
	s.same("standing", s.lookup(2), waitingroom.Standing{State: waitingroom.StateActive, Session: want})
	s.same("alive", c.Alive, int64(1))
	s.same("admitted", c.Admitted, int64(1))
	s.same("unclaimed", c.Unclaimed, int64(1))
	s.stands(1, waitingroom.StateServed)

	generation := s.reset().Generation
	s.join(1)
	s.serve(1)
	s.same("generation", s.claim(1).Generation, generation)
}

func claimFindsSession(s *site) {
	s.join(5)
	s.serve(5)
	session := s.claim(5)
	s.serve(2)
	s.same("session after the counter moved back", s.claim(5), session)
	s.tick(positionTTL + time.Minute)
	s.same("session after its window", s.claim(5), session)
	s.same("admitted", s.counters().Admitted, int64(1))
}

func claimRefusals(s *site) {
	s.join(5)
	s.serve(3)
	s.claimRefused(4, waitingroom.ErrNotServed)
	s.claimRefused(6, waitingroom.ErrUnsettled)
	s.serve(7)
	s.claimRefused(6, waitingroom.ErrUnsettled)
	s.serve(3)
	s.claim(1)
	s.claim(2)
	s.end(1)
	s.claimRefused(1, waitingroom.ErrSpent)
	s.Tick(positionTTL + time.Millisecond)
	s.claimRefused(3, waitingroom.ErrExpired)
	s.Tick(sessionTTL)
	s.claimRefused(2, waitingroom.ErrSpent) // It ran out, though nobody swept.
	s.sweep()
	for _, position := range []int64{1, 2, 3} {
		if _, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position)}); err == nil {
			s.Errorf("position %d was claimed after it was swept", position)
		}
	}
}

func claimTakes(s *site) {
	s.join(1)
	s.serve(1)
	session := s.claim(1)
	claim := waitingroom.Claim{Ticket: s.ticket(1), Holder: holder(2)}
	_, c, err := s.Store.Claim(s.Context(), s.room, claim)
	s.refused(c, err, waitingroom.ErrHeld)

	// A claim that is refused stores no code.
	code := codeOf(1, "shop")
	claim.Code = &code
	_, c, err = s.Store.Claim(s.Context(), s.room, claim)
	s.refused(c, err, waitingroom.ErrHeld)
	_, c, err = s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.refused(c, err, waitingroom.ErrNoSession)

	claim.Take, claim.Code = true, nil
	taken, _, err := s.Store.Claim(s.Context(), s.room, claim)
	s.must(err)
	session.Holder = holder(2)
	s.same("session", taken, session)
	s.claimRefused(1, waitingroom.ErrHeld) // The first browser has lost it.
	s.same("admitted", s.counters().Admitted, int64(1))
}

func claimWithoutHolder(s *site) {
	s.join(1)
	s.serve(1)
	claim := waitingroom.Claim{Ticket: s.ticket(1)}
	first, _, err := s.Store.Claim(s.Context(), s.room, claim)
	s.must(err)
	s.same("holder", first.Holder, [32]byte{})
	second, _, err := s.Store.Claim(s.Context(), s.room, claim)
	s.must(err)
	s.same("session", second, first)
	s.claimRefused(1, waitingroom.ErrHeld)
}

// samePosition is about a store that was split and dealt a position twice: the
// two request IDs differ, and each is good for one session.
func samePosition(s *site) {
	s.join(2)
	s.serve(2)
	twin := s.ticket(1)
	twin.ID[15] ^= 0xff
	s.claim(1)
	other, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: twin, Holder: holder(2)})
	s.must(err)
	s.same("position", other.Position, int64(1))
	s.same("alive", c.Alive, int64(2))
	s.same("unclaimed", c.Unclaimed, int64(1))
	s.end(1)
	s.stands(1, waitingroom.StateSpent)
	standing, _, err := s.Store.Lookup(s.Context(), s.room, twin)
	s.must(err)
	s.same("the other's state", standing.State, waitingroom.StateActive)
}

func lookupStates(s *site) {
	s.join(4)
	now := s.serve(3).Now
	s.claim(1)
	s.claim(2)
	s.end(2)
	s.same("active", s.lookup(1).State, waitingroom.StateActive)
	s.same("spent", s.lookup(2), waitingroom.Standing{State: waitingroom.StateSpent})
	s.same("served", s.lookup(3), waitingroom.Standing{State: waitingroom.StateServed, Until: now.Add(positionTTL)})
	s.same("waiting", s.lookup(4), waitingroom.Standing{State: waitingroom.StateWaiting})
	s.tick(positionTTL + time.Hour)
	s.same("expired", s.lookup(3), waitingroom.Standing{State: waitingroom.StateExpired})
	before := s.counters()
	s.lookup(1)
	s.same("counters after lookups", s.counters(), before)
}
