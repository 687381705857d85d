package boltstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
)

const room = "sale"

// gate is a disk that commits only when it is let. It is for one test in a
// bubble of synctest.
type gate struct {
	commits atomic.Int64
	shut    chan struct{} // Closed to let all commits through; nil lets them.
}

func (g *gate) around(commit func() error) error {
	g.commits.Add(1)
	if g.shut != nil {
		<-g.shut
	}
	return commit()
}

// rules are the settings of a room in these tests.
func rules() waitingroom.Settings {
	return waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour, SessionMax: time.Hour}
}

// newRoom opens a store, in which a room has rules and nobody is in line.
func newRoom(t *testing.T, options boltstore.Options) *boltstore.Store {
	t.Helper()
	store := mustOpen(t, filepath.Join(t.TempDir(), "store.db"), options)
	if _, err := store.Configure(t.Context(), room, 1, rules()); err != nil {
		t.Fatal(err)
	}
	return store
}

// advance deals n positions to a node that asks for the first time.
func advance(ctx context.Context, store *boltstore.Store, node byte, n int) (int64, error) {
	first, _, err := store.Advance(ctx, room, waitingroom.Advance{Node: waitingroom.OpID{node}, Seq: 1, N: n})
	return first, err
}

func ticket(position int64) waitingroom.Ticket {
	return waitingroom.Ticket{ID: waitingroom.RequestID{byte(position), byte(position >> 8), byte(position >> 16)}, Position: position}
}

func dealt(t *testing.T, store *boltstore.Store) int64 {
	t.Helper()
	c, err := store.Counters(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return c.Dealt
}

func TestAJoinWaitsForTheDiskOnlyAboveTheCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &gate{}
		store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
		disk.shut = make(chan struct{})
		for node := range byte(boltstore.MinBlock) {
			if first, err := advance(t.Context(), store, node, 1); err != nil || first != int64(node)+1 {
				t.Fatalf("join %d: got position %d, error %v", node+1, first, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := advance(ctx, store, 100, 1); !errors.Is(err, waitingroom.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a join above the ceiling: got error %v, want one that waited in vain", err)
		}
		close(disk.shut)
		if first, err := advance(t.Context(), store, 100, 1); err != nil || first != boltstore.MinBlock+1 {
			t.Errorf("a join after the ceiling was raised: got position %d, error %v", first, err)
		}
	})
}

// TestACrashLeavesAHoleOfAtMostOneBlock opens a copy of the file as it is on
// disk at each moment, which is what a crash would leave.
func TestACrashLeavesAHoleOfAtMostOneBlock(t *testing.T) {
	dir := t.TempDir()
	path, clock := filepath.Join(dir, "store.db"), newClock()
	store := mustOpen(t, path, boltstore.Options{Now: clock.now})
	for i := range 40 {
		node, n := byte(i), 1+i*7%23
		if _, err := advance(t.Context(), store, node, n); err != nil {
			t.Fatal(err)
		}
		clock.tick(time.Second) // Joins are too slow for more than the least block.
		if _, err := store.Counters(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		// A verb that waits for the committer, and with it for the raise.
		if _, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 1, Op: waitingroom.OpID{node}}); err != nil {
			t.Fatal(err)
		}
		before := dealt(t, store)
		after := func() int64 {
			crashed := filepath.Join(t.TempDir(), "crashed.db")
			copyFile(t, path, crashed)
			return dealt(t, mustOpen(t, crashed, boltstore.Options{Now: clock.now}))
		}()
		if after < before || after > before+boltstore.MinBlock {
			t.Fatalf("%d were dealt; after a crash dealing resumes at %d, not within a block of %d", before, after, boltstore.MinBlock)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsSeenBeforeItIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &gate{}
		store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
		if _, err := advance(t.Context(), store, 1, 5); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		disk.shut = make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 3, Op: waitingroom.OpID{1}})
			done <- err
		}()
		synctest.Wait()
		if state, serving := look(t, store); state != waitingroom.StateWaiting || serving != 0 {
			t.Errorf("before the commit: got %s at serving counter %d, want waiting at 0", state, serving)
		}
		close(disk.shut)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if state, serving := look(t, store); state != waitingroom.StateServed || serving != 3 {
			t.Errorf("after the commit: got %s at serving counter %d, want served at 3", state, serving)
		}
	})
}

func TestALookSeesACommitThatIsNotPublishedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		publish := make(chan struct{})
		hold := false
		store := newRoom(t, boltstore.Options{InjectAroundCommit: func(commit func() error) error {
			err := commit()
			if hold {
				<-publish
			}
			return err
		}})
		if _, err := advance(t.Context(), store, 1, 5); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		hold = true
		done := make(chan error)
		go func() {
			_, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 3, Op: waitingroom.OpID{1}})
			done <- err
		}()
		synctest.Wait()
		if state, serving := look(t, store); state != waitingroom.StateServed || serving != 0 {
			t.Errorf("before the publication: got %s, and serving counter %d is known, want served, and 0", state, serving)
		}
		close(publish)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if state, serving := look(t, store); state != waitingroom.StateServed || serving != 3 {
			t.Errorf("after the publication: got %s, and serving counter %d is known, want served, and 3", state, serving)
		}
	})
}

// look returns how position 1 stands, and the serving counter.
func look(t *testing.T, store *boltstore.Store) (waitingroom.State, int64) {
	t.Helper()
	standing, _, err := store.Lookup(t.Context(), room, ticket(1))
	if err != nil {
		t.Fatal(err)
	}
	c, err := store.Counters(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return standing.State, c.Serving
}

func TestVerbsThatWaitTogetherShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &gate{}
		store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
		if _, err := advance(t.Context(), store, 1, 200); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		disk.shut = make(chan struct{})
		disk.commits.Store(0)
		var wg sync.WaitGroup
		claim := func(position int64) {
			wg.Go(func() {
				c, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 1, Op: waitingroom.OpID{byte(position)}})
				if err != nil || c.Serving < position {
					t.Errorf("order %d: got serving %d, error %v", position, c.Serving, err)
				}
			})
		}
		claim(1) // The first has the committer for itself.
		synctest.Wait()
		for i := range int64(100) {
			claim(i + 2)
			synctest.Wait() // In this order.
		}
		close(disk.shut)
		wg.Wait()
		if got := disk.commits.Load(); got != 2 {
			t.Errorf("a hundred verbs that gathered during one commit took %d commits, want 1 more", got-1)
		}
	})
}

func TestAQuietRoomCostsNoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &gate{}
		store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
		if _, err := advance(t.Context(), store, 1, 5); err != nil {
			t.Fatal(err)
		}
		sweep := func() {
			t.Helper()
			time.Sleep(time.Second)
			if _, _, err := store.Sweep(t.Context(), room, 100); err != nil {
				t.Fatal(err)
			}
		}
		sweep() // This one writes down who arrived.
		before := disk.commits.Load()
		for range 100 {
			sweep()
		}
		if got := disk.commits.Load() - before; got != 0 {
			t.Errorf("a hundred sweeps of a quiet room took %d commits, want none", got)
		}
	})
}

func TestAVerbWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &gate{}
		store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
		order := waitingroom.Serve{By: 3, Op: waitingroom.OpID{1}}

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := store.Serve(ended, room, order); !errors.Is(err, waitingroom.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("a verb whose context had ended: got error %v", err)
		}
		if c, err := store.Counters(t.Context(), room); err != nil || c.Serving != 0 {
			t.Errorf("a verb whose context had ended had an effect: %+v, %v", c, err)
		}

		disk.shut = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := store.Serve(ctx, room, order); !errors.Is(err, waitingroom.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a verb whose context ended during the commit: got error %v", err)
		}
		close(disk.shut)
		// The effect was unknown, and the call may be repeated.
		if c, err := store.Serve(t.Context(), room, order); err != nil || c.Serving != 3 {
			t.Errorf("the repeated verb: got serving %d, error %v, want 3", c.Serving, err)
		}
	})
}

func TestAClosedStoreRefusesEverything(t *testing.T) {
	store := newRoom(t, boltstore.Options{})
	if _, err := advance(t.Context(), store, 1, 5); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, advanced := advance(t.Context(), store, 2, 1)
	_, served := store.Serve(t.Context(), room, waitingroom.Serve{By: 1, Op: waitingroom.OpID{1}})
	_, _, looked := store.Lookup(t.Context(), room, ticket(1))
	_, kept := store.Kept(t.Context(), "name")
	for verb, err := range map[string]error{"Advance": advanced, "Serve": served, "Lookup": looked, "Kept": kept} {
		if !errors.Is(err, waitingroom.ErrUnavailable) {
			t.Errorf("%s of a closed store: got error %v, want %v", verb, err, waitingroom.ErrUnavailable)
		}
	}
}

// TestANameThatTheFileCannotHoldHurtsNobodyElse stops a denial of service: the
// failed write of one caller's name would fail the whole batch.
func TestANameThatTheFileCannotHoldHurtsNobodyElse(t *testing.T) {
	disk := &gate{}
	store := newRoom(t, boltstore.Options{InjectAroundCommit: disk.around})
	for _, name := range []string{"", string(make([]byte, 40_000))} {
		_, served := store.Serve(t.Context(), name, waitingroom.Serve{By: 1, Op: waitingroom.OpID{1}})
		_, _, advanced := store.Advance(t.Context(), name, waitingroom.Advance{Seq: 1, N: 1})
		_, kept := store.Keep(t.Context(), name, []byte("value"), 0)
		for verb, err := range map[string]error{"Serve": served, "Advance": advanced, "Keep": kept} {
			if err == nil || errors.Is(err, waitingroom.ErrUnavailable) {
				t.Errorf("%s with a name of %d bytes: got error %v, want a lasting one", verb, len(name), err)
			}
		}
	}
	if _, err := advance(t.Context(), store, 1, 5); err != nil {
		t.Error(err)
	}
}
