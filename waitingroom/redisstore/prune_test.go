package redisstore_test

import (
	"slices"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// Another program's keys that begin with a hash tag used to be taken for those of a
// room that isn't configured.
func TestPruneLeavesWhatIsNotOfARoomAlone(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
	a.deal(3)
	others := []string{"{jobs}:meta", "{jobs}:1", "{jobs}:waiting", "{jobs}:r:1", "{sale}:7:cart", "kept:it"}
	for _, key := range others {
		server.Do("SET", key, "value")
	}
	removed, err := a.Prune(t.Context(), nil)
	a.must(err)
	if !slices.Equal(removed, []string{room}) {
		t.Errorf("removed %q", removed)
	}
	for _, key := range others {
		if server.Do("EXISTS", key) != int64(1) {
			t.Errorf("%s is gone", key)
		}
	}
}

// A room that only the other nodes have yet, as while a new configuration is rolled
// out, used to lose its visits.
func TestPruneLeavesARoomAloneThatAnotherNodeRuns(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server, rules()), fresh(t, server)
	a.deal(3)
	a.serve(1)
	a.must(a.claim(1))
	meet(a)
	removed, err := b.Prune(t.Context(), nil)
	b.must(err)
	if len(removed) != 0 {
		t.Errorf("removed %q while a node runs it", removed)
	}
	if c := a.counters(); c.Alive != 1 {
		t.Errorf("afterwards %+v", c)
	}
	a.must(a.Close())
	removed, err = b.Prune(t.Context(), nil)
	b.must(err)
	if !slices.Equal(removed, []string{room}) {
		t.Errorf("removed %q once no node runs it", removed)
	}
}
