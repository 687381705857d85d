package redisstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
	"github.com/anteroom-dev/anteroom/waitingroom/storetest"
)

// epoch is when the clocks of these tests start.
var epoch = time.Date(2026, 5, 4, 3, 2, 1, 234_567_890, time.UTC)

// open returns what opens a store for each test over one server or cluster, which
// is emptied before.
func open(client func() redis.UniversalClient, o redisstore.Options) func(testing.TB) storetest.Fixture {
	return func(tb testing.TB) storetest.Fixture {
		tb.Helper()
		c := client()
		empty(tb, c)
		store, err := redisstore.New(c, o)
		if err != nil {
			tb.Fatal(err)
		}
		var now atomic.Pointer[time.Time]
		now.Store(&epoch)
		store.SetClock(func() time.Time { return *now.Load() })
		store.SetWindow(0)
		return storetest.Fixture{Store: store, Tick: func(d time.Duration) {
			next := now.Load().Add(d)
			now.Store(&next)
		}}
	}
}

// empty removes all keys of a server, or of all masters of a cluster.
func empty(tb testing.TB, client redis.UniversalClient) {
	tb.Helper()
	var err error
	switch c := client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(tb.Context(), func(ctx context.Context, master *redis.Client) error {
			return master.FlushAll(ctx).Err()
		})
	default:
		err = c.FlushAll(tb.Context()).Err()
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// single returns what opens a store over one server of its own for the whole
// test.
func single(tb testing.TB, args ...string) func(testing.TB) storetest.Fixture {
	tb.Helper()
	return singleOn(tb, redistest.Loopback(), args...)
}

func singleOn(tb testing.TB, h redistest.Host, args ...string) func(testing.TB) storetest.Fixture {
	tb.Helper()
	server := h.Start(tb, args...)
	return open(func() redis.UniversalClient { return server.Client() }, redisstore.Options{})
}

func cluster(tb testing.TB, h redistest.Host, o redisstore.Options) func(testing.TB) storetest.Fixture {
	tb.Helper()
	var addrs []string
	for _, s := range h.StartCluster(tb) {
		addrs = append(addrs, s.Addr)
	}
	return open(func() redis.UniversalClient {
		return redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, MaxRetries: -1})
	}, o)
}

func reference(testing.TB) storetest.Fixture {
	now := epoch
	store := memstore.New(func() time.Time { return now })
	return storetest.Fixture{Store: store, Tick: func(d time.Duration) { now = now.Add(d) }}
}

func TestStoreOnOneServer(t *testing.T) { storetest.Run(t, single(t)) }

func TestStoreOnOneServerWithAppendOnlyFile(t *testing.T) {
	storetest.Run(t, single(t, "--appendonly", "yes", "--appendfsync", "always"))
}

func TestStoreOnACluster(t *testing.T) {
	storetest.Run(t, cluster(t, redistest.Loopback(), redisstore.Options{}))
}

func TestStoreOnAClusterWithReplicasThatConfirm(t *testing.T) {
	storetest.Run(t, cluster(t, redistest.Loopback(), redisstore.Options{Acks: 1}))
}

func TestStoreOnValkey(t *testing.T) { storetest.Run(t, singleOn(t, redistest.Valkey(t))) }

func TestStoreOnAValkeyCluster(t *testing.T) {
	storetest.Run(t, cluster(t, redistest.Valkey(t), redisstore.Options{Acks: 1}))
}

func TestStoreOnValkeyAgainstTheReference(t *testing.T) {
	storetest.Random(t, singleOn(t, redistest.Valkey(t)), reference)
}

func TestStoreAgainstTheReference(t *testing.T) { storetest.Random(t, single(t), reference) }

func TestStoreUnderConcurrentCalls(t *testing.T) { storetest.Concurrent(t, single(t)) }

func TestStoreThroughFaults(t *testing.T) { storetest.Faults(t, single(t)) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, single(b)) }
