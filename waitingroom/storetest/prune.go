package storetest

import "github.com/anteroom-dev/anteroom/waitingroom"

// pruneTests are for stores that implement [waitingroom.Pruner].
func pruneTests() []test {
	return []test{
		{"rooms that aren't kept are forgotten, and the others stay as they were", func(s *site) {
			pruner, ok := s.Store.(waitingroom.Pruner)
			if !ok {
				s.Skip("the store forgets all by itself")
			}
			s.join(7)
			s.serve(3)
			s.claim(2)
			before := s.counters()

			s.room = "tour"
			s.configure(usual())
			s.join(5)
			s.serve(5)
			s.claim(1)
			removed, err := pruner.Prune(s.Context(), []string{"sale", "never-there"})
			s.must(err)
			s.same("removed rooms", removed, []string{"tour"})
			again, err := pruner.Prune(s.Context(), []string{"sale"})
			s.must(err)
			s.same("rooms removed a second time", again, []string(nil))

			s.room = "sale"
			s.same("counters of the room that was kept", s.counters(), before)
			s.stands(2, waitingroom.StateActive)
			if s.Reopen != nil {
				s.Store = s.Reopen(s)
			}
			s.same("counters after reopening", s.counters().Dealt, before.Dealt)
		}},
	}
}
