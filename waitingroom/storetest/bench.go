package storetest

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Benchmark measures the verbs that a crowd uses, each called by many at once.
func Benchmark(b *testing.B, open func(t testing.TB) Fixture) {
	for _, bench := range []struct {
		name string
		verb func(b *testing.B, store waitingroom.Store, n int64) error
	}{
		{"Advance", func(b *testing.B, store waitingroom.Store, n int64) error {
			node := waitingroom.OpID(binary.BigEndian.AppendUint64([]byte("benching"), uint64(n)))
			_, _, err := store.Advance(b.Context(), "sale", waitingroom.Advance{Node: node, Seq: 1, N: 1})
			return err
		}},
		{"Claim", func(b *testing.B, store waitingroom.Store, n int64) error {
			_, _, err := store.Claim(b.Context(), "sale", waitingroom.Claim{Ticket: ticketOf(0, n), Holder: holder(1)})
			return err
		}},
		{"Lookup", func(b *testing.B, store waitingroom.Store, n int64) error {
			_, _, err := store.Lookup(b.Context(), "sale", ticketOf(0, n%1000+1))
			return err
		}},
		{"Counters", func(b *testing.B, store waitingroom.Store, _ int64) error {
			_, err := store.Counters(b.Context(), "sale")
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			store := open(b).Store
			crowd(b, store)
			var n atomic.Int64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := bench.verb(b, store, n.Add(1)); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// crowd fills a room with more people than a benchmark admits, all served, of
// whom the first thousand are on the site.
func crowd(b *testing.B, store waitingroom.Store) {
	b.Helper()
	const people = 50_000_000
	must := func(_ waitingroom.Counters, err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(store.Configure(b.Context(), "sale", 1, usual()))
	must(store.Settle(b.Context(), "sale", waitingroom.Floors{Dealt: people, Serving: waitingroom.MaxPosition}))
	for position := range int64(1000) {
		_, c, err := store.Claim(b.Context(), "sale", waitingroom.Claim{Ticket: ticketOf(0, position+1), Holder: holder(1)})
		must(c, err)
	}
	b.ResetTimer()
}
