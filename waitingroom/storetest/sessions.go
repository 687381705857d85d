package storetest

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func sessionTests() []test {
	return []test{
		{"a session lives for session_ttl", sessionRunsOut},
		{"a session that ran out frees its slot when it is swept", sweepFreesSlots},
		{"a session is extended up to session_max", extendIsCapped},
		{"a session is never shortened by extending it", extendNeverShortens},
		{"confirming moves auth_time on by a whole second at least", confirmMoves},
		{"a session that isn't alive can't be extended", extendRefusals},
		{"a session ends once, with one status", endOnce},
		{"an ended session's place is spent", endSpends},
	}
}

func (s *site) extend(position int64, confirm bool) waitingroom.Session {
	s.Helper()
	var seen time.Time
	if confirm {
		seen = s.lookup(position).Session.AuthTime
	}
	session, _, err := s.Store.Extend(s.Context(), s.room, s.ticket(position).ID, seen)
	s.must(err)
	return session
}

func sessionRunsOut(s *site) {
	s.join(1)
	s.serve(1)
	s.claim(1)
	s.Tick(sessionTTL - time.Millisecond)
	s.stands(1, waitingroom.StateActive)
	s.Tick(time.Millisecond)
	s.stands(1, waitingroom.StateSpent)
	s.claimRefused(1, waitingroom.ErrSpent)
}

func sweepFreesSlots(s *site) {
	s.join(3)
	s.serve(3)
	s.claim(1)
	s.Tick(time.Minute)
	s.claim(2)
	s.Tick(sessionTTL - time.Minute)
	s.extend(2, false)
	swept := s.sweep()
	s.same("swept sessions", swept.Sessions, int64(1))
	s.same("alive", s.counters().Alive, int64(1))
	s.Tick(time.Minute) // The second one's first end, before it was extended.
	s.same("swept sessions", s.sweep().Sessions, int64(0))
	s.stands(2, waitingroom.StateActive)
	s.Tick(sessionTTL)
	s.same("swept sessions", s.sweep().Sessions, int64(1))
	s.same("alive", s.counters().Alive, int64(0))
	s.same("admitted", s.counters().Admitted, int64(2))
}

func extendIsCapped(s *site) {
	s.join(1)
	s.serve(1)
	session := s.claim(1)
	for range 3 {
		s.tick(sessionTTL - time.Minute)
		session = s.extend(1, false)
		s.same("extended to", session.Expires, s.counters().Now.Add(sessionTTL))
	}
	s.tick(sessionTTL - time.Minute)
	session = s.extend(1, false)
	s.same("extended to the last", session.Expires, session.Admitted.Add(sessionMax))
	s.same("auth_time", session.AuthTime, session.Admitted.Truncate(time.Second))
	s.tick(session.Expires.Sub(s.counters().Now))
	s.stands(1, waitingroom.StateExpired)
}

// extendNeverShortens is about a session_ttl that was made shorter meanwhile.
func extendNeverShortens(s *site) {
	s.join(1)
	s.serve(1)
	session := s.claim(1)
	set := usual()
	set.SessionTTL = time.Minute
	s.configure(set)
	s.same("session", s.extend(1, false), session)
	set.SessionTTL, set.SessionMax = 10*time.Hour, time.Minute
	s.configure(set)
	s.same("session", s.extend(1, false), session)
}

func confirmMoves(s *site) {
	s.join(1)
	s.serve(1)
	first := s.claim(1).AuthTime
	second := s.extend(1, true).AuthTime
	if second.Sub(first) < time.Second || !second.Equal(second.Truncate(time.Second)) {
		s.Errorf("auth_time moved from %v to %v", first, second)
	}
	s.Tick(90 * time.Second)
	third := s.extend(1, true).AuthTime
	s.same("auth_time later", third, s.counters().Now.Truncate(time.Second))
	s.same("the session's", s.lookup(1).Session.AuthTime, third)

	// A reply may be lost for longer than a second.
	s.Tick(90 * time.Second)
	again, _, err := s.Store.Extend(s.Context(), s.room, s.ticket(1).ID, second)
	s.must(err)
	s.same("auth_time after the repeated call", again.AuthTime, third)
}

func extendRefusals(s *site) {
	s.join(3)
	s.serve(3)
	s.claim(1)
	s.end(1)
	s.claim(2)
	s.Tick(sessionTTL)
	for position := range int64(3) {
		_, c, err := s.Store.Extend(s.Context(), s.room, s.ticket(position+1).ID, s.counters().Now)
		s.refused(c, err, waitingroom.ErrNoSession)
	}
}

func endOnce(s *site) {
	s.join(2)
	s.serve(2)
	end := func(position int64, status waitingroom.Status) (waitingroom.Counters, error) {
		return s.Store.End(s.Context(), s.room, s.ticket(position).ID, status, time.Time{})
	}
	for position, status := range map[int64]waitingroom.Status{1: waitingroom.StatusCompleted, 2: waitingroom.StatusAbandoned} {
		c, err := end(position, status)
		s.refused(c, err, waitingroom.ErrNoSession)
		s.claim(position)
		c, err = end(position, waitingroom.StatusActive)
		s.refused(c, err, waitingroom.ErrNoSession)
		s.same("alive", c.Alive, int64(1))
		_, err = end(position, status)
		s.must(err)
		again, err := end(position, status)
		s.must(err)
		s.same("alive", again.Alive, int64(0))
		c, err = end(position, -status)
		s.refused(c, err, waitingroom.ErrNoSession)
	}
}

func endSpends(s *site) {
	s.join(2)
	s.serve(2)
	grant := s.login(1, "shop", 1)
	s.end(1)
	s.stands(1, waitingroom.StateSpent)
	s.claimRefused(1, waitingroom.ErrSpent)
	_, _, c, err := s.Store.Rotate(s.Context(), s.room, waitingroom.Rotate{ID: s.ticket(1).ID, Grant: grant.ID, Grace: true})
	s.refused(c, err, waitingroom.ErrNoSession)
	s.same("unclaimed", c.Unclaimed, int64(1))
	for range 30 { // Past the place's own expiry, the row may go.
		s.tick(time.Minute)
		if _, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(1)}); err == nil {
			s.Fatal("a spent place was claimed again")
		}
	}
	s.same("alive", s.counters().Alive, int64(0))
}
