package waitingroom_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// newBenchRoom returns a room that runs.
func newBenchRoom(b *testing.B) *waitingroom.Room {
	b.Helper()
	secrets, err := waitingroom.NewSecrets([]byte(strings.Repeat("s", waitingroom.MinSecretSize)))
	if err != nil {
		b.Fatal(err)
	}
	engine, err := waitingroom.New(waitingroom.Options{
		Store: memstore.New(time.Now), Secrets: secrets, Revision: 1,
		Rooms: []waitingroom.RoomConfig{{
			ID: "sale", Settings: waitingroom.Settings{SessionTTL: time.Hour, SessionMax: time.Hour},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := engine.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(engine.Stop)
	return engine.Rooms()[0]
}

// BenchmarkJoin deals places to visitors who come one by one.
func BenchmarkJoin(b *testing.B) {
	room := newBenchRoom(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := room.Join(b.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is what a poll costs the engine: a proof, how its place stands,
// and when to come again.
func BenchmarkVerify(b *testing.B) {
	room := newBenchRoom(b)
	ticket, err := room.Join(b.Context(), waitingroom.Join{Lane: waitingroom.LaneBrowser})
	if err != nil {
		b.Fatal(err)
	}
	proof := room.Prove(ticket, 0)
	b.ReportAllocs()
	for b.Loop() {
		ticket, _, err := room.Verify(b.Context(), proof)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := room.Standing(b.Context(), ticket); err != nil {
			b.Fatal(err)
		}
		room.Pace(ticket)
	}
}
