package storetest

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func windowTests() []test {
	return []test{
		{"a turn is open at exactly position_ttl and closed after it", windowIsExact},
		{"a place is given up ExpiryGrace after its window", expiryWaits},
		{"a window starts when the visitor arrives under a counter that runs ahead", windowOfArrival},
		{"places served shortly after one another may share the later window", windowsMerge},
		{"places never expire where position_ttl is 0", endlessPlaces},
		{"a place served while position_ttl was 0 gets a whole window", windowsBegin},
		{"a turn that is open stays open when position_ttl becomes 0", windowsEnd},
		{"a spent place stays spent when the counter moves back and forward", spentBackAndForward},
		{"a spent place stays spent when position_ttl changes", spentAcrossSettings},
		{"a sweep looks at no more than its limit", sweepIsLimited},
	}
}

// tick turns the clock as it turns in an engine, which sweeps each second.
func (s *site) tick(d time.Duration) {
	s.Helper()
	s.sweep()
	s.Tick(d)
	s.sweep()
}

func windowIsExact(s *site) {
	s.join(2)
	now := s.serve(2).Now
	s.same("end of the window", s.lookup(1).Until, now.Add(positionTTL))
	s.Tick(positionTTL)
	s.stands(1, waitingroom.StateServed)
	s.claim(1)
	s.Tick(time.Millisecond)
	s.stands(2, waitingroom.StateExpired)
	s.claimRefused(2, waitingroom.ErrExpired)
	s.stands(1, waitingroom.StateActive)
}

func expiryWaits(s *site) {
	s.join(3)
	s.serve(2)
	s.claim(1)
	s.Tick(positionTTL + waitingroom.ExpiryGrace)
	s.same("swept", s.sweep(), waitingroom.Swept{})
	s.same("unclaimed", s.counters().Unclaimed, int64(1))
	s.Tick(time.Millisecond)
	s.same("swept", s.sweep(), waitingroom.Swept{Places: 1})
	c := s.counters()
	s.same("expired", c.Expired, int64(2))
	s.same("missed", c.Missed, int64(1))
	s.stands(2, waitingroom.StateExpired)
	s.stands(3, waitingroom.StateWaiting)
	s.same("swept again", s.sweep(), waitingroom.Swept{})
}

func windowOfArrival(s *site) {
	s.serve(100)
	s.tick(time.Hour)
	s.join(1)
	now := s.counters().Now
	s.same("end of the window", s.lookup(1).Until, now.Add(positionTTL))
	s.tick(positionTTL)
	s.stands(1, waitingroom.StateServed)
	s.tick(time.Millisecond)
	s.stands(1, waitingroom.StateExpired)
}

func windowsMerge(s *site) {
	s.join(100)
	var own []time.Time
	for position := range int64(50) {
		own = append(own, s.serve(position+1).Now.Add(positionTTL))
		s.Tick(100 * time.Millisecond)
	}
	for i, want := range own {
		until := s.lookup(int64(i) + 1).Until
		if until.Before(want) || until.Sub(want) > time.Second {
			s.Errorf("position %d: window until %v, want %v or up to a second later", i+1, until, want)
		}
	}
}

func endlessPlaces(s *site) {
	s.configure(endless())
	s.join(2)
	s.serve(2)
	s.tick(1000 * time.Hour)
	s.same("standing", s.lookup(1), waitingroom.Standing{State: waitingroom.StateServed})
	s.claim(1)
	s.same("missed", s.counters().Missed, int64(0))
	s.same("unclaimed", s.counters().Unclaimed, int64(1))
}

func windowsBegin(s *site) {
	s.configure(endless())
	s.join(3)
	s.serve(2)
	s.claim(1)
	s.tick(100 * time.Hour)
	now := s.configure(usual()).Now
	s.same("end of the window", s.lookup(2).Until, now.Add(positionTTL))
	s.tick(positionTTL)
	s.stands(2, waitingroom.StateServed)
	s.tick(waitingroom.ExpiryGrace + time.Millisecond)
	s.stands(2, waitingroom.StateExpired)
	s.same("missed", s.counters().Missed, int64(1))
}

func windowsEnd(s *site) {
	s.join(3)
	s.serve(1)
	s.tick(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
	s.serve(3)
	s.configure(endless())
	s.tick(100 * time.Hour)
	s.stands(1, waitingroom.StateExpired)
	s.same("standing", s.lookup(2), waitingroom.Standing{State: waitingroom.StateServed})
	s.claim(3)
}

// spentBackAndForward checks invariant I9 where the rows of ended sessions may
// be gone: a place is good for one session.
func spentBackAndForward(s *site) {
	for _, set := range []waitingroom.Settings{usual(), endless()} {
		s.configure(set)
		s.reset()
		s.seq, s.node = 0, s.op()
		s.join(5)
		s.serve(5)
		s.claim(2)
		s.claim(4)
		s.end(2)
		s.end(4)
		s.serve(3)
		for range 10 {
			s.tick(sessionMax) // Long enough to sweep every row that may go.
		}
		s.serve(0)
		s.tick(time.Minute)
		s.serve(5)
		for _, position := range []int64{2, 4} {
			if state := s.lookup(position).State; state != waitingroom.StateSpent && state != waitingroom.StateExpired {
				s.Errorf("position %d had its session, and is %q again", position, state)
			}
			if _, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position)}); err == nil {
				s.Errorf("position %d had a second session", position)
			}
		}
		s.stands(5, waitingroom.StateServed)
	}
}

// spentAcrossSettings checks invariant I9 where the settings change after the
// rows of ended sessions are gone. It stops a bug: places above a counter that
// had moved back were forgotten.
func spentAcrossSettings(s *site) {
	s.configure(endless())
	s.join(9)
	s.serve(9)
	for position := range int64(9) {
		s.claim(position + 1)
	}
	s.tick(sessionTTL)
	s.same("alive", s.counters().Alive, int64(0))
	s.serve(4)
	for _, set := range []waitingroom.Settings{usual(), endless(), usual()} {
		s.configure(set)
		s.tick(time.Second)
		s.serve(9)
		for position := range int64(9) {
			s.stands(position+1, waitingroom.StateSpent)
			s.claimRefused(position+1, waitingroom.ErrSpent)
		}
		s.serve(4)
		s.tick(time.Second)
	}
}

func sweepIsLimited(s *site) {
	s.join(10)
	for position := range int64(5) {
		s.serve(2 * (position + 1))
		s.claim(2 * (position + 1))
		s.Tick(2 * time.Second)
	}
	s.Tick(sessionTTL)
	var sum waitingroom.Swept
	for calls := 1; ; calls++ {
		swept, c, err := s.Store.Sweep(s.Context(), s.room, 2)
		s.must(err)
		if swept.Sessions > 2 || swept.Places > 2 {
			s.Fatalf("swept more than the limit: %+v", swept)
		}
		sum.Sessions += swept.Sessions
		sum.Places += swept.Places
		s.same("alive", c.Alive, 5-sum.Sessions)
		if !swept.More {
			break
		}
		if calls > 20 {
			s.Fatal("sweeping doesn't end")
		}
	}
	s.same("swept", sum, waitingroom.Swept{Sessions: 5, Places: 5})
}
