package storetest

import (
	"math"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func servingTests() []test {
	return []test{
		{"the counter moves by steps and to values within its bounds", counterMoves},
		{"an order that was applied has no further effect", orderOnce},
		{"an inlet acts only with its lease and the version it read", inletIsFenced},
		{"one node at a time holds the lease", leaseIsExclusive},
		{"prolonging a lease raises neither fence nor version", leaseIsProlonged},
		{"unclaimed places are counted", unclaimedIsCounted},
		{"places above a counter that moved back wait again", backwardWaits},
		{"each change raises the sequence number, a refusal doesn't", sequenceRises},
	}
}

func counterMoves(s *site) {
	to := func(n int64) waitingroom.Serve { return waitingroom.Serve{To: &n} }
	for _, step := range []struct {
		order   waitingroom.Serve
		serving int64
		epoch   uint64
	}{
		{waitingroom.Serve{By: 5}, 5, 0},
		{waitingroom.Serve{}, 5, 0}, // An increment by 0 is an order, too.
		{to(3), 3, 1},
		{waitingroom.Serve{By: 2}, 5, 1},
		{waitingroom.Serve{By: -10}, 0, 2},
		{waitingroom.Serve{By: -1}, 0, 2},
		{to(-7), 0, 2},
		{waitingroom.Serve{By: 1}, 1, 2},
		// These must not overflow into a move the other way.
		{waitingroom.Serve{By: math.MaxInt64}, waitingroom.MaxPosition, 2},
		{waitingroom.Serve{By: math.MinInt64}, 0, 3},
		{to(math.MaxInt64), waitingroom.MaxPosition, 3},
	} {
		before := s.counters()
		step.order.Op = s.op()
		c, err := s.Store.Serve(s.Context(), s.room, step.order)
		s.must(err)
		if c.Serving != step.serving || c.Epoch != step.epoch || c.Version <= before.Version {
			s.Fatalf("after %+v: got serving %d, epoch %d, version %d; want serving %d, epoch %d, version above %d",
				step.order, c.Serving, c.Epoch, c.Version, step.serving, step.epoch, before.Version)
		}
		s.same("counters", s.counters(), c)
	}
}

func orderOnce(s *site) {
	order := waitingroom.Serve{By: 5, Op: s.op()}
	first, err := s.Store.Serve(s.Context(), s.room, order)
	s.must(err)
	second, err := s.Store.Serve(s.Context(), s.room, order)
	s.must(err)
	s.same("counters after the repeated order", second, first)
	s.serve(9)
	third, err := s.Store.Serve(s.Context(), s.room, order)
	s.must(err)
	s.same("serving after an order repeated late", third.Serving, int64(9))
}

// lease takes the inlet's lease for a node.
func (s *site) lease(node waitingroom.OpID, d time.Duration) (waitingroom.Lease, waitingroom.Counters) {
	s.Helper()
	lease, c, err := s.Store.Lease(s.Context(), s.room, node, d)
	s.must(err)
	return lease, c
}

func inletIsFenced(s *site) {
	lease, c := s.lease(s.node, 10*time.Second)
	anchor := c.Now.Add(-time.Second)
	step := waitingroom.Serve{By: 3, Lease: lease, Version: c.Version, Anchor: anchor}
	after, err := s.Store.Serve(s.Context(), s.room, step)
	s.must(err)
	s.same("serving", after.Serving, int64(3))
	s.same("anchor", after.Anchor, anchor)

	step.Version = after.Version
	for name, spoil := range map[string]func(*waitingroom.Serve){
		"an old version":      func(o *waitingroom.Serve) { o.Version-- },
		"another holder":      func(o *waitingroom.Serve) { o.Lease.Holder = s.op() },
		"an older fence":      func(o *waitingroom.Serve) { o.Lease.Fence-- },
		"a fence to be dealt": func(o *waitingroom.Serve) { o.Lease.Fence++ },
	} {
		order := step
		spoil(&order)
		c, err := s.Store.Serve(s.Context(), s.room, order)
		s.Log(name)
		s.refused(c, err, waitingroom.ErrConflict)
		s.same("serving", c.Serving, int64(3))
	}
	s.Tick(10 * time.Second) // The lease runs out at this very moment.
	c, err = s.Store.Serve(s.Context(), s.room, step)
	s.refused(c, err, waitingroom.ErrConflict)
	s.same("anchor", c.Anchor, anchor)
}

func leaseIsExclusive(s *site) {
	first, before := s.lease(s.node, 10*time.Second)
	s.same("end of the lease", first.Until, before.Now.Add(10*time.Second))
	s.Tick(10*time.Second - time.Millisecond)
	other := s.op()
	lease, c, err := s.Store.Lease(s.Context(), s.room, other, time.Minute)
	s.refused(c, err, waitingroom.ErrConflict)
	s.same("the present lease", lease, first)

	s.Tick(time.Millisecond)
	second, after := s.lease(other, time.Minute)
	if second.Holder != other || second.Fence <= first.Fence || after.Version <= before.Version {
		s.Errorf("taken over: got %+v at version %d, after %+v at version %d", second, after.Version, first, before.Version)
	}
	c, err = s.Store.Serve(s.Context(), s.room, waitingroom.Serve{By: 1, Lease: first, Version: after.Version})
	s.refused(c, err, waitingroom.ErrConflict)
}

func leaseIsProlonged(s *site) {
	first, before := s.lease(s.node, 10*time.Second)
	s.Tick(5 * time.Second)
	second, after := s.lease(s.node, 10*time.Second)
	s.same("fence", second.Fence, first.Fence)
	s.same("version", after.Version, before.Version)
	s.same("end", second.Until, first.Until.Add(5*time.Second))
	s.Tick(-5 * time.Second)
	third, _ := s.lease(s.node, time.Second)
	s.same("end of a lease prolonged by less", third.Until, second.Until)
}

func unclaimedIsCounted(s *site) {
	s.join(10)
	for _, step := range []struct {
		what      string
		do        func()
		unclaimed int64
	}{
		{"six served", func() { s.serve(6) }, 6},
		{"two claimed", func() { s.claim(2); s.claim(5) }, 4},
		{"served beyond the last", func() { s.serve(12) }, 8},
		{"five more arrive", func() { s.join(5) }, 10},
		{"back to four", func() { s.serve(4) }, 3},
		{"forward again", func() { s.serve(10) }, 8},
		{"a session ended", func() { s.end(2) }, 8},
		{"all expired", func() {
			s.Tick(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
			s.same("places given up", s.sweep().Places, int64(8))
		}, 0},
		{"served after expiry", func() { s.serve(13) }, 3},
	} {
		step.do()
		if got := s.counters().Unclaimed; got != step.unclaimed {
			s.Fatalf("%s: got unclaimed %d, want %d", step.what, got, step.unclaimed)
		}
	}
	s.same("missed", s.counters().Missed, int64(8))
	s.same("expired", s.counters().Expired, int64(10))
}

func backwardWaits(s *site) {
	s.join(10)
	s.serve(10)
	s.claim(8)
	s.Tick(time.Minute)
	s.serve(5)
	s.stands(7, waitingroom.StateWaiting)
	s.stands(8, waitingroom.StateActive)
	s.stands(5, waitingroom.StateServed)
	s.claimRefused(7, waitingroom.ErrNotServed)

	s.Tick(time.Minute)
	now := s.serve(10).Now
	if until := s.lookup(7).Until; until.Before(now.Add(positionTTL)) {
		s.Errorf("a place served again has a window until %v, of less than %v", until, positionTTL)
	}
	if until := s.lookup(5).Until; until.After(now.Add(positionTTL - time.Minute)) {
		s.Errorf("a place served all the time has a new window, until %v", until)
	}
	s.claim(7)
}

func sequenceRises(s *site) {
	s.join(3)
	before := s.counters()
	s.serve(3)
	served := s.counters()
	s.claim(1)
	claimed := s.counters()
	if served.Sequence <= before.Sequence || claimed.Sequence <= served.Sequence {
		s.Errorf("sequence went %d, %d, %d", before.Sequence, served.Sequence, claimed.Sequence)
	}
	s.claim(1)
	s.sweep()
	s.same("counters after nothing", s.counters(), claimed)
}
