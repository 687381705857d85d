package waitingroom

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stepEvery is how often a periodic inlet moves, for a smooth flow.
	stepEvery = 100 * time.Millisecond
	// sweepEvery is how often sessions and places are looked at for their end.
	sweepEvery = time.Second
	// sweepLimit bounds the work of one sweep.
	sweepLimit = 1000
	// leaseFor is how long a node runs an inlet without asking again.
	leaseFor = 10 * time.Second
	// callTimeout bounds how long a room waits for the store, in its own work and
	// for a visitor.
	callTimeout = 5 * time.Second
	// tooFarAhead is how far above the last position dealt a ticket can be
	// before it is taken for an error rather than for evidence.
	tooFarAhead = 1 << 24
)

// A Room is one line in front of one site.
type Room struct {
	engine *Engine
	store  Store
	config RoomConfig
	proofs *Proofs

	latest  atomic.Pointer[snapshot]
	cipher  atomic.Pointer[Tickets]
	joins   joins
	pace    pace
	door    door
	lookups lookups
	lease   Lease     // The runner's alone.
	anchor  time.Time // The runner's alone: up to when the inlet's rate is used up.

	visited atomic.Int64 // When a visitor was last here, by the node's clock, in seconds.
	asking  atomic.Bool  // Whether an answer of a shared store is on its way.

	healthMu sync.Mutex // Guards the rest.
	health   error
	polled   error // How the last poll of a shared store went.
}

// snapshot is the latest counters and when they came in, by the node's
// monotonic clock.
type snapshot struct {
	Counters
	received time.Time
}

func newRoom(e *Engine, c RoomConfig) *Room {
	if c.Name == "" {
		c.Name = c.ID
	}
	if c.Inlet.Kind == "" {
		c.Inlet.Kind = InletManual
	}
	c.Settings.Open = c.Inlet.Kind == InletOpen
	c.Settings.Capacity = 0
	if c.Inlet.Kind == InletCapacity {
		c.Settings.Capacity = c.Inlet.Max
	}
	r := &Room{engine: e, store: e.options.Store, config: c, proofs: NewProofs(e.options.Secrets, c.ID)}
	r.door.limit = c.Settings.PositionTTL / 2
	r.latest.Store(&snapshot{received: time.Now()})
	return r
}

func (r *Room) configure(ctx context.Context) error {
	revision := r.engine.options.Revision
	var c Counters
	err := again(ctx, func() (err error) {
		if revision == 0 {
			if c, err = r.store.Counters(ctx, r.config.ID); err != nil {
				return err
			}
			revision = c.Now.UnixMilli()
		}
		c, err = r.store.Configure(ctx, r.config.ID, revision, r.config.Settings)
		return err
	})
	if err != nil {
		return fmt.Errorf("configure room %q: %w", r.config.ID, err)
	}
	r.note(c)
	r.pace.observe(c, r.config.Inlet, r.budget())
	return nil
}

// Config returns the room's configuration.
func (r *Room) Config() RoomConfig { return r.config }

// Counters returns the latest known counters. While the store doesn't answer
// they stay as they were.
func (r *Room) Counters() Counters { return r.latest.Load().Counters }

// Now returns the store's time, carried on by the node's monotonic clock since
// the store last told it.
func (r *Room) Now() time.Time {
	s := r.latest.Load()
	return s.Now.Add(time.Since(s.received))
}

// Phase says whether the room takes visitors now.
func (r *Room) Phase() Phase {
	if in := &r.config.Inlet; in.Start.IsZero() && in.End.IsZero() {
		return PhaseOpen // Nearly always, and no reason to look at the clock.
	}
	return r.config.Inlet.Phase(r.Now())
}

// Healthy returns nil, or why the room's last call of the store went wrong.
func (r *Room) Healthy() error {
	r.healthMu.Lock()
	defer r.healthMu.Unlock()
	return r.health
}

// note takes counters in, unless newer ones are known. Replies overtake each
// other, and one to a join knows of positions dealt that a later change doesn't,
// so of those the highest number counts; where everybody passes at once, the
// counter goes along.
func (r *Room) note(c Counters) {
	if c.Now.IsZero() {
		return // The store didn't answer.
	}
	received := time.Now()
	for {
		last := r.latest.Load()
		older := c.Sequence < last.Sequence
		if c.Generation < last.Generation || c.Generation == last.Generation && older && c.Dealt <= last.Dealt {
			return
		}
		next := &snapshot{Counters: c, received: received}
		if c.Generation == last.Generation {
			if older {
				*next = *last
			}
			next.Dealt = max(c.Dealt, last.Dealt)
		}
		if r.config.Settings.Open {
			next.Serving = max(next.Serving, next.Dealt)
		}
		if r.latest.CompareAndSwap(last, next) {
			return
		}
	}
}

// tickets returns the cipher of a generation; that of the present one is kept.
func (r *Room) tickets(generation int64) *Tickets {
	if t := r.cipher.Load(); t != nil && t.Generation() == generation {
		return t
	}
	t := NewTickets(r.engine.options.Secrets, r.config.ID, generation)
	if generation == r.latest.Load().Generation {
		r.cipher.Store(t)
	}
	return t
}

// Ticket deciphers a request ID of the present generation that opens the given
// door. Any other is an [ErrUnknownTicket].
func (r *Room) Ticket(ctx context.Context, id RequestID, lane Lane) (Ticket, error) {
	r.visit()
	t, err := r.tickets(r.latest.Load().Generation).Open(id)
	if err != nil {
		return Ticket{}, err
	}
	return t, r.accept(ctx, t, lane)
}

// TicketOf deciphers a request ID of a given generation, as a token names it.
func (r *Room) TicketOf(id RequestID, generation int64) (Ticket, error) {
	return r.tickets(generation).Open(id)
}

// Prove returns the place proof for a ticket, as a cookie value.
func (r *Room) Prove(t Ticket, holder uint32) string {
	return r.proofs.Prove(Proof{ID: t.ID, Generation: t.Generation, Holder: holder})
}

// Verify reads a place proof. It returns [ErrBrokenProof]; [ErrLineEnded] for a
// place of an earlier generation; [ErrLineAhead] for one of a later, after
// telling the store of it, since nobody else can have made the proof.
func (r *Room) Verify(ctx context.Context, value string) (Ticket, Proof, error) {
	r.visit()
	p, err := r.proofs.Verify(value)
	if err != nil {
		return Ticket{}, Proof{}, err
	}
	t, err := r.tickets(p.Generation).Open(p.ID)
	if err != nil {
		return Ticket{}, Proof{}, fmt.Errorf("%w: %w", ErrBrokenProof, err)
	}
	switch present := r.latest.Load().Generation; {
	case p.Generation < present:
		return Ticket{}, p, ErrLineEnded
	case p.Generation > present:
		if err := r.settle(ctx, Floors{Generation: p.Generation, Dealt: t.Position}); err != nil {
			return Ticket{}, p, err
		}
		return Ticket{}, p, ErrLineAhead
	}
	err = r.accept(ctx, t, LaneBrowser)
	if errors.Is(err, ErrUnavailable) {
		err = nil // The place is good, and its visitor goes on waiting until the store is back.
	}
	return t, p, err
}

// accept checks a ticket's door, and takes a position above the last dealt as
// evidence that the store lost writes: nobody can make such a ticket up.
func (r *Room) accept(ctx context.Context, t Ticket, lane Lane) error {
	if t.Lane != lane {
		return ErrUnknownTicket
	}
	dealt := r.latest.Load().Dealt
	if t.Position <= dealt {
		return nil
	}
	if t.Position > dealt+tooFarAhead {
		r.engine.log.WarnContext(ctx, "refused a ticket far ahead of the line; was the store restored from an old backup?",
			"room", r.config.ID, "position", t.Position, "dealt", dealt)
		return ErrUnknownTicket
	}
	return r.settle(ctx, Floors{Generation: t.Generation, Dealt: t.Position})
}

// Floors returns what this node knows of the room, for [Room.Settle] of a later
// process.
func (r *Room) Floors() Floors {
	c := r.Counters()
	return Floors{Generation: c.Generation, Dealt: c.Dealt, Serving: c.Serving, Epoch: c.Epoch}
}

// Settle tells the store what was known of the room before, in case that it has
// lost it.
func (r *Room) Settle(ctx context.Context, f Floors) error { return r.settle(ctx, f) }

func (r *Room) settle(ctx context.Context, f Floors) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var c Counters
	// The counters may simply have moved on since the snapshot.
	err := again(ctx, func() (err error) {
		c, err = r.store.Settle(ctx, r.config.ID, f)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle room %q: %w", r.config.ID, err)
	}
	r.note(c)
	return nil
}

// run does the room's own work until ctx ends: snapshot, sweep, inlet.
func (r *Room) run(ctx context.Context) {
	ticker := time.NewTicker(stepEvery)
	defer ticker.Stop()
	var refreshed, stepped, swept error // How each of these went the last time.
	for tick := 0; ; tick++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch {
		case r.engine.shared != nil:
			refreshed = r.lastPoll()
		case tick%int(snapshotEvery/stepEvery) == 0:
			refreshed = r.refresh(ctx)
		}
		if r.config.Inlet.Kind == InletPeriodic {
			stepped = r.step(ctx)
		}
		if tick%int(sweepEvery/stepEvery) == 0 {
			swept = r.sweep(ctx)
			r.pace.observe(r.Counters(), r.config.Inlet, r.budget())
			r.forgetBrowsers()
		}
		r.report(errors.Join(refreshed, stepped, swept))
	}
}

// report logs the first failure of a row, and the recovery.
func (r *Room) report(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	r.healthMu.Lock()
	defer r.healthMu.Unlock()
	switch {
	case err != nil && r.health == nil:
		r.engine.log.Error("the store doesn't answer; visitors keep waiting, joins and claims get 503 until it does",
			"room", r.config.ID, "error", err)
	case err == nil && r.health != nil:
		r.engine.log.Info("the store answers again", "room", r.config.ID)
	}
	r.health = err
}

func (r *Room) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		swept, c, err := r.store.Sweep(ctx, r.config.ID, sweepLimit)
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		r.note(c)
		if !swept.More {
			return nil
		}
	}
}

// step lets in what a periodic inlet owes. Losing the race for the lease or
// against an operator's order is no error: the next tick looks again.
func (r *Room) step(ctx context.Context) error {
	c := r.Counters()
	c.Now = r.Now()
	anchor := c.Anchor
	if r.anchor.After(anchor) {
		anchor = r.anchor
	}
	places, next := r.config.Inlet.step(anchor, c)
	if places == 0 {
		r.anchor = next
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if r.lease.Until.Sub(c.Now) < leaseFor/2 {
		lease, now, err := r.store.Lease(ctx, r.config.ID, r.engine.node, leaseFor)
		if errors.Is(err, ErrConflict) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take the inlet's lease: %w", err)
		}
		r.note(now)
		r.lease, c = lease, now
	}
	now, err := r.store.Serve(ctx, r.config.ID, Serve{By: places, Lease: r.lease, Version: c.Version, Anchor: next})
	r.note(now)
	if errors.Is(err, ErrConflict) {
		r.lease = Lease{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("let %d places in: %w", places, err)
	}
	r.anchor = next
	r.door.observe(r.Counters)
	return nil
}
