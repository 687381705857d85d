package redisstore_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// A refusal is a way in which a real server says no.
type refusal struct {
	reply, why string // What its replies begin with, and when it says so.
	// provoke returns the node that is refused, which is the given one or another, and
	// what lets the server say yes again.
	provoke func(*testing.T, *redistest.Server, *node) (refused *node, heal func())
}

func refusals() []refusal {
	return []refusal{
		{"OOM", "memory is full", option("maxmemory", "1mb", "0")},
		{"NOREPLICAS", "replicas are missing that it shall have", option("min-replicas-to-write", "1", "0")},
		{"MISCONF", "a snapshot couldn't be written", failingSnapshot},
		{"READONLY", "it is a replica", replica},
		{"MASTERDOWN", "it is a replica without its master, and told to say so", func(t *testing.T, s *redistest.Server, n *node) (*node, func()) {
			s.Do("CONFIG", "SET", "replica-serve-stale-data", "no")
			return replica(t, s, n)
		}},
		{"BUSY", "somebody's script runs too long", busyScript},
		{"LOADING", "it reads its data", loading},
		{"NOAUTH", "the password is missing", password("redis://")},
		{"WRONGPASS", "the password is another one", password("redis://:another@")},
		{"NOPERM", "the user may run no scripts", func(t *testing.T, s *redistest.Server, _ *node) (*node, func()) {
			s.Do("ACL", "SETUSER", "line", "on", ">secret", "~*", "&*", "+@all", "-@scripting")
			return stranger(t, "redis://line:secret@"+s.Addr), func() {}
		}},
	}
}

func option(name, value, back string) func(*testing.T, *redistest.Server, *node) (*node, func()) {
	return func(_ *testing.T, s *redistest.Server, n *node) (*node, func()) {
		s.Do("CONFIG", "SET", name, value)
		return n, func() { s.Do("CONFIG", "SET", name, back) }
	}
}

// failingSnapshot lets a folder stand where the snapshot goes.
func failingSnapshot(t *testing.T, s *redistest.Server, n *node) (*node, func()) {
	dir, _ := s.Do("CONFIG", "GET", "dir").(map[any]any)["dir"].(string)
	dump := filepath.Join(dir, "dump.rdb")
	if err := os.Mkdir(dump, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Do("CONFIG", "SET", "save", "3600 1000000")
	s.Do("BGSAVE")
	await(t, "a snapshot that failed", func() bool {
		info, _ := s.Do("INFO", "persistence").(string)
		return strings.Contains(info, "rdb_last_bgsave_status:err")
	})
	return n, func() { s.Do("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") }
}

// replica lets the server follow one that isn't there, so that it keeps what it has.
func replica(_ *testing.T, s *redistest.Server, n *node) (*node, func()) {
	s.Do("REPLICAOF", "127.0.0.1", "1")
	return n, func() { s.Do("REPLICAOF", "NO", "ONE") }
}

func busyScript(t *testing.T, s *redistest.Server, n *node) (*node, func()) {
	s.Do("CONFIG", "SET", "busy-reply-threshold", "1")
	ended := make(chan error)
	client := s.Client().WithTimeout(patience)
	t.Cleanup(func() { _ = client.Close() })
	go func() { ended <- client.Eval(context.Background(), "while true do end", nil).Err() }()
	awaitReply(t, s, "BUSY ")
	return n, func() { s.Do("SCRIPT", "KILL"); <-ended }
}

// loading lets the server read its data anew, slowly.
func loading(t *testing.T, s *redistest.Server, n *node) (*node, func()) {
	s.Do("DEBUG", "POPULATE", 10000, "key", 2048)
	s.Do("CONFIG", "SET", "loading-process-events-interval-bytes", "1024", "key-load-delay", "20000")
	ended := make(chan error)
	client := s.Client().WithTimeout(patience)
	t.Cleanup(func() { _ = client.Close() })
	go func() { ended <- client.Do(context.Background(), "DEBUG", "RELOAD").Err() }()
	awaitReply(t, s, "LOADING ")
	return n, func() {
		s.Do("CONFIG", "SET", "key-load-delay", "0")
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// password lets the server ask for a password from now on. Who is there may stay.
func password(scheme string) func(*testing.T, *redistest.Server, *node) (*node, func()) {
	return func(t *testing.T, s *redistest.Server, _ *node) (*node, func()) {
		client := s.Client()
		t.Cleanup(func() { _ = client.Close() })
		set := func(password string) {
			if err := client.ConfigSet(context.Background(), "requirepass", password).Err(); err != nil {
				t.Fatal(err)
			}
		}
		set("secret")
		return stranger(t, scheme+s.Addr), func() { set("") }
	}
}

// stranger returns a node that hasn't spoken to a server.
func stranger(t *testing.T, url string) *node {
	t.Helper()
	store, err := redisstore.Open(url, redisstore.Options{})
	n := newNode(t, store, err)
	t.Cleanup(func() { _ = store.Close() })
	return n
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func awaitReply(t *testing.T, s *redistest.Server, prefix string) {
	t.Helper()
	client := s.Client()
	defer func() { _ = client.Close() }()
	await(t, prefix, func() bool {
		err := client.Get(context.Background(), "nothing").Err()
		return err != nil && strings.HasPrefix(err.Error(), prefix)
	})
}

// order is a verb that changes something, with a name for a repeated call.
type order struct {
	name string
	call func() error
}

// visited lets a node of a new room deal ten positions, serve six of them, let in 1 and
// make a code for 2.
func (n *node) visited() (code waitingroom.Code) {
	n.deal(10)
	n.serve(6)
	n.must(n.claim(1))
	code = waitingroom.Code{Hash: [32]byte{2}, Login: [16]byte{2}, Client: "shop", Life: time.Hour}
	n.must(n.claimWith(2, &code))
	meet(n)
	return code
}

func (n *node) claimWith(position int64, code *waitingroom.Code) error {
	ticket := waitingroom.Ticket{Position: position}
	ticket.ID[1] = byte(position)
	_, _, err := n.Claim(n.Context(), room, waitingroom.Claim{Ticket: ticket, Holder: [32]byte{1}, Code: code})
	return err
}

// orders are all that would change a room that was visited.
func (n *node) orders(code waitingroom.Code) []order {
	ctx := n.Context()
	op := waitingroom.NewOpID()
	again := code
	again.Hash, again.Login = [32]byte{3}, [16]byte{3}
	configured := lasting()
	configured.SessionTTL /= 2
	var id waitingroom.RequestID
	id[1] = 1
	return []order{
		{"Advance", func() error {
			_, _, err := n.Advance(ctx, room, waitingroom.Advance{Node: n.name, Seq: n.seq + 1, N: 1})
			return err
		}},
		{"Serve", func() error {
			_, err := n.Serve(ctx, room, waitingroom.Serve{By: 1, Op: op})
			return err
		}},
		{"Claim", func() error { return n.claimWith(3, nil) }},
		{"Claim with a code", func() error { return n.claimWith(4, &again) }},
		{"TakeCode", func() error {
			_, _, err := n.TakeCode(ctx, room, waitingroom.TakeCode{Hash: code.Hash, Client: code.Client, Op: op})
			return err
		}},
		{"End", func() error {
			_, err := n.End(ctx, room, id, waitingroom.StatusAbandoned, time.Time{})
			return err
		}},
		{"Configure", func() error { _, err := n.Configure(ctx, room, 2, configured); return err }},
		{"Lease", func() error { _, _, err := n.Lease(ctx, room, op, time.Hour); return err }},
		{"Keep", func() error { _, err := n.Keep(ctx, "name", []byte("value"), 0); return err }},
		{"Reset", func() error { _, err := n.Reset(ctx, room, op, 0); return err }},
	}
}

// contents returns a digest of each key that a server keeps, but for when nodes were last heard of and
// what [loading] made.
func contents(s *redistest.Server) map[string]string {
	all := make(map[string]string)
	for _, key := range s.Do("KEYS", "*").([]any) {
		if key := key.(string); key != "{"+room+"}:m" && !strings.HasPrefix(key, "key:") {
			all[key] = s.Do("DEBUG", "DIGEST-VALUE", key).([]any)[0].(string)
		}
	}
	return all
}

// refused sees that no order gets through.
func (n *node) refused(reply string, orders []order) {
	n.Helper()
	for _, o := range orders {
		err := o.call()
		told := reply == "NOAUTH" || err != nil && strings.Contains(err.Error(), reply+" ")
		if !errors.Is(err, waitingroom.ErrUnavailable) || !told {
			n.Errorf("%s: got %v, want ErrUnavailable for %s", o.name, err, reply)
		}
	}
}

// but returns orders without those of a name.
func but(orders []order, names ...string) []order {
	return slices.DeleteFunc(orders, func(o order) bool { return slices.Contains(names, o.name) })
}

func TestErrorRepliesMeanThatTheStoreIsAwayAndLeaveNothingBehind(t *testing.T) {
	for _, r := range refusals() {
		t.Run(r.reply+", as "+r.why, func(t *testing.T) {
			server := redistest.Start(t, "--enable-debug-command", "local")
			n := join(t, server, lasting())
			code := n.visited()
			before, kept := n.counters(), contents(server)

			refused, heal := r.provoke(t, server, n)
			orders := refused.orders(code)
			switch r.reply {
			case "OOM":
				// These begin by freeing memory, and then may do all the rest.
				orders = but(orders, "Keep", "Reset")
			case "NOAUTH":
				// To strangers a server says so only if they ask for little.
				if err := refused.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NOAUTH ") {
					t.Errorf("the check: %v", err)
				}
			}
			refused.refused(r.reply, orders)
			heal()
			if diff := cmp.Diff(kept, contents(server)); diff != "" {
				t.Errorf("the server's keys (-before +after):\n%s", diff)
			}
			n.sweep()
			n.stands(before)
			for _, o := range n.orders(code) {
				if err := o.call(); err != nil {
					t.Errorf("%s afterwards: %v", o.name, err)
				}
			}
		})
	}
}

// A cluster that lost a master and its replica says so for all slots.
func TestAClusterThatIsDownMeansThatTheStoreIsAway(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	n := dial(t, clusterURL("redis", servers), redisstore.Options{})
	code := n.visited()
	before := n.counters()
	has := master(t, servers)
	var gone []*redistest.Server
	for _, s := range servers[:3] {
		if s != has {
			id := s.Do("CLUSTER", "MYID").(string)
			for _, other := range servers[3:] {
				if strings.Contains(other.Do("CLUSTER", "NODES").(string), "myself,slave "+id) {
					gone = append(gone, other)
				}
			}
			gone = append(gone, s)
			break
		}
	}
	kept := contents(has)
	for _, s := range gone { // The replica first, so that it doesn't take over.
		s.Kill()
	}
	awaitReply(t, has, "CLUSTERDOWN ")
	n.refused("CLUSTERDOWN", but(n.orders(code), "Keep")) // Which may be for the dead.
	for _, s := range gone {
		s.Run()
	}
	await(t, "the cluster", func() bool { return strings.Contains(has.Do("CLUSTER", "INFO").(string), "cluster_state:ok") })
	if diff := cmp.Diff(kept, contents(has)); diff != "" {
		t.Errorf("the server's keys (-before +after):\n%s", diff)
	}
	n.sweep()
	n.stands(before)
	for _, o := range n.orders(code) {
		n.again(o.name, o.call)
	}
}

// A URL that names one server of a cluster gets somebody else's address for an answer.
func TestOneServerThatIsPartOfAClusterIsNotFollowedElsewhere(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	n := dial(t, clusterURL("redis", servers), redisstore.Options{})
	code := n.visited()
	before := n.counters()
	has := master(t, servers)
	for _, s := range servers {
		if s != has {
			to := stranger(t, "redis://"+s.Addr)
			to.refused("MOVED", but(to.orders(code), "Keep")) // Which may be for this one.
		}
	}
	n.stands(before)
}

// While a slot moves from one master to another, part of a room's keys is here and part
// there: nothing may be done with either, and all is well afterwards.
func TestASlotThatMovesTakesTheRoomWithIt(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	n := dial(t, clusterURL("redis", servers), redisstore.Options{})
	code := n.visited()
	before := n.counters()
	from := master(t, servers)
	to := servers[0]
	if to == from {
		to = servers[1]
	}
	kept := contents(from)
	slot := from.Do("CLUSTER", "KEYSLOT", "{"+room+"}:r")
	fromID, toID := from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	ip, port, _ := net.SplitHostPort(to.Addr)
	for _, key := range from.Do("CLUSTER", "GETKEYSINSLOT", slot, 100).([]any) {
		for _, o := range n.orders(code)[:4] {
			if err := o.call(); !errors.Is(err, waitingroom.ErrUnavailable) {
				t.Errorf("%s before %q has moved: %v", o.name, key, err)
			}
		}
		from.Do("MIGRATE", ip, port, key, 0, 5000)
	}
	to.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	from.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	if diff := cmp.Diff(kept, contents(to)); diff != "" {
		t.Errorf("the keys (-before +after):\n%s", diff)
	}
	n.sweep()
	n.stands(before)
	for _, o := range n.orders(code) {
		n.again(o.name, o.call)
	}
}
