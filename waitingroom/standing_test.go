package waitingroom_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// watched is a store that counts how often a place was looked up.
type watched struct {
	waitingroom.Store
	lookups atomic.Int64
}

func (s *watched) Lookup(ctx context.Context, room string, t waitingroom.Ticket) (waitingroom.Standing, waitingroom.Counters, error) {
	s.lookups.Add(1)
	return s.Store.Lookup(ctx, room, t)
}

// A crowd that waits costs the store nothing, and one that was served costs it one
// look a second for each visitor, however often a page is reloaded.
func TestAPollAboveTheCounterTouchesNoStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &watched{Store: memstore.New(time.Now)}
		room := start(t, store, waitingroom.Inlet{})
		ticket := join(t, room)
		stand := func(want waitingroom.State, lookups int64) {
			t.Helper()
			for range 10 {
				if s, err := room.Standing(t.Context(), ticket); err != nil || s.State != want {
					t.Fatalf("stands as %s, %v, want %s", s.State, err, want)
				}
			}
			if got := store.lookups.Load(); got != lookups {
				t.Errorf("%d lookups, want %d", got, lookups)
			}
		}
		stand(waitingroom.StateWaiting, 0)
		if _, err := room.Serve(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		stand(waitingroom.StateServed, 1)
		time.Sleep(999 * time.Millisecond)
		stand(waitingroom.StateServed, 1)
		time.Sleep(time.Millisecond)
		stand(waitingroom.StateServed, 2)
	})
}
