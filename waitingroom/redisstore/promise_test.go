package redisstore_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// The clauses of the promise in waitingroom/doc.go, one by one.

// Clause (a): while the store loses nothing, the invariants hold. What TestStore and
// the tests beside it say on a store that is never stopped is true over this, too.
func TestPromiseAARestartThatLosesNothingChangesNothing(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	a, b := join(t, server, lasting()), join(t, server, lasting())
	a.deal(10)
	a.serve(4)
	a.must(a.claim(1))
	meet(a, b)
	before := a.counters()
	server.Kill()
	server.Run()

	together([]*node{a, b}, (*node).sweep)
	a.stands(before)
	if first := b.deal(1); first != 11 {
		t.Errorf("dealt %d, want 11", first)
	}
	if err := a.claim(5); !errors.Is(err, waitingroom.ErrNotServed) {
		t.Errorf("claim of a position that isn't served: %v", err)
	}
}

// A loss is a way in which a store forgets. What happened up to keep is kept, and
// what happened since then is lost by lose.
type loss struct {
	url        string
	keep, lose func()
}

// losses are the ways, each with a store of its own.
func losses(t *testing.T, each func(*testing.T, loss)) {
	t.Helper()
	t.Run("FLUSHALL", func(t *testing.T) {
		server := redistest.Start(t)
		each(t, loss{url: "redis://" + server.Addr, keep: func() {}, lose: func() { server.Do("FLUSHALL") }})
	})
	t.Run("an old dump is restored", func(t *testing.T) {
		server := redistest.Start(t)
		each(t, loss{url: "redis://" + server.Addr, keep: func() { server.Do("SAVE") }, lose: func() {
			server.Kill()
			server.Run()
		}})
	})
	t.Run("a replica that lagged behind becomes the master", func(t *testing.T) {
		s := redistest.StartSentinels(t, 1)
		each(t, loss{url: s.URL(), keep: func() {
			confirmed(t, s.URL())
			s.Replicas[0].Do("REPLICAOF", "127.0.0.1", "1") // Where nobody listens.
		}, lose: s.Master.Kill})
	})
}

// confirmed returns when a replica has all that a node was told.
func confirmed(t *testing.T, url string) {
	t.Helper()
	store, err := redisstore.Open(url, redisstore.Options{Acks: 1})
	if err != nil {
		t.Fatal(err)
	}
	newNode(t, store, err).configured(lasting())
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// unseen is how many positions a node dealt before a loss that nobody else heard of.
// It is below the least jump.
const unseen = 63

// afterALoss loses the store after this: a and b dealt 1 to 30, served up to 20, let 1
// and 2 in, and moved the counter back to 8; of that the store remembers the first
// part at best. Then b dealt up to 93, and didn't survive.
func afterALoss(t *testing.T, joins int, check func(t *testing.T, a, newcomer *node)) {
	t.Helper()
	losses(t, func(t *testing.T, l loss) {
		a, b := dial(t, l.url, redisstore.Options{}), dial(t, l.url, redisstore.Options{})
		now := time.Now()
		for _, n := range []*node{a, b} {
			// The line grows by 30 in the last two seconds, however long this takes.
			n.SetClock(func() time.Time { return now })
		}
		a.deal(10)
		a.serve(4)
		a.must(a.claim(1))
		meet(a, b)
		l.keep()
		a.deal(20)
		a.serve(20)
		a.must(a.claim(2))
		a.serve(8)
		meet(a, b)
		b.deal(joins)
		l.lose()
		a.SetWindow(0) // The time that b is given in vain.
		first := a.deal(1)
		if want := int64(30 + 64 + 1); first != want {
			t.Errorf("dealt %d, want %d", first, want)
		}
		newcomer := dial(t, l.url, redisstore.Options{})
		newcomer.SetClock(func() time.Time { return now })
		check(t, a, newcomer)
	})
}

func TestPromiseBNoNumberIsHandedOutTwice(t *testing.T) {
	t.Parallel()
	afterALoss(t, unseen, func(t *testing.T, a, newcomer *node) {
		last := int64(30 + 64 + 1)
		for _, n := range []*node{a, newcomer, a} {
			first := n.deal(20)
			if first != last+1 {
				t.Errorf("dealt %d after %d", first, last)
			}
			last = first + 19
		}
	})
}

func TestPromiseBNobodyEntersEarly(t *testing.T) {
	t.Parallel()
	afterALoss(t, unseen, func(t *testing.T, a, newcomer *node) {
		for _, n := range []*node{a, newcomer} {
			if c := n.counters(); c.Serving != 8 {
				t.Errorf("the counter is %d, want 8", c.Serving)
			}
			// 20 was served before the counter was moved back.
			for _, position := range []int64{9, 20, 30, 93, 94, 95} {
				if err := n.claim(position); !errors.Is(err, waitingroom.ErrNotServed) {
					t.Errorf("claim of %d: %v", position, err)
				}
			}
		}
	})
}

func TestPromiseBNoPlaceIsLost(t *testing.T) {
	t.Parallel()
	afterALoss(t, unseen, func(t *testing.T, a, newcomer *node) {
		for _, position := range []int64{1, 2, 3, 8} {
			if err := newcomer.claim(position); err != nil {
				t.Errorf("claim of %d, which was served before: %v", position, err)
			}
		}
		a.serve(95)
		for position := range int64(30 + unseen) {
			if err := newcomer.claim(position + 1); err != nil {
				t.Errorf("claim of %d: %v", position+1, err)
			}
		}
	})
}

// The premise of clause (b): more joins than the jump, of which no survivor heard, and
// a number is handed out a second time. Even then both get in, and in order.
func TestPromiseBNeedsFewerJoinsThanTheJump(t *testing.T) {
	t.Parallel()
	afterALoss(t, 65, func(t *testing.T, a, _ *node) {
		// 95 is the last that b dealt and the first that a dealt.
		for visitor := range byte(2) {
			if err := a.claimBy(visitor, 95); !errors.Is(err, waitingroom.ErrNotServed) {
				t.Errorf("claim of 95: %v", err)
			}
		}
		a.serve(95)
		for visitor := range byte(2) {
			if err := a.claimBy(visitor, 95); err != nil {
				t.Errorf("claim of 95 when it is served: %v", err)
			}
		}
	})
}

// The jump is twice the growth of the last two seconds, so that a crowd is covered.
func TestPromiseBHoldsInALineThatGrowsFast(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, lasting()), join(t, server, lasting())
	now := time.Now()
	for _, n := range []*node{a, b} {
		n.SetClock(func() time.Time { return now })
	}
	a.deal(500)
	meet(a, b)
	b.deal(999)
	server.Do("FLUSHALL")
	a.SetWindow(0)
	if first := a.deal(1); first != 500+2*500+1 {
		t.Errorf("dealt %d, want 1501", first)
	}
}

// Clause (c): nothing is left but the tickets in the visitors' browsers.
func TestPromiseCWithoutAnyMemoryTicketsStayValidAndInOrder(t *testing.T) {
	server := redistest.Start(t)
	lost := join(t, server, lasting())
	lost.deal(50)
	lost.serve(10)
	lost.must(lost.claim(3))
	server.Do("FLUSHALL")

	n := join(t, server, lasting())
	const newcomer = 1
	if first := n.deal(1); first != 1 {
		t.Errorf("the newcomer was dealt %d", first)
	}
	if err := n.claim(40); !errors.Is(err, waitingroom.ErrUnsettled) {
		t.Errorf("claim of a position that the store doesn't know of: %v", err)
	}
	// The engine takes the ticket for evidence of what was dealt.
	_, err := n.Settle(t.Context(), room, waitingroom.Floors{Dealt: 40})
	n.must(err)
	if first := n.deal(1); first != 41 {
		t.Errorf("dealt %d after somebody came with 40", first)
	}
	n.inOrder([]holder{{0, 1}, {newcomer, 1}, {0, 3}, {0, 10}, {0, 40}, {newcomer, 41}})
}

// Clause (c): each half of a store that was split deals by itself.
func TestPromiseCASplitStoreLetsBothHalvesDeal(t *testing.T) {
	one := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	ip, port, _ := net.SplitHostPort(one.Addr)
	two := redistest.Start(t, "--repl-diskless-sync-delay", "0", "--replicaof", ip+" "+port)
	a, aTo := movable(t, one)
	b, bTo := movable(t, one)
	a.configured(lasting())
	b.configured(lasting())
	now := time.Now()
	for _, n := range []*node{a, b} {
		n.SetClock(func() time.Time { return now })
	}
	a.deal(10)
	meet(a, b)
	confirmed(t, "redis://"+one.Addr)

	two.Do("REPLICAOF", "NO", "ONE")
	bTo(two)
	b.SetWindow(0) // Of a nothing is heard there.
	if first := a.deal(100); first != 11 {
		t.Errorf("in its half a dealt %d", first)
	}
	if first := b.deal(100); first != 10+64+1 {
		t.Errorf("in its half b dealt %d", first)
	}
	if err := b.claim(80); !errors.Is(err, waitingroom.ErrNotServed) {
		t.Errorf("claim of 80: %v", err)
	}

	one.Kill()
	aTo(two)
	a.SetWindow(0)
	together([]*node{a, b}, (*node).sweep)
	for _, n := range []*node{a, b} {
		if first := n.deal(1); first <= 174 {
			t.Errorf("dealt %d when the halves were one again", first)
		}
	}
	const other = 1 // Of those who were dealt the same by b.
	a.inOrder([]holder{{0, 1}, {0, 11}, {0, 75}, {other, 75}, {0, 110}, {other, 110}, {other, 174}})
}

// movable returns a node that knows nothing, and what moves it to another server when
// its connections break.
func movable(t *testing.T, to *redistest.Server) (n *node, move func(*redistest.Server)) {
	t.Helper()
	var at atomic.Pointer[redistest.Server]
	at.Store(to)
	client := redis.NewClient(&redis.Options{MaxRetries: -1, Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, at.Load().Addr)
	}})
	store, err := redisstore.New(client, redisstore.Options{})
	return newNode(t, store, err), func(to *redistest.Server) {
		from := at.Swap(to)
		if from.Running() {
			from.Do("CLIENT", "KILL", "TYPE", "normal")
		}
	}
}

// holder is one of several visitors who were dealt a position.
type holder struct {
	visitor  byte
	position int64
}

// inOrder moves the counter up and sees that each of the holders, which come in the
// order of their positions, enters when the counter says so and not before.
func (n *node) inOrder(holders []holder) {
	n.Helper()
	n.serve(0)
	for i, h := range holders {
		if i > 0 && h.position == holders[i-1].position {
			n.must(n.claimBy(h.visitor, h.position))
			continue
		}
		if err := n.claimBy(h.visitor, h.position); !errors.Is(err, waitingroom.ErrNotServed) {
			n.Errorf("claim of %d before it is served: %v", h.position, err)
		}
		n.serve(h.position)
		if err := n.claimBy(h.visitor, h.position); err != nil {
			n.Errorf("claim of %d when it is served: %v", h.position, err)
		}
	}
}

// Replicas that confirm: a single failover loses nothing, neither the line nor who is on
// the site.
func TestPromiseOfAcksASingleFailoverLosesNothing(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 2)
	n := dial(t, s.URL(), redisstore.Options{Acks: 1})
	for range 20 {
		n.deal(5)
	}
	n.serve(50)
	for position := range int64(10) {
		n.must(n.claim(position + 1))
	}
	meet(n)
	before := n.counters()
	s.Master.Kill()
	n.sweep()
	n.stands(before)
	if first := n.deal(1); first != 101 {
		t.Errorf("dealt %d, want 101", first)
	}
}

// With acks, what no replica has isn't acknowledged: nobody is told a number that the
// failover would take back.
func TestPromiseOfAcksNothingIsDealtWithoutAReplica(t *testing.T) {
	server := redistest.Start(t)
	n := join(t, server, lasting())
	store, err := redisstore.New(server.Client(), redisstore.Options{Acks: 1})
	n.must(err)
	_, _, err = store.Advance(t.Context(), room, waitingroom.Advance{Node: n.name, Seq: 1, N: 1})
	if !errors.Is(err, waitingroom.ErrUnavailable) {
		t.Errorf("dealt without a replica: %v", err)
	}
}
