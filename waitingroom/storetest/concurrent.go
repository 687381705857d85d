package storetest

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

const (
	clients       = 8
	clientRounds  = 25
	concurrentMax = 5 // The capacity of the room.
)

// An event is a call that succeeded, and between which times it had its effect.
type event struct {
	called, returned time.Duration
	first, n         int64 // Positions dealt.
	position         int64 // Of a session that began, was found or ended.
	code             int   // The code that was redeemed, from 1.
	admitted, ended  bool
}

// Concurrent lets several nodes deal, claim, redeem and end at the same time, and
// checks that what they were told could have happened one after the other, in
// an order that respects which call returned before which began.
func Concurrent(t *testing.T, open func(t testing.TB) Fixture) {
	s := newSite(t, open(t))
	s.configure(holding(concurrentMax))
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex // Guards history.
		history []event
		began   = time.Now()
	)
	for i := range clients {
		c := &client{store: s.Store, room: s.room, began: began, node: waitingroom.OpID{1, byte(i)}}
		wg.Go(func() {
			err := c.run(t.Context())
			mu.Lock()
			defer mu.Unlock()
			history = append(history, c.history...)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	positionsInOrder(t, history)
	eachOnce(t, history)
	neverOverfull(t, history)
}

// A client is one node, and those who come by it.
type client struct {
	store   waitingroom.Store
	room    string
	began   time.Time
	node    waitingroom.OpID
	ops     uint64
	history []event
}

func (c *client) op() waitingroom.OpID {
	c.ops++
	id := c.node
	binary.BigEndian.PutUint64(id[8:], c.ops)
	return id
}

// call notes a call that succeeded. What it is refused is no part of the history.
func (c *client) call(do func(*event) error) error {
	e := event{called: time.Since(c.began)}
	err := do(&e)
	e.returned = time.Since(c.began)
	if err == nil {
		c.history = append(c.history, e)
	}
	return err
}

func (c *client) run(ctx context.Context) error {
	for round := range clientRounds {
		var dealt waitingroom.Counters
		err := c.call(func(e *event) (err error) {
			e.n = int64(round%3) + 1
			e.first, dealt, err = c.store.Advance(ctx, c.room, waitingroom.Advance{Node: c.node, Seq: uint64(round) + 1, N: int(e.n)})
			return err
		})
		if err != nil {
			return err
		}
		// All clients go for the same few places, and for the same codes, and leave
		// only when they have been to all.
		for _, visit := range []func(context.Context, int64) error{c.reserve, c.claim, c.redeem, c.end} {
			for position := max(1, dealt.Serving-2*concurrentMax); position <= dealt.Serving; position++ {
				if err := visit(ctx, position); err != nil && !refused(err) {
					return err
				}
			}
		}
	}
	return nil
}

// refused reports whether a call came too early or too late, as most do.
func refused(err error) bool {
	return errors.Is(err, waitingroom.ErrSpent) || errors.Is(err, waitingroom.ErrNotServed) || errors.Is(err, waitingroom.ErrUnsettled) ||
		errors.Is(err, waitingroom.ErrNoSession) || errors.Is(err, waitingroom.ErrReplayed) || errors.Is(err, waitingroom.ErrFull) ||
		errors.Is(err, waitingroom.ErrSentRound)
}

// reserve keeps the turn of every third place for a visitor who comes late.
func (c *client) reserve(ctx context.Context, position int64) error {
	if position%3 != 0 {
		return nil
	}
	return c.call(func(e *event) error {
		e.position, e.admitted = position, true
		_, _, err := c.store.Claim(ctx, c.room, waitingroom.Claim{
			Ticket: ticketOf(0, position), Reserve: &waitingroom.Reservation{Op: c.op(), Login: codeOf(int(position), "shop").Login},
		})
		return err
	})
}

func (c *client) claim(ctx context.Context, position int64) error {
	return c.call(func(e *event) error {
		e.position, e.admitted = position, true
		code := codeOf(int(position), "shop")
		_, _, err := c.store.Claim(ctx, c.room, waitingroom.Claim{Ticket: ticketOf(0, position), Code: &code})
		return err
	})
}

func (c *client) redeem(ctx context.Context, position int64) error {
	return c.call(func(e *event) error {
		e.code = int(position)
		code := codeOf(int(position), "shop")
		_, _, err := c.store.TakeCode(ctx, c.room, waitingroom.TakeCode{
			Hash: code.Hash, Client: code.Client, Binding: code.Binding, Op: c.op(),
		})
		return err
	})
}

func (c *client) end(ctx context.Context, position int64) error {
	return c.call(func(e *event) error {
		e.position, e.ended = position, true
		_, err := c.store.End(ctx, c.room, ticketOf(0, position).ID, waitingroom.StatusCompleted, time.Time{})
		return err
	})
}

// positionsInOrder checks that no position was dealt twice, and that a call that
// returned before another began got the lower ones.
func positionsInOrder(t *testing.T, history []event) {
	t.Helper()
	deals := slices.DeleteFunc(slices.Clone(history), func(e event) bool { return e.n == 0 })
	slices.SortFunc(deals, func(a, b event) int { return cmp.Compare(a.first, b.first) })
	// In the order of positions, the latest call so far must not have been made
	// after a later one had returned.
	var last int64
	var called time.Duration
	for _, e := range deals {
		if e.first <= last {
			t.Errorf("position %d was dealt after %d", e.first, last)
		}
		if e.returned < called {
			t.Errorf("position %d was dealt to a call that returned before a call with a lower one began", e.first)
		}
		last, called = e.first+e.n-1, max(called, e.called)
	}
	if len(deals) != clients*clientRounds {
		t.Errorf("%d calls were dealt positions, want %d", len(deals), clients*clientRounds)
	}
}

// eachOnce checks that each code was redeemed by one call, and that no place was
// claimed by a call that began after its session had ended.
func eachOnce(t *testing.T, history []event) {
	t.Helper()
	redeemed := make(map[int]bool)
	over := make(map[int64]time.Duration) // When the first end of a session had returned.
	for _, e := range history {
		if e.code != 0 && redeemed[e.code] {
			t.Errorf("code %d was redeemed by two calls", e.code)
		}
		redeemed[e.code] = true
		if at, ok := over[e.position]; e.ended && (!ok || e.returned < at) {
			over[e.position] = e.returned
		}
	}
	for _, e := range history {
		if at, ok := over[e.position]; e.admitted && ok && e.called > at {
			t.Errorf("position %d was claimed after its session had ended", e.position)
		}
	}
}

// neverOverfull checks that at no time more sessions were certainly alive than
// the capacity. One is certain from the return of the first claim until the
// call of the first end.
func neverOverfull(t *testing.T, history []event) {
	t.Helper()
	type life struct{ from, to time.Duration }
	lives := make(map[int64]life)
	for _, e := range history {
		l, ok := lives[e.position]
		if !ok {
			l = life{1 << 62, 1 << 62}
		}
		if e.admitted {
			l.from = min(l.from, e.returned)
		}
		if e.ended {
			l.to = min(l.to, e.called)
		}
		lives[e.position] = l
	}
	delete(lives, 0) // Calls about no place.
	for position, l := range lives {
		alive := 0
		for _, other := range lives {
			if other.from <= l.from && l.from < other.to {
				alive++
			}
		}
		if alive > concurrentMax {
			t.Errorf("when position %d was in, %d were alive, the capacity is %d", position, alive, concurrentMax)
		}
	}
	if len(lives) < clientRounds {
		t.Errorf("only %d places were claimed", len(lives))
	}
}
