package waitingroom

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxBatch is the most positions that one store call deals.
	maxBatch = 10_000
	// advanceTimeout bounds how long a join waits for the store.
	advanceTimeout = 5 * time.Second
	// deadlineFor is for how long the joins share one timer for that.
	deadlineFor = time.Second / 2
	// sameBrowser is how long a second join of a browser gets the first's place.
	sameBrowser = time.Minute
	// countTimeout bounds how long a newcomer waits to be counted, before joining
	// uncounted.
	countTimeout = 500 * time.Millisecond
	// rememberedBrowsers bounds the memory of that.
	rememberedBrowsers = 1 << 17
)

// Join asks for a place.
type Join struct {
	// Lane is the door by which the visitor comes.
	Lane Lane
	// From is the client's address, for the flood limit.
	From netip.Addr
	// Browser, if not zero, makes joining idempotent for a minute: parallel
	// tabs of one browser get one place.
	Browser [16]byte
	// Dead is a place of that browser that is of no more use, and is not to be
	// given out again.
	Dead RequestID
}

// A FloodError is an [ErrTooMany] that says when to come again.
type FloodError struct {
	// RetryAfter is how long to wait.
	RetryAfter time.Duration
}

// Error implements error.
func (e *FloodError) Error() string { return ErrTooMany.Error() }

// Unwrap makes the error an [ErrTooMany].
func (e *FloodError) Unwrap() error { return ErrTooMany }

// joins gathers the joins of a room that arrive while a store call is under
// way, so that they share the next one.
type joins struct {
	mu      sync.Mutex // Guards the rest of this group.
	batches []*batch   // Not yet sent; the last one is still gathering.
	sending bool
	// Touched by the sender alone.
	seq      uint64
	deadline deadline

	browsersMu sync.Mutex // Guards browsers. Never held with mu.
	browsers   map[[16]byte]*browserJoin
}

// A batch is the joins that share a store call. The fields below done are
// written before it is closed and read after.
type batch struct {
	n        int
	done     chan struct{}
	first    int64
	counters Counters
	err      error
}

type browserJoin struct {
	at     time.Time
	done   chan struct{}
	ticket Ticket
	err    error
}

// Join deals a place at the end of the line. It returns [ErrClosed] outside the
// inlet's hours, a [*FloodError] for an address that joins too fast, and
// [ErrUnavailable] if the store doesn't answer; no place is taken then that
// anybody could hold.
func (r *Room) Join(ctx context.Context, j Join) (Ticket, error) {
	if r.Phase() != PhaseOpen {
		return Ticket{}, ErrClosed
	}
	if j.Browser == ([16]byte{}) {
		return r.join(ctx, j)
	}
	return r.joinOnce(ctx, j)
}

// joinOnce joins unless the browser did so within the last minute.
func (r *Room) joinOnce(ctx context.Context, j Join) (Ticket, error) {
	r.joins.browsersMu.Lock()
	b := r.joins.browsers[j.Browser]
	now := time.Now()
	if b == nil || now.Sub(b.at) > sameBrowser || b.over(r.Counters().Generation, j.Dead) {
		b = &browserJoin{at: now, done: make(chan struct{})}
		if r.joins.browsers == nil {
			r.joins.browsers = make(map[[16]byte]*browserJoin)
		}
		r.joins.browsers[j.Browser] = b
		r.joins.browsersMu.Unlock()
		// The place isn't this request's alone: another tab may be waiting for
		// it, so it is taken even if this request is given up.
		b.ticket, b.err = r.joinShared(context.WithoutCancel(ctx), j)
		if b.err != nil {
			r.forgetBrowser(j.Browser, b)
		}
		close(b.done)
		return b.ticket, b.err
	}
	r.joins.browsersMu.Unlock()
	select {
	case <-b.done:
	case <-ctx.Done():
		return Ticket{}, fmt.Errorf("join room %q: %w", r.config.ID, ctx.Err())
	}
	return b.ticket, b.err
}

// joinShared joins, and where other nodes serve the room too, lets the first of
// them that dealt the browser a place prevail. The other place is a no-show.
func (r *Room) joinShared(ctx context.Context, j Join) (Ticket, error) {
	t, err := r.join(ctx, j)
	if err != nil || r.engine.shared == nil {
		return t, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var first RequestID
	err = again(ctx, func() (err error) {
		first, err = r.engine.shared.Remember(ctx, r.config.ID, t.Generation, j.Browser, t.ID, j.Dead, sameBrowser)
		return err
	})
	if err != nil || first == t.ID {
		return t, nil //nolint:nilerr // The place is dealt, and good whatever other nodes did.
	}
	if other, err := r.tickets(t.Generation).Open(first); err == nil {
		return other, nil
	}
	return t, nil
}

// Newcomers counts a browser that is about to join, and returns how many came from
// there on all nodes that serve the room, each within apart of the one before and this
// one included. It returns 0 if there are no other nodes, or nobody can say.
func (r *Room) Newcomers(ctx context.Context, from [8]byte, apart time.Duration) int {
	if r.engine.shared == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	n, err := r.engine.shared.Newcomers(ctx, r.config.ID, from, apart)
	if err != nil {
		return 0
	}
	return n
}

// over reports whether a finished join's place is of no more use.
func (b *browserJoin) over(generation int64, dead RequestID) bool {
	select {
	case <-b.done:
		return b.err != nil || b.ticket.Generation != generation || b.ticket.ID == dead
	default:
		return false
	}
}

func (r *Room) forgetBrowser(browser [16]byte, b *browserJoin) {
	r.joins.browsersMu.Lock()
	defer r.joins.browsersMu.Unlock()
	if r.joins.browsers[browser] == b {
		delete(r.joins.browsers, browser)
	}
}

// forgetBrowsers drops the joins that are older than a minute, and the rest
// too if they would take too much memory.
func (r *Room) forgetBrowsers() {
	r.joins.browsersMu.Lock()
	defer r.joins.browsersMu.Unlock()
	now := time.Now()
	for browser, b := range r.joins.browsers {
		if now.Sub(b.at) > sameBrowser || len(r.joins.browsers) > rememberedBrowsers {
			delete(r.joins.browsers, browser)
		}
	}
}

func (r *Room) join(ctx context.Context, j Join) (Ticket, error) {
	r.visit()
	if wait, ok := r.engine.flood.allow(j.From, time.Now()); !ok {
		return Ticket{}, &FloodError{RetryAfter: wait}
	}
	position, c, err := r.position(ctx)
	if err != nil {
		return Ticket{}, fmt.Errorf("join room %q: %w", r.config.ID, err)
	}
	return r.tickets(c.Generation).Deal(j.Lane, position, c.Now), nil
}

// position returns the next position, from a store call shared with all joins
// that arrived while the one before was under way.
func (r *Room) position(ctx context.Context) (int64, Counters, error) {
	q := &r.joins
	q.mu.Lock()
	if n := len(q.batches); n == 0 || q.batches[n-1].n == maxBatch {
		q.batches = append(q.batches, &batch{done: make(chan struct{})})
	}
	b := q.batches[len(q.batches)-1]
	place := b.n
	b.n++
	send := !q.sending
	q.sending = true
	q.mu.Unlock()
	if send {
		r.send()
	}
	select {
	case <-b.done:
		return b.first + int64(place), b.counters, b.err
	case <-ctx.Done():
		return 0, Counters{}, ctx.Err()
	}
}

// send sends the first batch and leaves those that gathered meanwhile to a
// goroutine of their own, so that the visitor who came first isn't kept.
func (r *Room) send() {
	q := &r.joins
	q.mu.Lock()
	if len(q.batches) == 0 {
		q.sending = false
		q.mu.Unlock()
		return
	}
	b := q.batches[0]
	q.batches = q.batches[1:]
	q.mu.Unlock()

	r.advance(b)
	close(b.done)

	q.mu.Lock()
	more := len(q.batches) > 0
	q.sending = more
	q.mu.Unlock()
	if more {
		go r.send()
	}
}

// advance deals a batch its positions. A repeated call after a lost reply gets
// the same ones, because it carries the same sequence number; a call that failed
// for good may have dealt positions that nobody will ever hold.
func (r *Room) advance(b *batch) {
	ctx := r.joins.deadline.context(time.Now())
	r.joins.seq++
	a := Advance{Node: r.engine.node, Seq: r.joins.seq, N: b.n}
	b.err = again(ctx, func() (err error) {
		b.first, b.counters, err = r.store.Advance(ctx, r.config.ID, a)
		return err
	})
	if b.err == nil {
		r.note(b.counters)
	}
}

// A deadline makes contexts that end after advanceTimeout, or up to deadlineFor
// sooner: the calls of that time share one, because a timer costs more than
// dealing a position. Only one call may be under way.
type deadline struct {
	made   time.Time
	ctx    context.Context
	cancel context.CancelFunc
}

func (d *deadline) context(now time.Time) context.Context {
	if d.ctx == nil || now.Sub(d.made) >= deadlineFor {
		if d.cancel != nil {
			d.cancel()
		}
		d.made = now
		d.ctx, d.cancel = context.WithTimeout(context.Background(), advanceTimeout)
	}
	return d.ctx
}
