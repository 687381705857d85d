package storetest

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func lifeTests() []test {
	return []test{
		{"a reset starts a generation that was never used", resetGenerations},
		{"a reset leaves nothing of the line but its rules", resetEmpties},
		{"a reset is applied once, and to the expected generation only", resetOnce},
		{"settling merges what a node knows by maximum", settleMerges},
		{"settling in a later generation starts it, in an earlier one does nothing", settleGenerations},
	}
}

func resetGenerations(s *site) {
	before := s.counters()
	s.same("generation of a new room", before.Generation, int64(0))
	first := s.reset()
	s.same("generation", first.Generation, first.Now.UnixMilli())
	second := s.reset()
	s.same("generation after a second reset in the same millisecond", second.Generation, first.Generation+1)
	s.Tick(time.Hour)
	third := s.reset()
	s.same("generation an hour later", third.Generation, third.Now.UnixMilli())
}

func resetEmpties(s *site) {
	s.join(10)
	s.serve(6)
	claim := s.claimWithCode(2, "shop", 1)
	s.claim(3)
	old := s.ticket(2)
	before := s.counters()

	c := s.reset()
	s.same("counters", c, waitingroom.Counters{
		Now: c.Now, Generation: c.Generation, Sequence: c.Sequence, Version: c.Version, Revision: before.Revision,
	})
	if c.Sequence <= before.Sequence || c.Version <= before.Version {
		s.Errorf("sequence went from %d to %d, version from %d to %d", before.Sequence, c.Sequence, before.Version, c.Version)
	}
	_, got, err := s.Store.Lookup(s.Context(), s.room, old)
	s.refused(got, err, waitingroom.ErrLineEnded)
	_, got, err = s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: old})
	s.refused(got, err, waitingroom.ErrLineEnded)
	ahead := ticketOf(c.Generation+1, 1)
	_, got, err = s.Store.Lookup(s.Context(), s.room, ahead)
	s.refused(got, err, waitingroom.ErrLineAhead)
	_, got, err = s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: ahead})
	s.refused(got, err, waitingroom.ErrLineAhead)
	_, got, err = s.Store.TakeCode(s.Context(), s.room, s.take(claim))
	s.refused(got, err, waitingroom.ErrNoSession)
	_, got, err = s.Store.Extend(s.Context(), s.room, old.ID, time.Time{})
	s.refused(got, err, waitingroom.ErrNoSession)
	got, err = s.Store.End(s.Context(), s.room, old.ID, waitingroom.StatusCompleted, time.Time{})
	s.refused(got, err, waitingroom.ErrNoSession)

	// The new line starts at 1, under the same rules, with nobody's bits set.
	s.same("first position", s.join(5), int64(1))
	s.serve(5)
	session := s.claim(2)
	s.same("session_ttl", session.Expires.Sub(session.Admitted), sessionTTL)
	s.same("unclaimed", s.counters().Unclaimed, int64(4))
	s.tick(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
	s.same("missed", s.counters().Missed, int64(4))
	s.same("alive", s.counters().Alive, int64(1))
}

func resetOnce(s *site) {
	s.join(5)
	op := s.op()
	first, err := s.Store.Reset(s.Context(), s.room, op, 0)
	s.must(err)
	s.join(3)
	again, err := s.Store.Reset(s.Context(), s.room, op, 0)
	s.must(err)
	s.same("generation after the repeated reset", again.Generation, first.Generation)
	s.same("dealt after the repeated reset", again.Dealt, int64(3))
	for _, expected := range []int64{0, first.Generation - 1, first.Generation + 1} {
		c, err := s.Store.Reset(s.Context(), s.room, s.op(), expected)
		s.refused(c, err, waitingroom.ErrConflict)
	}
	s.same("dealt after conflicts", s.counters().Dealt, int64(3))
}

func settleMerges(s *site) {
	s.join(10)
	s.serve(4)
	for _, step := range []struct {
		name           string
		floors         waitingroom.Floors
		dealt, serving int64
		epoch          uint64
	}{
		{"nothing new", waitingroom.Floors{Dealt: 10, Serving: 4}, 10, 4, 0},
		{"less", waitingroom.Floors{Dealt: 3, Serving: 1}, 10, 4, 0},
		{"more dealt", waitingroom.Floors{Dealt: 20}, 20, 4, 0},
		{"more served", waitingroom.Floors{Serving: 15}, 20, 15, 0},
		{"a later epoch that serves fewer", waitingroom.Floors{Serving: 6, Epoch: 2}, 20, 6, 2},
		{"an earlier epoch that served more", waitingroom.Floors{Dealt: 5, Serving: 19, Epoch: 1}, 20, 6, 2},
		{"both", waitingroom.Floors{Dealt: 2000, Serving: 3000, Epoch: 2}, 2000, 3000, 2},
	} {
		before := s.counters()
		c, err := s.Store.Settle(s.Context(), s.room, step.floors)
		s.must(err)
		if c.Dealt != step.dealt || c.Serving != step.serving || c.Epoch != step.epoch {
			s.Fatalf("%s: got dealt %d, serving %d, epoch %d; want %d, %d, %d",
				step.name, c.Dealt, c.Serving, c.Epoch, step.dealt, step.serving, step.epoch)
		}
		changed := before.Dealt != c.Dealt || before.Serving != c.Serving || before.Epoch != c.Epoch
		if changed != (c.Sequence > before.Sequence) {
			s.Errorf("%s: sequence went from %d to %d", step.name, before.Sequence, c.Sequence)
		}
	}
	s.same("the next position", s.join(1), int64(2001))
	s.claim(1500)
}

func settleGenerations(s *site) {
	s.join(10)
	s.serve(5)
	s.claim(1)
	old := s.ticket(1)
	floors := waitingroom.Floors{Generation: 1 << 41, Dealt: 30, Serving: 20, Epoch: 1}
	c, err := s.Store.Settle(s.Context(), s.room, floors)
	s.must(err)
	s.same("counters", c, waitingroom.Counters{
		Now: c.Now, Generation: 1 << 41, Sequence: c.Sequence, Version: c.Version, Revision: c.Revision,
		Dealt: 30, Serving: 20, Epoch: 1, Unclaimed: 20,
	})
	_, got, err := s.Store.Lookup(s.Context(), s.room, old)
	s.refused(got, err, waitingroom.ErrLineEnded)
	s.same("the next position", s.join(1), int64(31))
	s.claim(20)

	before := s.counters()
	c, err = s.Store.Settle(s.Context(), s.room, waitingroom.Floors{Generation: 7, Dealt: 900, Serving: 900, Epoch: 9})
	s.must(err)
	s.same("counters after an earlier generation's", c, before)
	s.same("generation after a reset", s.reset().Generation, max(int64(1<<41)+1, s.counters().Now.UnixMilli()))
}
