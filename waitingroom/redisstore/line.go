package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// maxAdvance is the most positions that one call can ask for.
const maxAdvance = 10_000

// Advance implements [waitingroom.Line].
func (s *Store) Advance(ctx context.Context, room string, a waitingroom.Advance) (int64, waitingroom.Counters, error) {
	if a.N < 1 || a.N > maxAdvance {
		return 0, waitingroom.Counters{}, fmt.Errorf("advance by %d: not between 1 and %d", a.N, maxAdvance)
	}
	in, c, err := s.call(ctx, room, verb{script: s.scripts.advance, kind: changes, args: []any{a.Node[:], a.Seq, a.N}})
	if err != nil {
		return 0, c, err
	}
	first := in.int()
	return first, c, checked(in, nil)
}

// Serve implements [waitingroom.Line].
func (s *Store) Serve(ctx context.Context, room string, order waitingroom.Serve) (waitingroom.Counters, error) {
	var to, op any = "", order.Op[:]
	if order.To != nil {
		to = *order.To
	}
	if order.Lease != (waitingroom.Lease{}) {
		op = ""
	}
	var anchor int64
	if !order.Anchor.IsZero() {
		anchor = order.Anchor.UnixMilli()
	}
	by := min(max(order.By, -waitingroom.MaxPosition), waitingroom.MaxPosition)
	_, c, err := s.call(ctx, room, verb{script: s.scripts.serve, kind: changes, args: []any{
		by, to, op, order.Lease.Holder[:], order.Lease.Fence, order.Version, anchor,
	}})
	return c, err
}

// Reset implements [waitingroom.Line].
func (s *Store) Reset(ctx context.Context, room string, op waitingroom.OpID, expected int64) (waitingroom.Counters, error) {
	_, c, err := s.call(ctx, room, verb{script: s.scripts.reset, kind: changes, args: []any{op[:], expected}})
	return c, err
}

// Configure implements [waitingroom.Line].
func (s *Store) Configure(ctx context.Context, room string, revision int64, set waitingroom.Settings) (waitingroom.Counters, error) {
	args := append([]any{revision}, settingsArgs(set)...)
	_, c, err := s.call(ctx, room, verb{script: s.scripts.configure, kind: changes, args: args})
	if err == nil {
		s.room(room).configured(revision, set)
	}
	return c, err
}

func settingsArgs(s waitingroom.Settings) []any {
	return []any{s.PositionTTL.Milliseconds(), s.SessionTTL.Milliseconds(), s.SessionMax.Milliseconds(), s.Open, s.Capacity, s.Reuse}
}

// Lease implements [waitingroom.Line].
func (s *Store) Lease(ctx context.Context, room string, holder waitingroom.OpID, d time.Duration) (waitingroom.Lease, waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, verb{script: s.scripts.lease, kind: changes, args: []any{holder[:], d.Milliseconds()}})
	if in == nil {
		return waitingroom.Lease{}, c, err
	}
	var lease waitingroom.Lease
	copy(lease.Holder[:], in.text())
	lease.Fence, lease.Until = uint64(in.int()), in.time()
	return lease, c, checked(in, err)
}

// Sweep implements [waitingroom.Line].
func (s *Store) Sweep(ctx context.Context, room string, limit int) (waitingroom.Swept, waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, verb{script: s.scripts.sweep, kind: changes, args: []any{limit}})
	if err != nil {
		return waitingroom.Swept{}, c, err
	}
	swept := waitingroom.Swept{Sessions: in.int(), Places: in.int(), More: in.bool()}
	return swept, c, checked(in, nil)
}
