package boltstore_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
	"github.com/anteroom-dev/anteroom/waitingroom/storetest"
)

// clock is a clock that tests turn. It is safe for concurrent use.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(time.Date(2026, 5, 4, 3, 2, 1, 234_000_000, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *clock) tick(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// mustOpen opens a store that the test closes at its end.
func mustOpen(t testing.TB, path string, options boltstore.Options) *boltstore.Store {
	t.Helper()
	store, err := boltstore.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store
}

func open(t testing.TB) storetest.Fixture {
	path, clock := filepath.Join(t.TempDir(), "store.db"), newClock()
	options := boltstore.Options{Now: clock.now}
	store := mustOpen(t, path, options)
	return storetest.Fixture{
		Store: store, Tick: clock.tick,
		Reopen: func(t testing.TB) waitingroom.Store {
			t.Helper()
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			store = mustOpen(t, path, options)
			return store
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestStoreIsLikeTheReference(t *testing.T) { storetest.Random(t, open, reference) }

func TestStoreUnderConcurrentCalls(t *testing.T) { storetest.Concurrent(t, open) }

func TestStoreThroughFaults(t *testing.T) { storetest.Faults(t, open) }

// reference is the store in memory, which [storetest.Random] compares with.
func reference(testing.TB) storetest.Fixture {
	clock := newClock()
	return storetest.Fixture{Store: memstore.New(clock.now), Tick: clock.tick}
}

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open) }

// BenchmarkStoreOnASlowDisk shows what of a commit's time is felt: joins wait
// for no commit, and the verbs that do share them.
func BenchmarkStoreOnASlowDisk(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) storetest.Fixture {
		path := filepath.Join(t.TempDir(), "store.db")
		store := mustOpen(t, path, boltstore.Options{InjectAroundCommit: func(commit func() error) error {
			time.Sleep(5 * time.Millisecond)
			return commit()
		}})
		return storetest.Fixture{Store: store}
	})
}

// BenchmarkLookup is a look at a session, of what is published and while a commit
// of the same room goes on, as it nearly always does on a busy server.
func BenchmarkLookup(b *testing.B) {
	for name, busy := range map[string]bool{"published": false, "while a commit goes on": true} {
		b.Run(name, func(b *testing.B) {
			committed, publish := make(chan struct{}), make(chan struct{})
			var hold atomic.Bool
			store := mustOpen(b, filepath.Join(b.TempDir(), "store.db"), boltstore.Options{InjectAroundCommit: func(commit func() error) error {
				err := commit()
				if hold.CompareAndSwap(true, false) {
					close(committed)
					<-publish
				}
				return err
			}})
			defer close(publish)
			settings := rules()
			settings.Open = true
			if _, err := store.Configure(b.Context(), room, 1, settings); err != nil {
				b.Fatal(err)
			}
			if _, err := advance(b.Context(), store, 1, 5); err != nil {
				b.Fatal(err)
			}
			if _, _, err := store.Claim(b.Context(), room, waitingroom.Claim{Ticket: ticket(1)}); err != nil {
				b.Fatal(err)
			}
			if hold.Store(busy); busy {
				go func() { _, _, _ = store.Claim(b.Context(), room, waitingroom.Claim{Ticket: ticket(2)}) }()
				<-committed
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := store.Lookup(b.Context(), room, ticket(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
