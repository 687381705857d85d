package redisstore_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

const room = "sale"

// node is a node of an installation, as far as the store sees it.
type node struct {
	*testing.T
	*redisstore.Store
	name waitingroom.OpID
	seq  uint64
}

func rules() waitingroom.Settings {
	return waitingroom.Settings{PositionTTL: 2 * time.Second, SessionTTL: time.Hour, SessionMax: time.Hour}
}

// join returns a node over a server, with the rules configured and its peers met.
func join(t *testing.T, server *redistest.Server, set waitingroom.Settings) *node {
	t.Helper()
	store, err := redisstore.New(server.Client(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{T: t, Store: store, name: waitingroom.NewOpID()}
	_, err = n.Configure(t.Context(), room, 1, set)
	n.must(err)
	return n
}

// meet lets nodes hear of each other.
func meet(nodes ...*node) {
	for range 2 {
		for _, n := range nodes {
			n.counters()
		}
	}
}

func (n *node) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *node) counters() waitingroom.Counters {
	n.Helper()
	c, err := n.Counters(n.Context(), room)
	n.must(err)
	return c
}

func (n *node) deal(count int) (first int64) {
	n.Helper()
	n.seq++
	first, _, err := n.Advance(n.Context(), room, waitingroom.Advance{Node: n.name, Seq: n.seq, N: count})
	n.must(err)
	return first
}

func (n *node) serve(to int64) {
	n.Helper()
	_, err := n.Serve(n.Context(), room, waitingroom.Serve{To: &to, Op: waitingroom.NewOpID()})
	n.must(err)
}

func (n *node) claim(position int64) error {
	n.Helper()
	ticket := waitingroom.Ticket{Generation: n.counters().Generation, Position: position}
	ticket.ID[0], ticket.ID[1] = byte(position>>8), byte(position)
	_, _, err := n.Claim(n.Context(), room, waitingroom.Claim{Ticket: ticket, Holder: [32]byte{1}})
	return err
}

// together runs something on several nodes at the same time.
func together(nodes []*node, do func(*node)) {
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { do(n) })
	}
	wg.Wait()
}

func TestAFlushLosesNoPlace(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, rules()), join(t, server, rules())
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

func TestANodeThatDoesNotReportCostsAJumpAndNoPosition(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, rules()), join(t, server, rules())
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
			lost := join(t, server, rules())
			lost.deal(10)
			floors := waitingroom.Floors{Dealt: 10, Serving: 4, Growth: test.growth}
			lost.deal(5) // Of which nothing was written down.
			server.Do("FLUSHALL")

			var after []*node
			for range 2 {
				store, err := redisstore.New(server.Client(), redisstore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				after = append(after, &node{T: t, Store: store, name: waitingroom.NewOpID()})
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

func TestANewNodeThatSpeaksFirstAfterAFlushWaitsForThoseWhoKnow(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
	a.deal(100)
	meet(a)
	server.Do("FLUSHALL")

	fresh := make(chan *node)
	go func() { fresh <- join(t, server, rules()) }()
	time.Sleep(100 * time.Millisecond)
	_, _, err := a.Sweep(t.Context(), room, 10) // As each node does once a second.
	a.must(err)
	if first := (<-fresh).deal(1); first != 101 {
		t.Errorf("the new node was dealt %d", first)
	}
}

func TestAStoreRestoredFromAnOldBackupCatchesUp(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
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

func TestARestartThatLosesNothingChangesNothing(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	a := join(t, server, rules())
	a.deal(10)
	a.serve(4)
	a.must(a.claim(1))
	meet(a)
	before := a.counters()
	server.Kill()
	server.Run()
	after := a.deal(1)
	if c := a.counters(); after != 11 || c.Serving != before.Serving || c.Alive != 1 || c.Unclaimed != before.Unclaimed {
		t.Errorf("before %+v, after %+v", before, c)
	}
}

func TestAResetOutlivesAFlush(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
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
	for end := time.Now().Add(20 * time.Second); a.counters().Serving < 9; time.Sleep(100 * time.Millisecond) {
		if _, _, err := a.Sweep(t.Context(), room, 100); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("still %+v", a.counters())
		}
	}
}

// again repeats a call until the store answers, as a node's visitors do.
func (n *node) again(what string, call func() error) {
	n.Helper()
	began := time.Now()
	for {
		err := call()
		if err == nil {
			return
		}
		if !errors.Is(err, waitingroom.ErrUnavailable) || time.Since(began) > 30*time.Second {
			n.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestAFailoverOfAClustersMaster(t *testing.T) {
	for _, test := range []struct {
		name string
		acks int
	}{
		{"loses at most what a jump covers", 0},
		{"loses nothing with acks", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers := redistest.StartCluster(t)
			var addrs []string
			for _, s := range servers {
				addrs = append(addrs, s.Addr)
			}
			store, err := redisstore.Open("redis+cluster://"+strings.Join(addrs, ","), redisstore.Options{Acks: test.acks})
			if err != nil {
				t.Fatal(err)
			}
			n := &node{T: t, Store: store, name: waitingroom.NewOpID()}
			set := rules()
			set.PositionTTL = time.Minute // The failover takes some seconds of it.
			_, err = n.Configure(t.Context(), room, 1, set)
			n.must(err)
			n.deal(100)
			n.serve(50)
			n.must(n.claim(3))
			meet(n)

			old := master(t, servers)
			if old == nil {
				t.Fatal("no master has the room")
			}
			began := time.Now()
			old.Kill()
			if test.acks > 0 {
				// Its replica becomes the master, and has none until the old one is back.
				others := slices.DeleteFunc(slices.Clone(servers), func(s *redistest.Server) bool { return s == old })
				for master(t, others) == nil {
					if time.Since(began) > 30*time.Second {
						t.Fatal("no replica became the master")
					}
					time.Sleep(50 * time.Millisecond)
				}
				old.Run()
			}
			n.seq++
			var first int64
			n.again("deal", func() (err error) {
				first, _, err = n.Advance(t.Context(), room, waitingroom.Advance{Node: n.name, Seq: n.seq, N: 1})
				return err
			})
			t.Logf("joins work again after %v", time.Since(began))
			if first != 101 {
				t.Errorf("dealt %d, want 101", first)
			}
			c := n.counters()
			if c.Serving != 50 || c.Alive != 1 {
				t.Errorf("after the failover: %+v", c)
			}
			n.must(n.claim(50))
		})
	}
}

// master returns the server that has the room's keys, or nil.
func master(t *testing.T, servers []*redistest.Server) *redistest.Server {
	t.Helper()
	for _, s := range servers {
		info, _ := s.Do("INFO", "replication").(string)
		keys, _ := s.Do("CLUSTER", "COUNTKEYSINSLOT", s.Do("CLUSTER", "KEYSLOT", "{"+room+"}:r")).(int64)
		if keys > 0 && strings.Contains(info, "role:master") {
			return s
		}
	}
	return nil
}
