package storetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func lineTests() []test {
	return []test{
		{"a room that nobody heard of is empty", unknownRoomIsEmpty},
		{"positions are unique and dense when many nodes join at once", positionsAreDense},
		{"a repeated sequence number gets the same positions", repeatedAdvance},
		{"an advance by none or by too many deals nothing", advanceIsBounded},
		{"no position is dealt that a ticket can't carry", positionsEnd},
		{"two rooms don't mix", roomsDontMix},
		{"the store's time never runs backwards", timeIsMonotone},
		{"in an open room the counter follows the arrivals", openRoomFollows},
		{"in an open room nobody can be made to wait", openRoomStaysOpen},
		{"a room that is opened serves all who wait", openingServes},
		{"settings of an older revision are ignored", olderRevision},
	}
}

func unknownRoomIsEmpty(s *site) {
	s.room = "unheard-of"
	c := s.counters()
	if c.Now.IsZero() {
		s.Error("an unknown room has no time")
	}
	s.same("counters", c, waitingroom.Counters{Now: c.Now})
	s.stands(1, waitingroom.StateWaiting)
}

func positionsAreDense(s *site) {
	const nodes, calls = 8, 25
	var (
		mu  sync.Mutex
		all []int64
		wg  sync.WaitGroup
	)
	for range nodes {
		node := s.op()
		wg.Go(func() {
			for seq := range uint64(calls) {
				n := 1 + int(seq)%7
				first, c, err := s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: node, Seq: seq + 1, N: n})
				if err != nil || c.Dealt < first+int64(n)-1 {
					s.Errorf("advance: first %d, counters %+v, error %v", first, c, err)
					return
				}
				mu.Lock()
				for i := range int64(n) {
					all = append(all, first+i)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	for i, position := range all {
		if position != int64(i)+1 {
			s.Fatalf("the %d. position is %d", i+1, position)
		}
	}
	s.same("dealt", s.counters().Dealt, int64(len(all)))
}

func repeatedAdvance(s *site) {
	advance := func(seq uint64, n int) (int64, waitingroom.Counters, error) {
		return s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.node, Seq: seq, N: n})
	}
	for _, step := range []struct {
		seq   uint64
		n     int
		first int64
	}{{1, 3, 1}, {2, 2, 4}, {2, 2, 4}} {
		first, _, err := advance(step.seq, step.n)
		s.must(err)
		s.same("first position", first, step.first)
	}
	other := waitingroom.Advance{Node: s.op(), Seq: 1, N: 1}
	first, _, err := s.Store.Advance(s.Context(), s.room, other)
	s.must(err)
	s.same("another node's position", first, int64(6))
	first, c, err := advance(2, 2)
	s.must(err)
	s.same("first position after another node's", first, int64(4))
	s.same("dealt", c.Dealt, int64(6))
	_, c, err = advance(1, 3)
	s.refused(c, err, waitingroom.ErrConflict)
	s.same("dealt after a conflict", c.Dealt, int64(6))
}

func advanceIsBounded(s *site) {
	for _, n := range []int{0, -1, 10_001, -1 << 40} {
		if _, _, err := s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.node, Seq: 1, N: n}); err == nil {
			s.Errorf("an advance by %d was not refused", n)
		}
	}
	s.same("first position", s.join(10_000), int64(1))
	s.same("dealt", s.counters().Dealt, int64(10_000))
}

// positionsEnd stops a wrap-around: the position has 32 bits in a ticket, and
// position 2^32 + 1 would be the first visitor's.
func positionsEnd(s *site) {
	_, err := s.Store.Settle(s.Context(), s.room, waitingroom.Floors{Dealt: waitingroom.MaxPosition - 1})
	s.must(err)
	if first, _, err := s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.op(), Seq: 1, N: 2}); err == nil {
		s.Fatalf("two positions dealt from %d where one was left", first)
	}
	s.same("the last position", s.join(1), int64(waitingroom.MaxPosition))
	_, _, err = s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.op(), Seq: 1, N: 1})
	if err == nil || errors.Is(err, waitingroom.ErrUnavailable) {
		s.Fatalf("advance beyond the last position: got error %v, want a lasting one", err)
	}
	s.same("dealt", s.counters().Dealt, int64(waitingroom.MaxPosition))
}

func roomsDontMix(s *site) {
	s.join(3)
	s.serve(2)
	s.claim(1)
	before := s.counters()

	first := s.room
	s.room, s.node, s.seq = "other", s.op(), 0
	s.configure(usual())
	s.same("first position of the other room", s.join(5), int64(1))
	s.serve(5)
	s.stands(1, waitingroom.StateServed)
	s.claim(1)
	s.reset()

	s.room = first
	s.same("counters of the first room", s.counters(), before)
	s.stands(1, waitingroom.StateActive)
}

func timeIsMonotone(s *site) {
	s.serve(1) // So that a store which is opened again remembers the time.
	latest := s.counters().Now
	s.Tick(-time.Hour)
	if now := s.serve(2).Now; now.Before(latest) {
		s.Errorf("time ran back from %v to %v", latest, now)
	}
	if s.Reopen != nil {
		s.Store = s.Reopen(s)
	}
	if now := s.counters().Now; now.Before(latest) {
		s.Errorf("time ran back from %v to %v", latest, now)
	}
}

func openRoomFollows(s *site) {
	set := usual()
	set.Open = true
	s.configure(set)
	for seq := range uint64(3) {
		first, c, err := s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.op(), Seq: seq + 1, N: 50})
		s.must(err)
		if c.Serving < c.Dealt || c.Dealt < first+49 {
			s.Fatalf("an open room serves %d of %d", c.Serving, c.Dealt)
		}
		if c := s.counters(); c.Serving < c.Dealt || c.Unclaimed != c.Dealt {
			s.Fatalf("an open room serves %d of %d, unclaimed %d", c.Serving, c.Dealt, c.Unclaimed)
		}
		s.stands(first+49, waitingroom.StateServed)
	}
	s.claim(150)
	s.same("unclaimed", s.counters().Unclaimed, int64(149))
}

// openRoomStaysOpen stops a bug: an order to move back was undone by the next
// arrival, between which a store that deals ahead of its record lost count.
func openRoomStaysOpen(s *site) {
	set := usual()
	set.Open = true
	s.configure(set)
	s.join(10)
	s.claim(9)
	s.same("serving after an order to move back", s.serve(3).Serving, int64(10))
	c, err := s.Store.Settle(s.Context(), s.room, waitingroom.Floors{Dealt: 12, Serving: 4, Epoch: 5})
	s.must(err)
	s.same("serving after settling", c.Serving, int64(12))
	s.join(2)
	s.same("unclaimed", s.counters().Unclaimed, int64(13))
	s.same("serving ahead", s.serve(30).Serving, int64(30))
	s.same("serving less far ahead", s.serve(20).Serving, int64(20))
}

func openingServes(s *site) {
	s.join(7)
	before := s.counters()
	set := usual()
	set.Open = true
	c := s.configure(set)
	s.same("serving", c.Serving, int64(7))
	if c.Version <= before.Version {
		s.Errorf("the counter moved, but its version stayed %d", c.Version)
	}
	s.stands(7, waitingroom.StateServed)
}

func olderRevision(s *site) {
	short := usual()
	short.SessionTTL = time.Minute
	before := s.configure(short)
	c, err := s.Store.Configure(s.Context(), s.room, before.Revision-1, usual())
	s.must(err)
	s.same("counters", c, before)
	s.join(1)
	s.serve(1)
	session := s.claim(1)
	s.same("session_ttl", session.Expires.Sub(session.Admitted), time.Minute)
}
