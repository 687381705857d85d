package waitingroom

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// lookupFor is how long a look at a served place is good for.
	lookupFor = time.Second
	// rememberedLookups bounds the memory of that.
	rememberedLookups = 1 << 15
)

// lookups remembers how served places stood, so that a browser that polls, or
// that hammers the reload button, costs one look a second.
type lookups struct {
	mu   sync.Mutex // Guards seen.
	seen map[RequestID]lookup
}

type lookup struct {
	standing Standing
	at       time.Time
}

func (l *lookups) get(id RequestID, now time.Time) (Standing, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, ok := l.seen[id]
	return seen.standing, ok && now.Sub(seen.at) < lookupFor
}

func (l *lookups) put(id RequestID, s Standing, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil || len(l.seen) >= rememberedLookups {
		l.seen = make(map[RequestID]lookup)
	}
	l.seen[id] = lookup{standing: s, at: now}
}

func (l *lookups) forget(id RequestID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, id)
}

// Standing says how a place stands, for a poll: above the serving counter it is
// one comparison with the snapshot; at or below, a look at the store that is at
// most a second old.
func (r *Room) Standing(ctx context.Context, t Ticket) (Standing, error) {
	if c := r.latest.Load(); t.Generation == c.Generation && t.Position > c.Serving {
		return Standing{State: StateWaiting}, nil
	}
	now := time.Now()
	if s, ok := r.lookups.get(t.ID, now); ok {
		return s, nil
	}
	s, err := r.Lookup(ctx, t)
	if err != nil {
		return Standing{}, err
	}
	r.lookups.put(t.ID, s, now)
	return s, nil
}

// Lookup says how a place stands in the store at this moment.
func (r *Room) Lookup(ctx context.Context, t Ticket) (s Standing, err error) {
	err = r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
		s, c, err = r.store.Lookup(ctx, r.config.ID, t)
		return c, err
	})
	return s, err
}

// verb runs a verb, again if its reply was lost, and notes its counters. A store
// that hangs is unavailable after callTimeout, while there is still time to tell
// the visitor so.
func (r *Room) verb(ctx context.Context, verb func(context.Context) (Counters, error)) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return again(ctx, func() error {
		c, err := verb(ctx)
		if !errors.Is(err, ErrUnavailable) {
			r.note(c)
		}
		return err
	})
}

// Claim takes up a turn; see [Sessions]. A position that the store doesn't know
// to be dealt is settled first.
func (r *Room) Claim(ctx context.Context, claim Claim) (s Session, err error) {
	defer r.lookups.forget(claim.Ticket.ID)
	try := func() error {
		return r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
			s, c, err = r.store.Claim(ctx, r.config.ID, claim)
			return c, err
		})
	}
	if err = try(); errors.Is(err, ErrUnsettled) {
		if err = r.settle(ctx, Floors{Generation: claim.Ticket.Generation, Dealt: claim.Ticket.Position}); err == nil {
			err = try()
		}
	}
	return s, err
}

// Extend prolongs a session; see [Sessions].
func (r *Room) Extend(ctx context.Context, id RequestID, seen time.Time) (s Session, err error) {
	defer r.lookups.forget(id)
	err = r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
		s, c, err = r.store.Extend(ctx, r.config.ID, id, seen)
		return c, err
	})
	return s, err
}

// End ends a session; see [Sessions].
func (r *Room) End(ctx context.Context, id RequestID, status Status, holds time.Time) error {
	defer r.lookups.forget(id)
	return r.verb(ctx, func(ctx context.Context) (Counters, error) { return r.store.End(ctx, r.config.ID, id, status, holds) })
}

// TakeCode redeems a code; see [Sessions].
func (r *Room) TakeCode(ctx context.Context, t TakeCode) (taken Taken, err error) {
	err = r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
		taken, c, err = r.store.TakeCode(ctx, r.config.ID, t)
		return c, err
	})
	return taken, err
}

// Rotate moves a grant to its next refresh token; see [Sessions].
func (r *Room) Rotate(ctx context.Context, order Rotate) (s Session, g Grant, err error) {
	defer r.lookups.forget(order.ID)
	err = r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
		s, g, c, err = r.store.Rotate(ctx, r.config.ID, order)
		return c, err
	})
	return s, g, err
}

// Revoke ends a grant; see [Sessions].
func (r *Room) Revoke(ctx context.Context, id RequestID, grant uint64, holds time.Time) error {
	defer r.lookups.forget(id)
	return r.verb(ctx, func(ctx context.Context) (Counters, error) { return r.store.Revoke(ctx, r.config.ID, id, grant, holds) })
}

// Serve raises the serving counter by n places for an operator, or lowers it,
// and returns the counters after it.
func (r *Room) Serve(ctx context.Context, n int64) (after Counters, err error) {
	op := NewOpID()
	err = r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
		after, err = r.store.Serve(ctx, r.config.ID, Serve{By: n, Op: op})
		return after, err
	})
	if err == nil {
		r.door.observe(r.Counters)
	}
	return after, err
}

// Reset empties the room and starts its next generation.
func (r *Room) Reset(ctx context.Context) (after Counters, err error) {
	op, expected := NewOpID(), r.Counters().Generation
	err = r.verb(ctx, func(ctx context.Context) (c Counters, err error) {
		after, err = r.store.Reset(ctx, r.config.ID, op, expected)
		return after, err
	})
	return after, err
}
