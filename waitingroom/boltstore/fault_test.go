package boltstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
	"github.com/anteroom-dev/anteroom/waitingroom/storetest"
)

var errDisk = errors.New("no space left on device")

// brokenDisk fails commits. It is safe for concurrent use.
type brokenDisk struct {
	mu       sync.Mutex // Guards the rest.
	failures int        // How many of the next commits fail.
	apply    bool       // Whether the failing ones happen all the same.
	every    int        // Beside that each every-th fails, if it isn't 0.
	commits  int
}

func (d *brokenDisk) fail(n int, apply bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures, d.apply = n, apply
}

func (d *brokenDisk) around(commit func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commits++
	switch {
	case d.every > 0 && d.commits%d.every == 0:
		return errDisk
	case d.failures == 0:
		return commit()
	}
	d.failures--
	if d.apply {
		if err := commit(); err != nil {
			return err
		}
	}
	return errDisk
}

func TestAfterAFailedCommitTheStoreGoesOnByItself(t *testing.T) {
	for _, row := range []struct {
		name    string
		apply   bool
		serving int64 // After the recovery, before the order is repeated.
	}{
		{"the batch was lost", false, 10},
		{"the batch was written all the same", true, 13},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := &brokenDisk{}
				store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
				prepareLine(t, store)

				disk.fail(4, row.apply) // The commit, and three attempts to recover.
				refuseAll(t, store)
				synctest.Wait()
				if first, err := advance(t.Context(), store, 2, 5); err != nil || first != 21 {
					t.Errorf("a join below the ceiling while the store recovers: got position %d, error %v, want 21", first, err)
				}
				if _, err := advance(t.Context(), store, 3, 5000); !errors.Is(err, waitingroom.ErrUnavailable) {
					t.Errorf("a join above the ceiling while the store recovers: got error %v", err)
				}
				if got := serving(t, store); got != 10 {
					t.Errorf("while the store recovers: got serving %d, want the last that was committed, 10", got)
				}

				time.Sleep(time.Minute)
				if got := serving(t, store); got != row.serving {
					t.Errorf("after the recovery: got serving %d, want %d", got, row.serving)
				}
				for order := range byte(3) { // Repeating is always safe.
					c, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 1, Op: waitingroom.OpID{100 + order}})
					if err != nil || c.Serving > 13 {
						t.Errorf("the repeated order %d: got serving %d, error %v", order, c.Serving, err)
					}
				}
				if got := serving(t, store); got != 13 {
					t.Errorf("after all orders were repeated: got serving %d, want 13", got)
				}
				if first, err := advance(t.Context(), store, 3, 5000); err != nil || first != 26 {
					t.Errorf("the next join: got position %d, error %v, want 26", first, err)
				}
				if standing, _, err := store.Lookup(t.Context(), room, ticket(1)); err != nil || standing.State != waitingroom.StateActive {
					t.Errorf("a session from before: got %s, error %v", standing.State, err)
				}
			})
		})
	}
}

// prepareLine deals 20 places, serves 10 and lets the first in.
func prepareLine(t *testing.T, store *boltstore.Store) {
	t.Helper()
	if _, err := advance(t.Context(), store, 1, 20); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 10, Op: waitingroom.OpID{1}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Claim(t.Context(), room, waitingroom.Claim{Ticket: ticket(1)}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// refuseAll gives three orders at once, and expects all of them, and those that
// come while the store recovers, to be told that it is unavailable.
func refuseAll(t *testing.T, store *boltstore.Store) {
	t.Helper()
	ctx := t.Context()
	order := func(op byte) error {
		_, err := store.Serve(ctx, room, waitingroom.Serve{By: 1, Op: waitingroom.OpID{op}})
		return err
	}
	if err := store.Batch(ctx, room, func(serve func(waitingroom.Serve)) {
		for op := range byte(3) {
			serve(waitingroom.Serve{By: 1, Op: waitingroom.OpID{100 + op}})
		}
	}); !errors.Is(err, waitingroom.ErrUnavailable) || !errors.Is(err, errDisk) {
		t.Fatalf("verbs of a batch that failed: got error %v", err)
	}
	synctest.Wait()
	if err := order(200); !errors.Is(err, waitingroom.ErrUnavailable) {
		t.Fatalf("a verb while the store recovers: got error %v", err)
	}
	if _, _, err := store.Lookup(ctx, room, ticket(1)); !errors.Is(err, waitingroom.ErrUnavailable) {
		t.Fatalf("a lookup while the store recovers: got error %v", err)
	}
}

func serving(t *testing.T, store *boltstore.Store) int64 {
	t.Helper()
	c, err := store.Counters(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return c.Serving
}

func TestAResetWhoseCommitFailedKeepsBothLinesApart(t *testing.T) {
	for _, apply := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			disk := &brokenDisk{}
			store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
			prepareLine(t, store)
			disk.fail(1, apply)
			op := waitingroom.OpID{9}
			if _, err := store.Reset(t.Context(), room, op, 0); !errors.Is(err, waitingroom.ErrUnavailable) {
				t.Fatalf("got error %v", err)
			}
			time.Sleep(time.Minute)
			c, err := store.Reset(t.Context(), room, op, 0)
			if err != nil || c.Generation == 0 || c.Dealt != 0 {
				t.Fatalf("the repeated reset: got %+v, error %v", c, err)
			}
			if first, err := advance(t.Context(), store, 1, 3); err != nil || first != 1 {
				t.Errorf("the first join of the new line: got position %d, error %v", first, err)
			}
		})
	}
}

func TestAStoreThatRecoversCanBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &brokenDisk{}
		path := filepath.Join(t.TempDir(), "store.db")
		store, err := boltstore.Open(path, boltstore.Options{InjectAroundCommit: disk.around})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := advance(t.Context(), store, 1, 20); err != nil {
			t.Fatal(err)
		}
		disk.fail(1_000_000, false)
		if _, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 1, Op: waitingroom.OpID{1}}); !errors.Is(err, waitingroom.ErrUnavailable) {
			t.Fatalf("got error %v", err)
		}
		time.Sleep(time.Second)
		if err := store.Close(); err == nil {
			t.Error("closing says that nothing was lost, where a hole may be left")
		}
		reopened := mustOpen(t, path, boltstore.Options{})
		if got := dealt(t, reopened); got < 20 {
			t.Errorf("dealing resumes at %d, where 20 were dealt", got)
		}
	})
}

// stubborn is a store that repeats each call until the store is available, as
// the engine's callers do.
type stubborn struct{ waitingroom.Store }

// again calls verb until it has another answer than that it is unavailable.
func again(verb func() error) {
	for errors.Is(verb(), waitingroom.ErrUnavailable) {
		runtime.Gosched() // It recovers within milliseconds.
	}
}

func (s stubborn) Counters(ctx context.Context, room string) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.Counters(ctx, room); return err })
	return c, err
}

func (s stubborn) Settle(ctx context.Context, room string, f waitingroom.Floors) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.Settle(ctx, room, f); return err })
	return c, err
}

func (s stubborn) Advance(ctx context.Context, room string, a waitingroom.Advance) (first int64, c waitingroom.Counters, err error) {
	again(func() error { first, c, err = s.Store.Advance(ctx, room, a); return err })
	return first, c, err
}

func (s stubborn) Serve(ctx context.Context, room string, o waitingroom.Serve) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.Serve(ctx, room, o); return err })
	return c, err
}

func (s stubborn) Reset(ctx context.Context, room string, op waitingroom.OpID, expected int64) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.Reset(ctx, room, op, expected); return err })
	return c, err
}

func (s stubborn) Configure(ctx context.Context, room string, revision int64, set waitingroom.Settings) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.Configure(ctx, room, revision, set); return err })
	return c, err
}

func (s stubborn) Lease(ctx context.Context, room string, holder waitingroom.OpID, d time.Duration) (l waitingroom.Lease, c waitingroom.Counters, err error) {
	again(func() error { l, c, err = s.Store.Lease(ctx, room, holder, d); return err })
	return l, c, err
}

func (s stubborn) Sweep(ctx context.Context, room string, limit int) (swept waitingroom.Swept, c waitingroom.Counters, err error) {
	again(func() error { swept, c, err = s.Store.Sweep(ctx, room, limit); return err })
	return swept, c, err
}

func (s stubborn) Claim(ctx context.Context, room string, claim waitingroom.Claim) (session waitingroom.Session, c waitingroom.Counters, err error) {
	again(func() error { session, c, err = s.Store.Claim(ctx, room, claim); return err })
	return session, c, err
}

func (s stubborn) Lookup(ctx context.Context, room string, t waitingroom.Ticket) (standing waitingroom.Standing, c waitingroom.Counters, err error) {
	again(func() error { standing, c, err = s.Store.Lookup(ctx, room, t); return err })
	return standing, c, err
}

func (s stubborn) Extend(ctx context.Context, room string, id waitingroom.RequestID, seen time.Time) (session waitingroom.Session, c waitingroom.Counters, err error) {
	again(func() error { session, c, err = s.Store.Extend(ctx, room, id, seen); return err })
	return session, c, err
}

func (s stubborn) End(ctx context.Context, room string, id waitingroom.RequestID, status waitingroom.Status, holds time.Time) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.End(ctx, room, id, status, holds); return err })
	return c, err
}

func (s stubborn) TakeCode(ctx context.Context, room string, t waitingroom.TakeCode) (taken waitingroom.Taken, c waitingroom.Counters, err error) {
	again(func() error { taken, c, err = s.Store.TakeCode(ctx, room, t); return err })
	return taken, c, err
}

func (s stubborn) Rotate(ctx context.Context, room string, r waitingroom.Rotate) (session waitingroom.Session, grant waitingroom.Grant, c waitingroom.Counters, err error) {
	again(func() error { session, grant, c, err = s.Store.Rotate(ctx, room, r); return err })
	return session, grant, c, err
}

func (s stubborn) Revoke(ctx context.Context, room string, id waitingroom.RequestID, grant uint64, holds time.Time) (c waitingroom.Counters, err error) {
	again(func() error { c, err = s.Store.Revoke(ctx, room, id, grant, holds); return err })
	return c, err
}

func (s stubborn) Keep(ctx context.Context, name string, value []byte, life time.Duration) (kept []byte, err error) {
	again(func() error { kept, err = s.Store.Keep(ctx, name, value, life); return err })
	return kept, err
}

func (s stubborn) Swap(ctx context.Context, name string, old, value []byte) (kept []byte, err error) {
	again(func() error { kept, err = s.Store.Swap(ctx, name, old, value); return err })
	return kept, err
}

func (s stubborn) Kept(ctx context.Context, name string) (kept []byte, err error) {
	again(func() error { kept, err = s.Store.Kept(ctx, name); return err })
	return kept, err
}

// TestStoreOnABrokenDisk runs the suite while each fifth commit fails before it
// is applied, and each call is repeated until it succeeds.
func TestStoreOnABrokenDisk(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Fixture {
		path, clock, disk := filepath.Join(t.TempDir(), "store.db"), newClock(), &brokenDisk{every: 5}
		options := boltstore.Options{Now: clock.now, InjectAroundCommit: disk.around}
		store, err := boltstore.Open(path, options)
		if err != nil {
			t.Fatal(err)
		}
		// Closing that fails leaves a hole, and says so; here it may not.
		shut := func() {
			disk.mu.Lock()
			disk.every = 0
			disk.mu.Unlock()
			if err := store.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		t.Cleanup(func() { shut() })
		return storetest.Fixture{
			Store: stubborn{store}, Tick: clock.tick,
			Reopen: func(t testing.TB) waitingroom.Store {
				shut()
				disk.every = 5
				if store, err = boltstore.Open(path, options); err != nil {
					t.Fatal(err)
				}
				return stubborn{store}
			},
		}
	})
}
