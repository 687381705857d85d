package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/internal/server"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// nodes runs two nodes over one Redis, and returns them with the server.
func nodes(t *testing.T) (one, two *site, redis *redistest.Server) {
	t.Helper()
	redis = redistest.Start(t)
	one = newSite(t, "redis://"+redis.Addr, "{kind: manual}")
	two = &site{T: t, clock: one.clock, dir: one.dir, text: one.text, secrets: one.secrets}
	two.start()
	return one, two, redis
}

// roaming returns a browser whose requests come to the nodes in turns, each over a
// connection of its own, as through a load balancer without affinity.
func roaming(one, two *site) *browser {
	b := one.browser()
	var turn atomic.Int64
	b.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			to := one
			if turn.Add(1)%2 == 0 {
				to = two
			}
			return (&net.Dialer{}).DialContext(ctx, network, *to.public.Load())
		},
	}
	return b
}

func TestAVisitorWalksBetweenNodesAndGetsIn(t *testing.T) {
	one, two, _ := nodes(t)
	first, second := roaming(one, two), roaming(one, two)
	p1, p2 := first.login(), second.login()
	if a, b := first.waits(p1).Position, second.waits(p2).Position; a != 1 || b != 2 {
		t.Errorf("positions %d and %d, want 1 and 2", a, b)
	}
	two.serveOne()
	// Both nodes hear of it at once, not with the next look.
	for _, n := range []*site{one, two} {
		n.until("aware of the counter", func() bool {
			var room struct{ Serving int64 }
			n.manage(http.MethodGet, "/admin/api/rooms/sale", "", &room)
			return room.Serving == 1
		})
	}
	for range 3 { // Whichever node answers.
		second.waits(second.get(p2.Request.URL.String()))
	}
	got, status := first.redeem("shop", first.code(first.get(p1.Request.URL.String())))
	if status != http.StatusOK || got.IDToken == "" {
		t.Fatalf("redeeming answers %d", status)
	}
	for range 2 {
		if info := first.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}}); info.StatusCode != http.StatusOK {
			t.Errorf("userinfo answers %d %s", info.StatusCode, info.text)
		}
	}
	first.code(first.login("prompt", "none"))
}

func TestTabsThatComeToDifferentNodesTakeOnePlace(t *testing.T) {
	one, two, _ := nodes(t)
	b := roaming(one, two)
	before := b.waits(b.login()).Position
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if at := b.waits(b.login()).Position; at != before {
				t.Errorf("position %d, want %d", at, before)
			}
		})
	}
	wg.Wait()
}

// The tabs of a new browser are given a cookie each, by nodes that don't see each
// other's. Once all answers are there, every tab shows the browser's one place, at the
// latest when it is loaded again.
func TestFiftyTabsOfANewBrowserComeToOnePlaceOnTwoNodes(t *testing.T) {
	one, two, _ := nodes(t)
	b := roaming(one, two)
	var pages [tabs]page
	atOnce(func(tab int) { pages[tab] = b.login() })
	t.Logf("%d places were dealt", one.dealt())
	place := b.waits(b.login()).Position
	for tab, p := range pages {
		if p.StatusCode == http.StatusBadRequest {
			p = b.login() // By the link of the page that says so.
		}
		at := b.waits(p)
		if at.State == "unknown" {
			at = b.waits(b.reload(p)) // As the page's script does.
		}
		if at.State != "waiting" || at.Position != place {
			t.Errorf("tab %d stands at %+v, want position %d", tab, at, place)
		}
	}
}

// I5: the line goes on after the store has lost everything.
func TestAFlushedStoreKeepsTheLine(t *testing.T) {
	one, two, redis := nodes(t)
	first, second := roaming(one, two), roaming(one, two)
	p1, p2 := first.login(), second.login()
	one.serveOne()
	for _, n := range []*site{one, two} {
		n.until("aware of the counter", func() bool {
			var room struct{ Serving int64 }
			n.manage(http.MethodGet, "/admin/api/rooms/sale", "", &room)
			return room.Serving == 1
		})
	}
	redis.Do("FLUSHALL")
	if got, status := first.redeem("shop", first.code(first.get(p1.Request.URL.String()))); status != http.StatusOK || got.IDToken == "" {
		t.Errorf("redeeming answers %d", status)
	}
	if at := second.waits(second.get(p2.Request.URL.String())).Position; at != 2 {
		t.Errorf("position %d, want 2", at)
	}
	third := roaming(one, two)
	if at := third.waits(third.login()).Position; at != 3 {
		t.Errorf("the next position is %d, want 3", at)
	}
}

func TestANodeSaysThatItsStoreIsAwayAndThatItIsBack(t *testing.T) {
	one, two, redis := nodes(t)
	b := roaming(one, two)
	p := b.login()
	redis.Kill()
	one.until("not ready", func() bool { return one.manage(http.MethodGet, "/readyz", "", nil) == http.StatusServiceUnavailable })
	if got := b.poll(p); got.State != "waiting" || got.Position != 1 {
		t.Errorf("while the store is away the visitor stands at %+v", got)
	}
	if join := one.browser(); join.login().StatusCode != http.StatusServiceUnavailable {
		t.Error("a newcomer isn't told to come again")
	}
	redis.Run()
	one.until("ready", func() bool { return one.manage(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
	two.until("ready", func() bool { return two.manage(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
	if at := b.waits(b.get(p.Request.URL.String())).Position; at != 1 {
		t.Errorf("position %d, want 1", at)
	}
	if next := roaming(one, two); next.waits(next.login()).Position < 2 {
		t.Error("the next position isn't behind the first")
	}
}

func TestAStoreThatForgetsKeysIsRefused(t *testing.T) {
	one, _, redis := nodes(t)
	redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	var ready struct{ Faults map[string]string }
	if status := one.manage(http.MethodGet, "/readyz", "", &ready); status != http.StatusServiceUnavailable {
		t.Errorf("readiness answers %d", status)
	}
	if !strings.Contains(ready.Faults["store"], "noeviction") {
		t.Errorf("the faults are %v", ready.Faults)
	}
	fresh, err := server.New(server.Options{Config: one.parse()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fresh.Stop(t.Context()) }()
	if err := fresh.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("starting: %v", err)
	}
}

// A node of another installation, such as one for rehearsals with its own secret and
// its own state_dir, used to raise the counters of this one's rooms before it was
// turned away: everybody was let in.
func TestANodeWithAForeignSecretChangesNothing(t *testing.T) {
	redis := redistest.Start(t)
	one := newSite(t, "redis://"+redis.Addr, "{kind: manual}")
	one.browser().login()

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "floors.json"), []byte(`{"sale": {"Dealt": 900, "Serving": 800}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := &site{T: t, clock: one.clock, dir: one.dir, text: one.text + "state_dir: " + dir + "\n", secrets: []string{strings.Repeat("f", 32)}}
	s, err := server.New(server.Options{Config: foreign.parse(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop(t.Context()) }()
	if err := s.Start(t.Context()); !errors.Is(err, waitingroom.ErrForeignSecret) {
		t.Errorf("the start gives %v, want ErrForeignSecret", err)
	}
	if serving := redis.Do("HMGET", "{sale}:r", "serving").([]any)[0]; serving != nil && serving != "0" {
		t.Errorf("the serving counter is %v", serving)
	}
}

// Nodes that were restarted with a new secret on top, as one server is, dealt places that
// those before them could not read: "This link is not valid".
func TestTheMasterSecretIsChangedNodeByNode(t *testing.T) {
	one, two, _ := nodes(t)
	older, newer := one.secrets[0], strings.Repeat("n", 32)
	old := roaming(one, two)
	places := map[*browser]page{old: old.login()}
	for _, secrets := range [][]string{{older, newer}, {newer, older}} {
		for _, n := range []*site{two, one} {
			n.stop()
			n.secrets = secrets
			n.start()
			// One that joins between two restarts is understood by both.
			b := roaming(one, two)
			places[b] = b.login()
			for b, place := range places {
				for range 2 {
					b.waits(b.get(place.Request.URL.String()))
				}
			}
		}
	}
	two.serveOne()
	one.until("aware of the counter", func() bool {
		var room struct{ Serving int64 }
		one.manage(http.MethodGet, "/admin/api/rooms/sale", "", &room)
		return room.Serving == 1
	})
	if got, status := old.redeem("shop", old.code(old.get(places[old].Request.URL.String()))); status != http.StatusOK || got.IDToken == "" {
		t.Errorf("redeeming answers %d", status)
	}
}

func TestANodeSpeaksTLSToAServerThatAnAuthorityOfItsOwnVouchesFor(t *testing.T) {
	h := redistest.Loopback()
	h.Authority = redistest.NewAuthority(t)
	redis := h.Start(t)
	redis.Do("CONFIG", "SET", "requirepass", "p@ss")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "redis-password"), []byte("p@ss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, keys, fault string
	}{
		{"its own", "ca_file: " + h.Authority.File, ""},
		{"another", "ca_file: " + redistest.NewAuthority(t).File, "unknown authority"},
		{"none", "acks: 0", "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := config.Parse(fmt.Appendf(nil, `
issuer: https://wait.example.com
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0"}
store: {url: "rediss://%s", password_file: redis-password, %s}
rooms: [{id: sale}]
`, redis.Addr, test.keys), dir, []string{"ANTEROOM_SECRET=" + strings.Repeat("m", 32)})
			if err != nil {
				t.Fatal(err)
			}
			s, err := server.New(server.Options{Config: c})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Stop(context.Background()) }()
			err = s.Start(t.Context())
			if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
				t.Errorf("starting: %v", err)
			}
		})
	}
}
