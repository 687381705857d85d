package storetest

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func grantTests() []test {
	return []test{
		{"a session keeps the latest grants of each client", grantsAreBounded},
		{"an ended grant makes room before a live one", endedGrantsGoFirst},
		{"a rotation numbers the tokens and extends the session", rotateNumbers},
		{"the predecessor is good within its grace, until the successor is used", rotateGrace},
		{"any other token ends the grant, but not the session", rotateReplays},
		{"what isn't alive isn't rotated", rotateRefusals},
		{"the last grant revoked ends the session", revokeLast},
		{"revoking what isn't there does nothing", revokeNothing},
	}
}

// rotate presents a token of a grant.
func (s *site) rotate(position int64, grant uint64, number uint32, grace bool) (waitingroom.Session, waitingroom.Grant, waitingroom.Counters, error) {
	s.Helper()
	ticket := s.ticket(position)
	return s.Store.Rotate(s.Context(), s.room, waitingroom.Rotate{
		ID: ticket.ID, Generation: ticket.Generation, Grant: grant, Number: number, Grace: grace,
	})
}

func (s *site) revoke(position int64, grant uint64) waitingroom.Counters {
	s.Helper()
	c, err := s.Store.Revoke(s.Context(), s.room, s.ticket(position).ID, grant, time.Time{})
	s.must(err)
	return c
}

func grantsAreBounded(s *site) {
	s.join(1)
	s.serve(1)
	other := s.login(1, "blog", 1000)
	var first waitingroom.Grant
	for n := range waitingroom.MaxGrants + 1 {
		grant := s.login(1, "shop", n)
		if n == 0 {
			first = grant
		}
	}
	grants := s.lookup(1).Session.Grants
	s.same("grants", len(grants), waitingroom.MaxGrants+1)
	s.same("the other client's grant", s.grant(1, other.ID), other)
	for _, g := range grants {
		if g.ID == first.ID {
			s.Error("the oldest grant was kept")
		}
	}
}

func endedGrantsGoFirst(s *site) {
	s.join(1)
	s.serve(1)
	var all []waitingroom.Grant
	for n := range waitingroom.MaxGrants {
		all = append(all, s.login(1, "shop", n))
	}
	s.revoke(1, all[5].ID)
	s.login(1, "shop", 100)
	grants := s.lookup(1).Session.Grants
	s.same("grants", len(grants), waitingroom.MaxGrants)
	s.same("the oldest", grants[0], all[0])
	for _, g := range grants {
		if g.ID == all[5].ID {
			s.Error("the ended grant was kept")
		}
	}
}

func rotateNumbers(s *site) {
	s.join(1)
	s.serve(1)
	grant := s.login(1, "shop", 1)
	for number := range uint32(4) {
		s.tick(50 * time.Minute)
		session, g, c, err := s.rotate(1, grant.ID, number, false)
		s.must(err)
		s.same("number", g.Number, number+1)
		s.same("rotated", g.Rotated, c.Now)
		s.same("the grant", s.grant(1, grant.ID), g)
		end := c.Now.Add(sessionTTL)
		if last := session.Admitted.Add(sessionMax); end.After(last) {
			end = last
		}
		s.same("session's end", session.Expires, end)
	}
}

func rotateGrace(s *site) {
	s.join(1)
	s.serve(1)
	grant := s.login(1, "shop", 1)
	_, first, _, err := s.rotate(1, grant.ID, 0, true)
	s.must(err)
	s.Tick(waitingroom.RotateGrace)
	_, again, _, err := s.rotate(1, grant.ID, 0, true)
	s.must(err)
	s.same("grant", again, first)

	_, _, _, err = s.rotate(1, grant.ID, 1, true)
	s.must(err)
	_, _, c, err := s.rotate(1, grant.ID, 0, true)
	s.refused(c, err, waitingroom.ErrReplayed)
	s.same("ended", s.grant(1, grant.ID).Ended, true)
}

func rotateReplays(s *site) {
	s.join(5)
	s.serve(5)
	for position, replay := range map[int64]struct {
		number uint32
		grace  bool
		wait   time.Duration
	}{
		1: {0, false, 0},                                         // A public client's predecessor.
		2: {0, true, waitingroom.RotateGrace + time.Millisecond}, // Too late.
		3: {7, true, 0},                                          // A number that was never given out.
	} {
		grant := s.login(position, "shop", int(position))
		other := s.login(position, "shop", int(position)+10)
		_, _, _, err := s.rotate(position, grant.ID, 0, replay.grace)
		s.must(err)
		s.Tick(replay.wait)
		_, _, c, err := s.rotate(position, grant.ID, replay.number, replay.grace)
		s.refused(c, err, waitingroom.ErrReplayed)
		s.same("ended", s.grant(position, grant.ID).Ended, true)
		_, _, c, err = s.rotate(position, grant.ID, 1, replay.grace)
		s.refused(c, err, waitingroom.ErrNoSession)
		s.same("the other grant ended", s.grant(position, other.ID).Ended, false)
		s.stands(position, waitingroom.StateActive)
	}
}

func rotateRefusals(s *site) {
	s.join(2)
	s.serve(2)
	grant := s.login(1, "shop", 1)
	_, _, c, err := s.rotate(1, grant.ID+1, 0, true)
	s.refused(c, err, waitingroom.ErrNoSession)
	_, _, c, err = s.rotate(2, grant.ID, 0, true)
	s.refused(c, err, waitingroom.ErrNoSession)
	_, _, c, err = s.Store.Rotate(s.Context(), s.room, waitingroom.Rotate{
		ID: s.ticket(1).ID, Generation: 5, Grant: grant.ID,
	})
	s.refused(c, err, waitingroom.ErrNoSession)
	s.same("the grant", s.grant(1, grant.ID), grant)
	s.Tick(sessionTTL)
	_, _, c, err = s.rotate(1, grant.ID, 0, true)
	s.refused(c, err, waitingroom.ErrNoSession)
}

func revokeLast(s *site) {
	s.join(1)
	s.serve(1)
	first := s.login(1, "shop", 1)
	second := s.login(1, "blog", 2)
	s.same("alive", s.revoke(1, first.ID).Alive, int64(1))
	s.same("ended", s.grant(1, first.ID).Ended, true)
	s.same("alive", s.revoke(1, second.ID).Alive, int64(0))
	s.stands(1, waitingroom.StateSpent)
	_, err := s.Store.End(s.Context(), s.room, s.ticket(1).ID, waitingroom.StatusCompleted, time.Time{})
	s.must(err) // That is how it ended.
}

// revokeNothing stops a bug: after a replay, which ends a grant but never the
// session, revoking any other grant of a session ended it.
func revokeNothing(s *site) {
	s.join(2)
	s.serve(2)
	s.claim(2)
	before := s.counters()
	s.same("counters", s.revoke(1, 1), before)
	s.same("counters", s.revoke(2, 1), before)

	code := s.claimWithCode(1, "shop", 1)
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	s.takeRefused(s.take(code), waitingroom.ErrReplayed)
	before = s.counters()
	s.same("counters", s.revoke(1, taken.Grant.ID+1), before)
	s.same("counters", s.revoke(1, taken.Grant.ID), before)
	s.stands(1, waitingroom.StateActive)
}
