package storetest

import (
	"context"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// faulty is a store some of whose calls fail. It is used by one goroutine.
type faulty struct {
	waitingroom.Store
	calls int // Made so far, once counting.

	counting bool
	from, to int  // Calls from the one to before the other fail, counted from 1.
	apply    bool // Whether those have their effect all the same.
}

// through makes a call, unless it is one that fails.
func through[T any](f *faulty, call func() (T, waitingroom.Counters, error)) (T, waitingroom.Counters, error) {
	if f.counting {
		f.calls++
	}
	if !f.counting || f.calls < f.from || f.calls >= f.to {
		return call()
	}
	if f.apply {
		_, _, _ = call() // The reply is lost.
	}
	var none T
	return none, waitingroom.Counters{}, waitingroom.ErrUnavailable
}

type nothing = struct{}

func counts(f *faulty, call func() (waitingroom.Counters, error)) (waitingroom.Counters, error) {
	_, c, err := through(f, func() (nothing, waitingroom.Counters, error) {
		c, err := call()
		return nothing{}, c, err
	})
	return c, err
}

func (f *faulty) Counters(ctx context.Context, room string) (waitingroom.Counters, error) {
	return counts(f, func() (waitingroom.Counters, error) { return f.Store.Counters(ctx, room) })
}

func (f *faulty) Settle(ctx context.Context, room string, floors waitingroom.Floors) (waitingroom.Counters, error) {
	return counts(f, func() (waitingroom.Counters, error) { return f.Store.Settle(ctx, room, floors) })
}

func (f *faulty) Advance(ctx context.Context, room string, a waitingroom.Advance) (int64, waitingroom.Counters, error) {
	return through(f, func() (int64, waitingroom.Counters, error) { return f.Store.Advance(ctx, room, a) })
}

func (f *faulty) Serve(ctx context.Context, room string, s waitingroom.Serve) (waitingroom.Counters, error) {
	return counts(f, func() (waitingroom.Counters, error) { return f.Store.Serve(ctx, room, s) })
}

func (f *faulty) Reset(ctx context.Context, room string, op waitingroom.OpID, expected int64) (waitingroom.Counters, error) {
	return counts(f, func() (waitingroom.Counters, error) { return f.Store.Reset(ctx, room, op, expected) })
}

func (f *faulty) Sweep(ctx context.Context, room string, limit int) (waitingroom.Swept, waitingroom.Counters, error) {
	return through(f, func() (waitingroom.Swept, waitingroom.Counters, error) { return f.Store.Sweep(ctx, room, limit) })
}

func (f *faulty) Claim(ctx context.Context, room string, c waitingroom.Claim) (waitingroom.Session, waitingroom.Counters, error) {
	return through(f, func() (waitingroom.Session, waitingroom.Counters, error) { return f.Store.Claim(ctx, room, c) })
}

func (f *faulty) Lookup(ctx context.Context, room string, t waitingroom.Ticket) (waitingroom.Standing, waitingroom.Counters, error) {
	return through(f, func() (waitingroom.Standing, waitingroom.Counters, error) { return f.Store.Lookup(ctx, room, t) })
}

func (f *faulty) Extend(ctx context.Context, room string, id waitingroom.RequestID, seen time.Time) (waitingroom.Session, waitingroom.Counters, error) {
	return through(f, func() (waitingroom.Session, waitingroom.Counters, error) {
		return f.Store.Extend(ctx, room, id, seen)
	})
}

func (f *faulty) End(ctx context.Context, room string, id waitingroom.RequestID, s waitingroom.Status, holds time.Time) (waitingroom.Counters, error) {
	return counts(f, func() (waitingroom.Counters, error) { return f.Store.End(ctx, room, id, s, holds) })
}

func (f *faulty) TakeCode(ctx context.Context, room string, t waitingroom.TakeCode) (waitingroom.Taken, waitingroom.Counters, error) {
	return through(f, func() (waitingroom.Taken, waitingroom.Counters, error) { return f.Store.TakeCode(ctx, room, t) })
}

func (f *faulty) Rotate(ctx context.Context, room string, r waitingroom.Rotate) (waitingroom.Session, waitingroom.Grant, waitingroom.Counters, error) {
	type rotated struct {
		waitingroom.Session
		waitingroom.Grant
	}
	got, c, err := through(f, func() (rotated, waitingroom.Counters, error) {
		s, g, c, err := f.Store.Rotate(ctx, room, r)
		return rotated{s, g}, c, err
	})
	return got.Session, got.Grant, c, err
}

func (f *faulty) Revoke(ctx context.Context, room string, id waitingroom.RequestID, grant uint64, holds time.Time) (waitingroom.Counters, error) {
	return counts(f, func() (waitingroom.Counters, error) { return f.Store.Revoke(ctx, room, id, grant, holds) })
}
