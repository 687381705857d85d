package redisstore_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// A turning clock is what the scripts of some stores are told instead of Redis's
// time.
type turning struct{ now atomic.Int64 }

func newTurning() *turning {
	c := &turning{}
	c.now.Store(time.Now().Add(time.Hour).UnixMilli()) // Ahead of what Redis told before.
	return c
}

func (c *turning) tell(nodes ...*node) {
	for _, n := range nodes {
		n.SetClock(func() time.Time { return time.UnixMilli(c.now.Load()) })
	}
}

func (c *turning) turn(d time.Duration) { c.now.Add(d.Milliseconds()) }

// fresh returns a node that has just started and knows nothing.
func fresh(t *testing.T, server *redistest.Server) *node {
	t.Helper()
	store, err := redisstore.New(server.Client(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &node{T: t, Store: store, name: waitingroom.NewOpID()}
}

// While the nodes' knowledge was merged, places that had expired counted as free
// slots, and as many more people were let in as the room holds.
func TestACapacityRoomWherePlacesHadExpiredCountsAsFullAfterALoss(t *testing.T) {
	server := redistest.Start(t)
	set := rules()
	set.Capacity = 5
	a := join(t, server, set)
	clock := newTurning()
	clock.tell(a)
	a.deal(100)
	for position := range int64(4) {
		a.must(a.claim(position + 1))
	}
	clock.turn(time.Minute)
	a.sweep() // The fifth has let the turn pass, and the sixth has it.
	before := a.counters()
	if before.Expired != 5 || before.Serving != 6 {
		t.Fatalf("before the loss: %+v", before)
	}
	meet(a)
	server.Do("FLUSHALL")
	a.deal(1)
	if c := a.counters(); c.Serving != before.Serving {
		t.Errorf("right after the loss the counter is %d, want %d", c.Serving, before.Serving)
	}
	clock.turn(time.Minute)
	a.sweep()
	a.sweep()
	if c := a.counters(); c.Serving <= before.Serving {
		t.Errorf("a claim window later nobody has been let in: %+v", c)
	}
}

// What a node had written down was merged without a jump into a store that was
// restored from a backup: the numbers of the last second were dealt twice.
func TestNodesThatLostTheirMemoryAndFindAnOldBackupCostAJumpAndNoPosition(t *testing.T) {
	server := redistest.Start(t)
	lost := join(t, server, rules())
	lost.deal(10)
	server.Do("SAVE")
	lost.deal(90)
	floors := waitingroom.Floors{Dealt: 100, Serving: 4}
	lost.deal(5) // Of which nothing was written down.
	server.Kill()
	server.Run()

	after := []*node{fresh(t, server), fresh(t, server)}
	together(after, func(n *node) {
		if _, err := n.Settle(t.Context(), room, floors); err != nil {
			t.Error(err)
		}
	})
	if first := after[0].deal(1); first != 100+64+1 {
		t.Errorf("dealt %d, want 165", first)
	}
}

// A node without a memory opened a store restored from a backup at once, before
// another one could tell what it had written down.
func TestAFreshNodeThatFindsAnOldBackupWaitsForThoseWhoKnow(t *testing.T) {
	server := redistest.Start(t)
	lost := join(t, server, rules())
	lost.deal(10)
	server.Do("SAVE")
	lost.deal(90)
	server.Kill()
	server.Run()

	first, late := fresh(t, server), fresh(t, server)
	first.SetWindow(patience)
	late.SetWindow(0)
	dealt := make(chan int64)
	go func() { dealt <- first.deal(1) }()
	for end := time.Now().Add(patience); server.Do("EXISTS", "{"+room+"}:t") == int64(0); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first node doesn't report")
		}
	}
	if _, err := late.Settle(t.Context(), room, waitingroom.Floors{Dealt: 100}); err != nil {
		t.Fatal(err)
	}
	if got := <-dealt; got <= 100 {
		t.Errorf("dealt %d, which is somebody's", got)
	}
}

// A replica whose clock is behind that of the master before it kept the room shut
// until it had caught up, because the room's time stood still.
func TestAStoreWhoseClockIsBehindOpensAfterTheWindow(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, rules()), join(t, server, rules())
	clock := newTurning()
	clock.tell(a, b)
	a.SetWindow(time.Second)
	a.deal(10)
	meet(a, b)
	server.Do("FLUSHALL")
	clock.turn(-time.Hour)

	began := time.Now()
	done := make(chan int64)
	go func() { done <- a.deal(1) }() // And b is gone.
	for {
		select {
		case first := <-done:
			if first != 10+64+1 {
				t.Errorf("dealt %d, want 75", first)
			}
			return
		case <-time.After(20 * time.Millisecond):
			clock.turn(100 * time.Millisecond)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("still shut")
		}
	}
}

// Each loss with a node missing leaves a range of void positions, which every
// script read: they were kept for ever.
func TestVoidPositionsAreForgottenOnceTheyHaveExpired(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
	clock := newTurning()
	clock.tell(a)
	for range 10 {
		a.deal(10)
		a.serve(waitingroom.MaxPosition)
		clock.turn(time.Minute)
		a.sweep()
		gone := join(t, server, rules())
		clock.tell(gone)
		meet(gone, a)
		server.Do("HSET", "{"+room+"}:r", "inc", "another")
		a.SetWindow(0)
		a.deal(1)
	}
	voids, _ := server.Do("HGET", "{"+room+"}:r", "voids").(string)
	if len(strings.Fields(voids)) != 1 {
		t.Errorf("kept %q", voids)
	}
}
