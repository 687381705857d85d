package redisstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// clusterURL returns the URL of a cluster.
func clusterURL(scheme string, servers []*redistest.Server) string {
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr)
	}
	return scheme + "+cluster://" + strings.Join(addrs, ",")
}

func TestAFailoverOfAClustersMaster(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		acks int
	}{
		{"loses nothing that the replica had", 0},
		{"loses nothing with acks", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			servers := redistest.StartCluster(t)
			url := clusterURL("redis", servers)
			n := dial(t, url, redisstore.Options{Acks: test.acks})
			n.deal(100)
			n.serve(50)
			n.must(n.claim(3))
			if test.acks == 0 {
				confirmed(t, url)
			}
			meet(n)

			old := master(t, servers)
			began := time.Now()
			old.Kill()
			if test.acks > 0 {
				// Its replica becomes the master, and has none until the old one is back.
				others := slices.DeleteFunc(slices.Clone(servers), func(s *redistest.Server) bool { return s == old })
				master(t, others)
				old.Run()
			}
			if first := n.deal(1); first != 101 {
				t.Errorf("dealt %d, want 101", first)
			}
			t.Logf("joins work again after %v", time.Since(began))
			if c := n.counters(); c.Serving != 50 || c.Alive != 1 {
				t.Errorf("after the failover: %+v", c)
			}
			n.must(n.claim(50))
		})
	}
}

// master waits until one of a cluster's servers is the master of the room's keys, and
// returns it.
func master(t *testing.T, servers []*redistest.Server) *redistest.Server {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, s := range servers {
			keys, _ := s.Do("CLUSTER", "COUNTKEYSINSLOT", s.Do("CLUSTER", "KEYSLOT", "{"+room+"}:r")).(int64)
			if keys > 0 && role(s) == "master" {
				return s
			}
		}
	}
	t.Fatal("no master has the room")
	return nil
}

// role returns what a server says it is, or "" if it says nothing: it drops its
// clients when it changes.
func role(s *redistest.Server) string {
	client := s.Client()
	defer func() { _ = client.Close() }()
	info, err := client.Info(context.Background(), "replication").Result()
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(info, "role:")
	name, _, _ := strings.Cut(after, "\r\n")
	return name
}

func TestAFailoverBySentinels(t *testing.T) {
	t.Parallel()
	failoverBySentinels(t, redistest.Loopback())
}

func failoverBySentinels(t *testing.T, h redistest.Host) {
	t.Helper()
	s := h.StartSentinels(t, 1)
	a, b := dial(t, s.URL(), redisstore.Options{}), dial(t, s.URL(), redisstore.Options{})
	a.deal(100)
	b.serve(50)
	b.must(b.claim(3))
	confirmed(t, s.URL())
	meet(a, b)
	before := a.counters()

	began := time.Now()
	s.Master.Kill()
	together([]*node{a, b}, (*node).sweep)
	t.Logf("the store works again after %v", time.Since(began))
	a.stands(before)
	if first := a.deal(1); first != 101 {
		t.Errorf("dealt %d, want 101", first)
	}
	b.must(b.claim(50))

	// The old master comes back with nothing, and for a moment takes itself for one.
	before = b.counters()
	s.Master.Run()
	for end := time.Now().Add(patience); role(s.Master) != "slave"; time.Sleep(50 * time.Millisecond) {
		b.stands(before)
		if time.Now().After(end) {
			t.Fatal("the old master doesn't follow the new one")
		}
	}
	if first := b.deal(1); first != 102 {
		t.Errorf("dealt %d, want 102", first)
	}
}

func TestAFailoverBySentinelsOfValkey(t *testing.T) {
	t.Parallel()
	failoverBySentinels(t, redistest.Valkey(t))
}
