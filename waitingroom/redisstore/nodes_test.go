package redisstore_test

import (
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// Visitors poll the less often the fewer nodes share the work, so a node has to
// know of the others, and to forget one that has gone.
func TestANodeCountsThoseWhoServeTheRoom(t *testing.T) {
	server := redistest.Start(t)
	var stores []*redisstore.Store
	for range 2 {
		s, err := redisstore.New(server.Client(), redisstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	one, two := stores[0], stores[1]
	defer func() { _ = one.Close() }()
	if got := one.Nodes("sale"); got != 0 {
		t.Errorf("a node that never asked knows of %d", got)
	}
	look := func(s *redisstore.Store) {
		t.Helper()
		if _, err := s.Counters(t.Context(), "sale"); err != nil {
			t.Fatal(err)
		}
	}
	look(one)
	look(two)
	look(one)
	if a, b := one.Nodes("sale"), two.Nodes("sale"); a != 2 || b != 2 {
		t.Errorf("two nodes know of %d and %d", a, b)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	look(one)
	if got := one.Nodes("sale"); got != 1 {
		t.Errorf("when the other has gone a node knows of %d", got)
	}
}

func TestNewcomersAreCountedAcrossNodes(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, rules()), join(t, server, rules())
	here, there := [8]byte{1}, [8]byte{2}
	for i, step := range []struct {
		at   *node
		room string
		from [8]byte
		want int
	}{
		{a, room, here, 1}, {b, room, here, 2}, {a, room, here, 3}, {b, room, there, 1}, {b, "other", here, 1}, {b, room, here, 4},
	} {
		if n, err := step.at.Newcomers(t.Context(), step.room, step.from, time.Minute); err != nil || n != step.want {
			t.Errorf("newcomer %d is the %dth, %v, want %d", i, n, err, step.want)
		}
	}
	// They are forgotten when none has come for a while.
	for n, end := 0, time.Now().Add(20*time.Second); n != 1; {
		var err error
		if n, err = a.Newcomers(t.Context(), room, here, time.Millisecond); err != nil || time.Now().After(end) {
			t.Fatalf("still the %dth, %v", n, err)
		}
	}
}
