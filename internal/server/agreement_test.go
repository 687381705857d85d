package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// neighbor is a node as far as its agreement with others goes.
type neighbor struct {
	*agreement
	t   *testing.T
	log bytes.Buffer
	bad error // What is wrong with the store.
}

func newNeighbor(t *testing.T, vault waitingroom.Vault, text string) *neighbor {
	t.Helper()
	c, err := config.Parse([]byte("issuer: https://wait.example\nstore: {url: \"redis://h\"}\n"+text), t.TempDir(), []string{"ANTEROOM_SECRET=" + strings.Repeat("m", 32)})
	if err != nil {
		t.Fatal(err)
	}
	n := &neighbor{t: t}
	n.agreement = &agreement{
		vault: vault, fit: func(context.Context) error { return n.bad }, own: newFingerprints(c, []byte("key")),
		log: slog.New(slog.NewTextHandler(&n.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})),
	}
	return n
}

func (n *neighbor) starts() {
	n.t.Helper()
	if err := n.announce(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// says checks what the log has said since the last time.
func (n *neighbor) says(want string) {
	n.t.Helper()
	if diff := cmp.Diff(want, n.log.String()); diff != "" {
		n.t.Errorf("the log (-want +got):\n%s", diff)
	}
	n.log.Reset()
}

const (
	twoRooms = "rooms: [{id: sale}, {id: tickets}]\n"
	oneRoom  = "rooms: [{id: sale, inlet: {kind: capacity, max: 5}}]\n"
)

// A node with another configuration changed the capacity of a room for all, and nobody
// was told.
func TestANodeWithAnotherConfigurationIsNoticedOnce(t *testing.T) {
	vault := memstore.New(time.Now)
	defer vault.Close()
	one, two := newNeighbor(t, vault, twoRooms), newNeighbor(t, vault, oneRoom)
	one.starts()
	one.look(t.Context())
	one.says("")

	two.starts()
	two.says(`level=INFO msg="the configuration differs from that of the node that started before; restart all nodes with the same" differs="[room sale room tickets]"` + "\n")
	two.look(t.Context())
	two.says("")
	for range 2 {
		one.look(t.Context())
	}
	one.says(`level=WARN msg="another node was started with another configuration; restart it or this one, so that all have the same" differs="[room sale room tickets]"` + "\n")

	three := newNeighbor(t, vault, twoRooms)
	three.starts()
	for range 2 {
		one.look(t.Context())
	}
	one.says(`level=INFO msg="the node that started last has the same configuration as this one again"` + "\n")
}

func TestNodesDifferInWhatVisitorsMeetAlone(t *testing.T) {
	const client = "clients: [{id: shop, room: sale, redirect_uris: [\"https://shop.example/cb\"], secret_sha256: %s}]\n"
	a, b := fmt.Sprintf(client, strings.Repeat("a", 64)), fmt.Sprintf(client, strings.Repeat("b", 64))
	for name, test := range map[string]struct {
		first, second string
		want          []string
	}{
		"the same":                {twoRooms, twoRooms, nil},
		"addresses and log":       {twoRooms, twoRooms + "listen: \":9090\"\nmanagement: {listen: \"127.0.0.1:9091\"}\nstate_dir: state\nlog: {level: debug}\n", nil},
		"a room's name":           {"rooms: [{id: sale}]\n", "rooms: [{id: sale, name: Sale}]\n", []string{"room sale"}},
		"keys":                    {twoRooms, twoRooms + "keys: {rotate_every: 24h}\n", []string{"keys"}},
		"a client's secret":       {twoRooms + a, twoRooms + b, []string{"client shop"}},
		"a client that is new":    {twoRooms, twoRooms + a, []string{"client shop"}},
		"a secret's upper case":   {twoRooms + a, twoRooms + strings.Replace(a, strings.Repeat("a", 64), strings.Repeat("A", 64), 1), nil},
		"an order of two rooms":   {twoRooms, "rooms: [{id: tickets}, {id: sale}]\n", nil},
		"a value spelt otherwise": {"rooms: [{id: sale, session_ttl: 1h}]\n", "rooms: [{id: sale, session_ttl: 60m}]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := newNeighbor(t, nil, test.first), newNeighbor(t, nil, test.second)
			if diff := cmp.Diff(test.want, one.own.differ(&two.own)); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

// While the master secret is changed, all fingerprints change, and nothing else does.
func TestFingerprintsOfAnotherKeyAreNotCompared(t *testing.T) {
	vault := memstore.New(time.Now)
	defer vault.Close()
	one, two := newNeighbor(t, vault, twoRooms), newNeighbor(t, vault, twoRooms)
	two.own.Key = "another"
	one.starts()
	two.starts()
	two.says("")
	one.look(t.Context())
	one.says("")
}

// A policy that is changed while nodes run was seen by who asked /readyz alone.
func TestAStoreThatIsUnfitIsToldOnce(t *testing.T) {
	vault := memstore.New(time.Now)
	defer vault.Close()
	n := newNeighbor(t, vault, twoRooms)
	n.starts()
	for _, bad := range []error{errors.New("it evicts"), errors.New("it evicts"), waitingroom.ErrUnavailable, errors.New("it evicts")} {
		n.bad = bad
		n.look(t.Context())
	}
	n.says(`level=ERROR msg="the store isn't fit to keep a line" error="it evicts"` + "\n")
	n.bad = nil
	n.look(t.Context())
	n.look(t.Context())
	n.says(`level=INFO msg="the store is fit to keep a line again"` + "\n")
}

func TestAnEmptiedStoreIsToldAnew(t *testing.T) {
	n, other := newNeighbor(t, memstore.New(time.Now), twoRooms), newNeighbor(t, nil, twoRooms)
	n.starts()
	emptied := memstore.New(time.Now)
	defer emptied.Close()
	n.vault, other.vault = emptied, emptied
	n.look(t.Context())
	if kept, err := emptied.Kept(t.Context(), agreementName); err != nil || len(other.differs(kept)) > 0 {
		t.Errorf("it holds %s, %v", kept, err)
	}
	n.says("")
}
