package storetest

import (
	"fmt"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func reopenTests() []test {
	return []test{
		{"a store that is closed and opened again has kept everything", reopenKeeps},
		{"dealing goes on without a hole after a clean stop", reopenDeals},
	}
}

func reopenKeeps(s *site) {
	if s.Reopen == nil {
		s.Skip("this store doesn't outlive its process, and doesn't claim to")
	}
	prepareVerbs(s)
	lease, _ := s.lease(s.node, time.Hour)
	order := waitingroom.Serve{By: 1, Op: s.op()}
	_, err := s.Store.Serve(s.Context(), s.room, order)
	s.must(err)
	s.keep("short", "value", time.Minute)
	s.reset()
	s.join(20)
	s.serve(30)
	grant := s.login(3, "shop", 3)
	code := s.claimWithCode(4, "shop", 4)
	s.claim(5)
	s.end(5)
	before, standings := s.counters(), s.standings(25)

	s.Store = s.Reopen(s)
	s.same("counters", s.counters(), before)
	s.same("standings", s.standings(25), standings)
	s.same("the grant", s.grant(3, grant.ID), grant)
	_, err = s.Store.Serve(s.Context(), s.room, order)
	s.must(err)
	s.same("counters after an old order", s.counters(), before)
	again, _ := s.lease(s.node, time.Minute)
	s.same("the lease", again, lease)
	_, _, err = s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	value, _ := s.kept("short")
	s.same("kept", value, "value")
	s.Tick(time.Minute)
	if _, ok := s.kept("short"); ok {
		s.Error("kept beyond its life")
	}
	s.tick(sessionTTL)
	s.same("alive", s.counters().Alive, int64(0))
}

func reopenDeals(s *site) {
	if s.Reopen == nil {
		s.Skip("this store doesn't outlive its process, and doesn't claim to")
	}
	var dealt int64
	for i := range 5 {
		s.node, s.seq = s.op(), 0 // A process that starts takes a new name.
		for n := range 1 + i*100 {
			s.same(fmt.Sprintf("first position of opening %d", i), s.join(1+n%3), dealt+1)
			dealt += int64(1 + n%3)
		}
		s.Store = s.Reopen(s)
		s.same("dealt", s.counters().Dealt, dealt)
	}
}
