package redisstore_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

func TestAFlushLosesNoPlace(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, lasting()), join(t, server, lasting())
	a.deal(100)
	b.serve(40)
	a.must(a.claim(7))
	meet(a, b)
	server.Do("FLUSHALL")

	together([]*node{a, b}, func(n *node) { n.counters(); n.deal(1) })
	if c := a.counters(); c.Dealt != 102 || c.Serving != 40 || c.Revision != 1 || c.Unclaimed != 40 {
		t.Errorf("after the flush: %+v", c)
	}
	// The session of 7 is lost with the store; the place isn't.
	for _, position := range []int64{7, 40} {
		b.must(b.claim(position))
	}
	if err := b.claim(41); err == nil {
		t.Error("somebody entered early")
	}
}

func TestANodeThatDoesNotReportCostsASecondAndAJump(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, lasting()), join(t, server, lasting())
	a.SetWindow(time.Second)
	a.deal(10)
	meet(a, b)
	b.deal(5) // Of which a hears nothing.
	server.Do("FLUSHALL")

	began := time.Now()
	first := a.deal(1)
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("dealt after %v, without waiting for the other node", took)
	}
	if first != 10+64+1 {
		t.Errorf("dealt %d, want 75", first)
	}
	// The jumped positions are nobody's, and serving passes them at once.
	a.serve(10)
	c, err := a.Serve(t.Context(), room, waitingroom.Serve{By: 1, Op: waitingroom.NewOpID()})
	a.must(err)
	if c.Serving != 75 {
		t.Errorf("one more served: the counter is %d, want 75", c.Serving)
	}
	// Unless one of them turns out to be somebody's.
	a.must(a.claim(12))
	if c := b.counters(); c.Dealt != 75 {
		t.Errorf("the other node is told %+v", c)
	}
}

// Nodes that come back with what their state_dir held may have dealt more since: the
// numbers of the last second used to be dealt twice.
func TestNodesThatLostTheirMemoryWithTheStoreCostAJumpAndNoPosition(t *testing.T) {
	for _, test := range []struct {
		name         string
		growth, want int64
	}{
		{"in a line that hardly grew", 3, 10 + 64 + 1},
		{"in a line that grew fast", 500, 10 + 1000 + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := redistest.Start(t)
			lost := join(t, server, lasting())
			lost.deal(10)
			floors := waitingroom.Floors{Dealt: 10, Serving: 4, Growth: test.growth}
			lost.deal(5) // Of which nothing was written down.
			server.Do("FLUSHALL")

			var after []*node
			for range 2 {
				store, err := redisstore.New(server.Client(), redisstore.Options{})
				after = append(after, newNode(t, store, err))
				store.SetWindow(time.Second)
			}
			together(after, func(n *node) {
				if _, err := n.Settle(t.Context(), room, floors); err != nil {
					t.Error(err)
				}
			})
			if first := after[0].deal(1); first != test.want {
				t.Errorf("dealt %d, want %d", first, test.want)
			}
			if c := after[1].counters(); c.Serving != 4 {
				t.Errorf("the counter is %d, want 4", c.Serving)
			}
		})
	}
}

// Without a word of it an operator who looks at the counters after a restart of Redis
// finds 64 positions that nobody asked for.
func TestALossIsToldOnce(t *testing.T) {
	server := redistest.Start(t)
	var told bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&told, nil))
	var nodes []*node
	for range 2 {
		store, err := redisstore.New(server.Client(), redisstore.Options{Logger: logger})
		nodes = append(nodes, newNode(t, store, err).configured(lasting()))
	}
	a, b := nodes[0], nodes[1]
	a.deal(10)
	meet(a, b)
	if told.Len() > 0 {
		t.Errorf("before anything was lost the log has\n%s", &told)
	}
	server.Do("FLUSHALL")
	a.SetWindow(0) // And b is gone.
	a.deal(1)
	a.deal(1)
	b.counters()
	if text := told.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "room=sale dealt=74 serving=0 skipped=64 may_log_in_again=true") {
		t.Errorf("the log has\n%s", text)
	}
}

func TestANewNodeThatSpeaksFirstAfterAFlushWaitsForThoseWhoKnow(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, lasting())
	a.deal(100)
	meet(a)
	server.Do("FLUSHALL")

	store, err := redisstore.New(server.Client(), redisstore.Options{})
	newcomer := newNode(t, store, err)
	configured := make(chan error)
	go func() {
		_, err := newcomer.Configure(t.Context(), room, 1, lasting())
		configured <- err
	}()
	for end := time.Now().Add(patience); server.Do("EXISTS", "{"+room+"}:t") == int64(0); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new node doesn't report")
		}
	}
	_, _, err = a.Sweep(t.Context(), room, 10) // As each node does once a second.
	a.must(err)
	a.must(<-configured)
	if first := newcomer.deal(1); first != 101 {
		t.Errorf("the new node was dealt %d", first)
	}
}

func TestAStoreRestoredFromAnOldBackupCatchesUp(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, lasting())
	a.deal(10)
	a.serve(4)
	a.must(a.claim(1))
	server.Do("SAVE")
	a.deal(90)
	a.serve(50)
	a.must(a.claim(2))
	meet(a)
	server.Kill()
	server.Run()

	if first := a.deal(1); first != 101 {
		t.Errorf("dealt %d, want 101", first)
	}
	if c := a.counters(); c.Serving != 50 || c.Alive != 1 {
		t.Errorf("after the restore: %+v", c)
	}
	a.must(a.claim(2)) // The session is lost, the place isn't.
	a.must(a.claim(50))
}

func TestAResetOutlivesAFlush(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, lasting())
	a.deal(10)
	c, err := a.Reset(t.Context(), room, waitingroom.NewOpID(), 0)
	a.must(err)
	a.deal(3)
	meet(a)
	server.Do("FLUSHALL")
	if first := a.deal(1); first != 4 {
		t.Errorf("dealt %d, want 4", first)
	}
	if got := a.counters().Generation; got != c.Generation {
		t.Errorf("generation %d, want %d", got, c.Generation)
	}
}

func TestACapacityRoomCountsAsFullAfterALoss(t *testing.T) {
	server := redistest.Start(t)
	set := rules()
	set.Capacity = 5
	a := join(t, server, set)
	now := time.Now().Add(time.Hour)
	a.SetClock(func() time.Time { return now })
	a.deal(100)
	for position := range int64(5) {
		a.must(a.claim(position + 1))
	}
	meet(a)
	server.Do("FLUSHALL")
	a.deal(1)
	if c := a.counters(); c.Serving != 5 {
		t.Errorf("right after the loss the counter is %d, want 5", c.Serving)
	}
	a.must(a.claim(3))
	if err := a.claim(6); err == nil {
		t.Error("somebody was let into a room that counts as full")
	}
	// Whoever doesn't come back within the claim window makes room.
	now = now.Add(set.PositionTTL + waitingroom.ExpiryGrace + time.Second)
	_, _, err := a.Sweep(t.Context(), room, 100)
	a.must(err)
	if c := a.counters(); c.Serving != 9 || c.Alive != 1 {
		t.Errorf("after the claim window: %+v", c)
	}
}
