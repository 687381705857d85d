package memstore_test

import (
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
	"github.com/anteroom-dev/anteroom/waitingroom/storetest"
)

func open(testing.TB) storetest.Fixture {
	now := time.Date(2026, 5, 4, 3, 2, 1, 234_567_890, time.UTC)
	store := memstore.New(func() time.Time { return now })
	return storetest.Fixture{Store: store, Tick: func(d time.Duration) { now = now.Add(d) }}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestStoreUnderConcurrentCalls(t *testing.T) { storetest.Concurrent(t, open) }

func TestStoreThroughFaults(t *testing.T) { storetest.Faults(t, open) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open) }
