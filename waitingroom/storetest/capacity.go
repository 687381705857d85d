package storetest

import (
	"math/rand/v2"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func capacityTests() []test {
	return []test{
		{"a room with a capacity serves as many as it holds", servesItsCapacity},
		{"a place that is free is served in the step that frees it", refills},
		{"those who were served and haven't come keep their slot until they expire", unclaimedCounts},
		{"whoever arrives while there is room passes at once", passesWhileFree},
		{"an operator's order doesn't overfill the room, nor empty it", ordersAreClamped},
		{"a lowered capacity sends nobody back and admits nobody above it", lowered},
		{"a raised capacity serves more at once", raised},
		{"a position that was claimed takes no second slot when the counter passes it again", passesClaimed},
		{"a reset room serves its capacity", resetServes},
		{"a session that was ended keeps its slot as long as it is told to", slotIsHeld},
		{"but no longer than it would have lived", slotIsHeldForItsLife},
		{"the house is never overfilled and never left empty", fullHouse},
		{"places that nobody claimed go to the next in line", reuses},
		{"or stay unused", keeps},
	}
}

func holding(capacity int64) waitingroom.Settings {
	set := usual()
	set.Capacity = capacity
	return set
}

// holds fails the test unless serving, alive and unclaimed are as wanted.
func (s *site) holds(serving, alive, unclaimed int64) {
	s.Helper()
	c := s.counters()
	s.same("serving, alive and unclaimed", []int64{c.Serving, c.Alive, c.Unclaimed}, []int64{serving, alive, unclaimed})
}

func servesItsCapacity(s *site) {
	s.configure(holding(3))
	s.join(5)
	s.holds(3, 0, 3)
	for position := range int64(3) {
		s.claim(position + 1)
	}
	s.holds(3, 3, 0)
	s.claimRefused(4, waitingroom.ErrNotServed)
}

func refills(s *site) {
	s.configure(holding(2))
	s.join(5)
	s.claim(1)
	s.claim(2)
	c, err := s.Store.End(s.Context(), s.room, s.ticket(1).ID, waitingroom.StatusCompleted, time.Time{})
	s.must(err)
	s.same("serving in the reply to the end", c.Serving, int64(3))
	s.Tick(sessionTTL)
	_, c, err = s.Store.Sweep(s.Context(), s.room, 100)
	s.must(err)
	s.same("serving in the reply to the sweep", c.Serving, int64(4+1)) // Position 3 has expired as well.
}

func unclaimedCounts(s *site) {
	s.configure(holding(2))
	s.join(5)
	s.claim(1)
	s.Tick(positionTTL + waitingroom.ExpiryGrace)
	s.sweep()
	s.holds(2, 1, 1)
	s.Tick(time.Millisecond)
	s.sweep()
	s.holds(3, 1, 1)
	s.stands(2, waitingroom.StateExpired)
}

func passesWhileFree(s *site) {
	s.configure(holding(2))
	s.holds(2, 0, 0)
	s.join(1)
	s.stands(1, waitingroom.StateServed)
	s.claim(1)
	s.join(2)
	s.stands(2, waitingroom.StateServed)
	s.stands(3, waitingroom.StateWaiting)
}

func ordersAreClamped(s *site) {
	s.configure(holding(2))
	s.join(5)
	for _, by := range []int64{3, -2, 0} {
		c, err := s.Store.Serve(s.Context(), s.room, waitingroom.Serve{By: by, Op: s.op()})
		s.must(err)
		s.same("serving after an order", c.Serving, int64(2))
	}
	s.serve(0)
	s.holds(2, 0, 2)
}

func lowered(s *site) {
	s.configure(holding(3))
	s.join(6)
	s.claim(1)
	s.configure(holding(1))
	s.holds(3, 1, 2)
	s.stands(2, waitingroom.StateServed)
	s.claimRefused(2, waitingroom.ErrFull)
	s.end(1)
	s.claim(2) // The turn was kept.
	s.claimRefused(3, waitingroom.ErrFull)
	s.holds(3, 1, 1)
}

func passesClaimed(s *site) {
	s.join(3)
	s.serve(3)
	s.claim(2)
	s.serve(-3)
	s.configure(holding(2))
	s.holds(1, 1, 1)
	s.end(2)
	s.holds(3, 0, 2) // Position 2 is passed.
}

func raised(s *site) {
	s.configure(holding(1))
	s.join(6)
	s.same("serving", s.configure(holding(4)).Serving, int64(4))
}

func resetServes(s *site) {
	s.configure(holding(2))
	s.join(5)
	s.claim(1)
	s.same("serving", s.reset().Serving, int64(2))
}

func slotIsHeld(s *site) {
	s.configure(holding(1))
	s.join(2)
	s.claim(1)
	ctx, id := s.Context(), s.ticket(1).ID
	holds := s.counters().Now.Add(10 * time.Minute)
	c, err := s.Store.End(ctx, s.room, id, waitingroom.StatusCompleted, holds)
	s.must(err)
	s.same("alive after the end", c.Alive, int64(1))
	s.stands(1, waitingroom.StateSpent)
	_, err = s.Store.End(ctx, s.room, id, waitingroom.StatusCompleted, holds) // A lost reply.
	s.must(err)
	s.tick(10*time.Minute - time.Millisecond)
	s.holds(1, 1, 0)
	s.tick(time.Millisecond)
	s.holds(2, 0, 1)
	s.stands(1, waitingroom.StateSpent)
	s.claim(2)
}

func slotIsHeldForItsLife(s *site) {
	s.configure(holding(1))
	s.join(2)
	s.claim(1)
	_, err := s.Store.End(s.Context(), s.room, s.ticket(1).ID, waitingroom.StatusCompleted, s.counters().Now.Add(100*time.Hour))
	s.must(err)
	s.tick(sessionTTL)
	s.same("serving", s.counters().Serving, int64(2))
}

// fullHouse walks at random through the life of a room and checks invariant
// I6 after each step: no more sessions than the capacity, and the counter
// where the slots that are free put it.
func fullHouse(s *site) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 6)) //nolint:gosec // A walk that can be repeated.
		capacity := 1 + random.Int64N(6)
		s.configure(holding(capacity))
		s.reset()
		s.seq, s.node = 0, s.op()
		highest := capacity // The highest capacity while those alive or served came.
		for range 60 {
			c := s.counters()
			switch random.IntN(8) {
			case 0, 1:
				s.join(1 + random.IntN(3))
			case 2, 3, 4:
				if c.Dealt > 0 {
					ticket := s.ticket(1 + random.Int64N(c.Dealt))
					_, after, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: ticket})
					if err == nil && after.Admitted > c.Admitted && after.Alive > capacity {
						s.Fatalf("seed %d: a claim made %d alive, the capacity is %d", seed, after.Alive, capacity)
					}
				}
			case 5:
				if c.Dealt > 0 {
					_, _ = s.Store.End(s.Context(), s.room, s.ticket(1+random.Int64N(c.Dealt)).ID, waitingroom.StatusCompleted, time.Time{})
				}
			case 6:
				s.Tick(time.Duration(random.Int64N(int64(positionTTL))))
				s.sweep()
			case 7:
				capacity = 1 + random.Int64N(6)
				s.configure(holding(capacity))
			}
			c = s.counters()
			if highest = max(capacity, min(highest, c.Alive+c.Unclaimed)); c.Alive+c.Unclaimed > highest {
				s.Fatalf("seed %d: %d alive and %d served, the capacity was at most %d", seed, c.Alive, c.Unclaimed, highest)
			}
			free := max(0, capacity-c.Alive-c.Unclaimed)
			if want := c.Frontier() + free; c.Serving != want {
				s.Fatalf("seed %d: serving %d with %d free, want %d", seed, c.Serving, free, want)
			}
		}
	}
}

func reuses(s *site) {
	set := usual()
	set.Reuse = true
	s.configure(set)
	s.join(9)
	s.serve(4)
	s.claim(2)
	s.Tick(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
	_, c, err := s.Store.Sweep(s.Context(), s.room, 100)
	s.must(err)
	s.same("serving in the reply to the sweep", c.Serving, int64(7)) // 1, 3 and 4 never came.
	s.stands(7, waitingroom.StateServed)
	s.stands(8, waitingroom.StateWaiting)
}

func keeps(s *site) {
	s.join(9)
	s.serve(4)
	s.Tick(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
	s.sweep()
	s.same("serving", s.counters().Serving, int64(4))
	s.same("missed", s.counters().Missed, int64(4))
}
