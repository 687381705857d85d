package waitingroom_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// forgetful is a store of which the first reply to each verb gets lost, after the
// effect.
type forgetful struct {
	waitingroom.Store

	mu    sync.Mutex // Guards asked.
	asked map[string]bool
}

func (f *forgetful) lost(verb string, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked[verb] {
		return err
	}
	f.asked[verb] = true
	return waitingroom.ErrUnavailable
}

// again lets the next reply to each verb get lost.
func (f *forgetful) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.asked)
}

func (f *forgetful) Counters(ctx context.Context, room string) (waitingroom.Counters, error) {
	c, err := f.Store.Counters(ctx, room)
	return c, f.lost("counters", err)
}

func (f *forgetful) Configure(ctx context.Context, room string, revision int64, s waitingroom.Settings) (waitingroom.Counters, error) {
	c, err := f.Store.Configure(ctx, room, revision, s)
	return c, f.lost("configure", err)
}

func (f *forgetful) Settle(ctx context.Context, room string, floors waitingroom.Floors) (waitingroom.Counters, error) {
	c, err := f.Store.Settle(ctx, room, floors)
	return c, f.lost("settle", err)
}

func (f *forgetful) Keep(ctx context.Context, name string, value []byte, life time.Duration) ([]byte, error) {
	kept, err := f.Store.Keep(ctx, name, value, life)
	return kept, f.lost("keep", err)
}

func (f *forgetful) Kept(ctx context.Context, name string) ([]byte, error) {
	kept, err := f.Store.Kept(ctx, name)
	return kept, f.lost("kept", err)
}

func (f *forgetful) Swap(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	kept, err := f.Store.Swap(ctx, name, old, value)
	return kept, f.lost("swap", err)
}

// A node whose first call of the store got no reply used to end, and a login too long
// for a URL to be answered with an error.
func TestALostReplyNeitherEndsAStartNorLosesWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &forgetful{Store: memstore.New(time.Now), asked: make(map[string]bool)}
		defer func() { _ = store.Close() }()
		engine, err := waitingroom.New(waitingroom.Options{
			Store: store, Secrets: newSecrets(t, 1), Rooms: []waitingroom.RoomConfig{{ID: "sale", Settings: minutes}},
		})
		if err != nil {
			t.Fatal(err)
		}
		room, err := engine.Room("sale")
		if err != nil {
			t.Fatal(err)
		}
		if err := room.Settle(t.Context(), waitingroom.Floors{Dealt: 7}); err != nil {
			t.Errorf("settle: %v", err)
		}
		if err := engine.Start(t.Context()); err != nil {
			t.Fatalf("start: %v", err)
		}
		defer engine.Stop()
		vault := engine.Vault()
		store.again()
		for _, step := range []struct {
			verb string
			want string
			call func() ([]byte, error)
		}{
			{"keep", "one", func() ([]byte, error) { return vault.Keep(t.Context(), "name", []byte("one"), 0) }},
			{"kept", "one", func() ([]byte, error) { return vault.Kept(t.Context(), "name") }},
			{"swap", "two", func() ([]byte, error) { return vault.Swap(t.Context(), "name", []byte("one"), []byte("two")) }},
		} {
			if got, err := step.call(); err != nil || !bytes.Equal(got, []byte(step.want)) {
				t.Errorf("%s: got %q, %v; want %q", step.verb, got, err, step.want)
			}
		}
	})
}
