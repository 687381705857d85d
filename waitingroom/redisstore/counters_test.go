package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// trips counts what a client sends.
type trips struct{ pipelines, single atomic.Int64 }

func (t *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (t *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { t.single.Add(1); return next(ctx, cmd) }
}

func (t *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { t.pipelines.Add(1); return next(ctx, cmds) }
}

// poll returns what a store answers for rooms, and fails if that isn't one answer
// for each.
func poll(t *testing.T, s *redisstore.Store, rooms []string) map[string]int64 {
	t.Helper()
	dealt := make(map[string]int64)
	var mu sync.Mutex
	s.Poll(t.Context(), rooms, func(room string, c waitingroom.Counters, err error) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := dealt[room]; twice || err != nil {
			t.Errorf("%s is answered %v, before: %v", room, err, twice)
		}
		dealt[room] = c.Dealt
	})
	if len(dealt) != len(rooms) {
		t.Errorf("%d answers for %d rooms", len(dealt), len(rooms))
	}
	return dealt
}

// lines returns a store with as many rooms, into each of which another number of
// visitors has come, and these numbers.
func lines(t *testing.T, client redis.UniversalClient, n int) (_ *redisstore.Store, rooms []string, dealt map[string]int64) {
	t.Helper()
	s, err := redisstore.New(client, redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.SetWindow(0)
	dealt = make(map[string]int64)
	for i := range n {
		room := fmt.Sprintf("room-%d", i)
		rooms = append(rooms, room)
		if _, err := s.Configure(t.Context(), room, 1, rules()); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.Advance(t.Context(), room, waitingroom.Advance{Node: waitingroom.NewOpID(), Seq: 1, N: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		dealt[room] = int64(i + 1)
	}
	return s, rooms, dealt
}

func TestAPollOfManyRoomsIsOnePipeline(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	s, rooms, want := lines(t, client, 50)
	poll(t, s, rooms) // Which loads the script.
	var sent trips
	client.AddHook(&sent)
	if diff := cmp.Diff(want, poll(t, s, rooms)); diff != "" {
		t.Errorf("positions dealt (-want +got):\n%s", diff)
	}
	if pipelines, single := sent.pipelines.Load(), sent.single.Load(); pipelines != 1 || single != 0 {
		t.Errorf("%d pipelines and %d single commands, want 1 and 0", pipelines, single)
	}
	for _, command := range [][]any{{"SCRIPT", "FLUSH"}, {"FLUSHALL"}} {
		server.Do(command...)
		if diff := cmp.Diff(want, poll(t, s, rooms)); diff != "" {
			t.Errorf("after %v: positions dealt (-want +got):\n%s", command, diff)
		}
	}
	other, err := redisstore.New(server.Client(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	c, err := other.Counters(t.Context(), rooms[7])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Reset(t.Context(), rooms[7], waitingroom.NewOpID(), c.Generation); err != nil {
		t.Fatal(err)
	}
	want[rooms[7]] = 0
	if diff := cmp.Diff(want, poll(t, s, rooms)); diff != "" {
		t.Errorf("another node has reset a room: positions dealt (-want +got):\n%s", diff)
	}
}

func TestAPollOfAClusterIsOnePipelineForEachMaster(t *testing.T) {
	servers := redistest.StartCluster(t)
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: addrs, MaxRetries: -1,
		ReadTimeout: 30 * time.Second, // Longer than this test lets a server hang.
	})
	s, rooms, want := lines(t, client, 30)
	poll(t, s, rooms)
	var sent trips
	if err := client.ForEachMaster(t.Context(), func(_ context.Context, master *redis.Client) error {
		master.AddHook(&sent)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, poll(t, s, rooms)); diff != "" {
		t.Errorf("positions dealt (-want +got):\n%s", diff)
	}
	if n := sent.pipelines.Load(); n != 3 {
		t.Errorf("%d pipelines, want 3", n)
	}

	// A master that hangs keeps no room of the others waiting. It goes on only when all
	// of these have been answered.
	hangs := make(map[string]bool)
	for _, room := range rooms {
		master, err := client.MasterForKey(t.Context(), "{"+room+"}:r")
		if err != nil {
			t.Fatal(err)
		}
		if master.Options().Addr == servers[0].Addr {
			hangs[room] = true
		}
	}
	var answered atomic.Int64
	var resumed atomic.Bool
	servers[0].Pause()
	s.Poll(t.Context(), rooms, func(room string, c waitingroom.Counters, err error) {
		switch {
		case hangs[room] && !resumed.Load():
			t.Errorf("%s is answered %v, %v by a server that hangs", room, c, err)
		case hangs[room] && errors.Is(err, waitingroom.ErrUnavailable): // It may have lost its slots meanwhile.
		case err != nil || c.Dealt != want[room]:
			t.Errorf("%s is answered %+v, %v", room, c, err)
		}
		if !hangs[room] && answered.Add(1) == int64(len(rooms)-len(hangs)) {
			resumed.Store(true)
			servers[0].Resume()
		}
	})
	if len(hangs) == 0 || !resumed.Load() {
		t.Errorf("%d of %d rooms were on the server that hung; the others' answers: %d", len(hangs), len(rooms), answered.Load())
	}
}
