package redisstore_test

import (
	"testing"

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
