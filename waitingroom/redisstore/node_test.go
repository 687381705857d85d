package redisstore_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

const room = "sale"

// patience is longer than anything takes on a machine that is very busy. Sentinels that
// get no turn for two seconds do nothing for thirty.
const patience = 2 * time.Minute

// node is a node of an installation, as far as the store sees it.
type node struct {
	*testing.T
	*redisstore.Store
	name waitingroom.OpID
	seq  uint64
}

func rules() waitingroom.Settings {
	return waitingroom.Settings{PositionTTL: 2 * time.Second, SessionTTL: time.Hour, SessionMax: time.Hour}
}

// lasting are rules by which nothing expires while a test runs.
func lasting() waitingroom.Settings {
	set := rules()
	set.PositionTTL = time.Hour
	return set
}

// newNode returns a node that knows nothing yet. If the store forgets, it waits for
// the nodes that it knows of, however busy the machine is.
func newNode(t *testing.T, store *redisstore.Store, err error) *node {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	store.SetWindow(patience)
	return &node{T: t, Store: store, name: waitingroom.NewOpID()}
}

// join returns a node over a server, with the rules configured.
func join(t *testing.T, server *redistest.Server, set waitingroom.Settings) *node {
	t.Helper()
	store, err := redisstore.New(server.Client(), redisstore.Options{})
	return newNode(t, store, err).configured(set)
}

// dial returns a node over what a URL names, with the rules configured.
func dial(t *testing.T, url string, o redisstore.Options) *node {
	t.Helper()
	store, err := redisstore.Open(url, o)
	n := newNode(t, store, err).configured(lasting())
	t.Cleanup(func() { _ = store.Close() })
	return n
}

// configured configures the rules, and waits for nobody who might know a new room.
func (n *node) configured(set waitingroom.Settings) *node {
	n.Helper()
	n.SetWindow(0)
	n.again("configure", func() error {
		_, err := n.Configure(n.Context(), room, 1, set)
		return err
	})
	n.SetWindow(patience)
	return n
}

// meet lets nodes hear of each other.
func meet(nodes ...*node) {
	for range 2 {
		for _, n := range nodes {
			n.counters()
		}
	}
}

func (n *node) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// again repeats a call until the store answers, as a node's visitors do.
func (n *node) again(what string, call func() error) {
	n.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := call()
		if err == nil {
			return
		}
		if !errors.Is(err, waitingroom.ErrUnavailable) || time.Now().After(end) {
			n.Fatalf("%s: %v", what, err)
		}
	}
}

func (n *node) counters() (c waitingroom.Counters) {
	n.Helper()
	n.again("counters", func() (err error) {
		c, err = n.Counters(n.Context(), room)
		return err
	})
	return c
}

func (n *node) deal(count int) (first int64) {
	n.Helper()
	n.seq++
	n.again("deal", func() (err error) {
		first, _, err = n.Advance(n.Context(), room, waitingroom.Advance{Node: n.name, Seq: n.seq, N: count})
		return err
	})
	return first
}

func (n *node) serve(to int64) {
	n.Helper()
	op := waitingroom.NewOpID()
	n.again("serve", func() error {
		_, err := n.Serve(n.Context(), room, waitingroom.Serve{To: &to, Op: op})
		return err
	})
}

// sweep is what each node does once a second.
func (n *node) sweep() {
	n.Helper()
	n.again("sweep", func() error {
		_, _, err := n.Sweep(n.Context(), room, 100)
		return err
	})
}

// claim takes up the turn of the visitor who was dealt a position first.
func (n *node) claim(position int64) error { return n.claimBy(0, position) }

// claimBy takes up the turn of one of several visitors who were dealt the same
// position.
func (n *node) claimBy(visitor byte, position int64) error {
	n.Helper()
	ticket := waitingroom.Ticket{Generation: n.counters().Generation, Position: position}
	ticket.ID[0], ticket.ID[1], ticket.ID[2] = byte(position>>8), byte(position), visitor
	_, _, err := n.Claim(n.Context(), room, waitingroom.Claim{Ticket: ticket, Holder: [32]byte{1}})
	return err
}

// stands compares what is told of a room with what was told before, without times
// and numbers of versions.
func (n *node) stands(before waitingroom.Counters) {
	n.Helper()
	after := n.counters()
	for _, c := range []*waitingroom.Counters{&before, &after} {
		c.Now, c.Sequence, c.Version = time.Time{}, 0, 0
	}
	if diff := cmp.Diff(before, after); diff != "" {
		n.Errorf("the room (-before +after):\n%s", diff)
	}
}

// together runs something on several nodes at the same time.
func together(nodes []*node, do func(*node)) {
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { do(n) })
	}
	wg.Wait()
}
