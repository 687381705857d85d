package load_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/load"
	"github.com/anteroom-dev/anteroom/internal/load/report"
	"github.com/anteroom-dev/anteroom/internal/server"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

const (
	callback = "http://shop.localhost/callback"
	secret   = "s3cretS3cretS3cretS3cret"
	token    = "operatorOperatorOperator"
)

// site runs a server with one client and one room, and returns options that let a
// small crowd come to it.
func site(t *testing.T, inlet string, around func(waitingroom.Store) waitingroom.Store) load.Options {
	t.Helper()
	return siteAt(t, "http://localhost:8080", inlet, around)
}

func siteAt(t *testing.T, issuer, inlet string, around func(waitingroom.Store) waitingroom.Store) load.Options {
	t.Helper()
	sum := sha256.Sum256([]byte(secret))
	c, err := config.Parse(fmt.Appendf(nil, `
issuer: %s
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0"}
store: {url: "memory:"}
rooms: [{id: sale, inlet: %s}]
clients: [{id: shop, secret_sha256: %s, room: sale, redirect_uris: [%s]}]
`, issuer, inlet, hex.EncodeToString(sum[:]), callback), t.TempDir(),
		[]string{"ANTEROOM_MANAGEMENT_TOKEN=" + token, "ANTEROOM_SECRET=" + strings.Repeat("m", 32)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Config: c, AroundStore: around, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	management := "http://" + s.ManagementAddr().String()
	ready(t, management+"/readyz")
	return load.Options{
		Issuer: issuer, Via: []string{"http://" + s.PublicAddr().String()},
		Client: "shop", Secret: secret, RedirectURI: callback, Scope: "openid offline_access", Room: "sale",
		Visitors: 100, Arrivals: load.Poisson, Over: time.Second, Patience: load.Always(load.Never), Stay: load.Always(time.Second),
		Management: []*admin.Client{{URL: management, Token: token}}, Alone: true, Stale: 5 * time.Second,
		Connections: 16, Timeout: 5 * time.Second, For: 30 * time.Second, Seed: 1,
	}
}

// ready waits until the server has a key to sign with.
func ready(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if got, err := http.Get(address); err == nil {
			got.Body.Close()
			if got.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is still not ready")
		}
	}
}

func rehearse(t *testing.T, o load.Options) *report.Report {
	t.Helper()
	got, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := got.Text(&b); err != nil {
		t.Fatal(err)
	}
	t.Log(b.String())
	return got
}

// broken returns the names of the invariants that were broken.
func broken(a report.Audit) (names []string) {
	for _, c := range a.Checks {
		if c.Breaches > 0 {
			names = append(names, c.Invariant)
		}
	}
	return names
}

func TestACrowdGoesThroughTheLine(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: manual}", nil)
	o.Visitors, o.API, o.NoShow, o.Refresh, o.Replay, o.Return = 300, 0.2, 0.1, 0.5, 0.1, 0.3
	o.Serve = load.Rate{N: 20, Every: 200 * time.Millisecond}
	got := rehearse(t, o)
	if !got.Audit.Passed || len(broken(got.Audit)) > 0 || len(got.Audit.Notes) > 0 {
		t.Errorf("the audit: %+v", got.Audit)
	}
	c := got.Crowd
	if c.Arrived != 300 || c.Queued != 300 || c.Admitted+c.NoShow+c.Served != 300 || c.Left != c.Admitted || c.Waiting != 0 {
		t.Errorf("the crowd: %+v", c)
	}
	if c.Admitted < 150 || c.NoShow == 0 || c.Served < 30 {
		t.Errorf("the shares of the crowd: %+v", c)
	}
	kinds := make(map[string]report.Requests)
	for _, k := range got.Requests {
		kinds[k.Kind] = k
		if k.Failures() > 0 || k.Latency.Count != k.Count || k.Latency.P50 <= 0 || k.Latency.P50 > k.Latency.Max || k.Latency.P99 < k.Service.P50 {
			t.Errorf("%s: %+v", k.Kind, k)
		}
	}
	for _, kind := range []string{
		"authorize", "waiting page", "poll", "enter", "token", "userinfo", "refresh", "code again", "logout", "API join", "API position", "API poll",
	} {
		if kinds[kind].Count == 0 {
			t.Errorf("there was no request of kind %q", kind)
		}
	}
	last := got.Timeline[len(got.Timeline)-1]
	if last.Waiting != 0 || last.Serving < 300 || last.OnSite != 0 {
		t.Errorf("the timeline ends with %+v", last)
	}
	for _, check := range got.Audit.Checks {
		if check.Looked == 0 {
			t.Errorf("nothing was looked at for %s", check.Invariant)
		}
	}
}

// Over https the cookies have other names, and nodes have the issuer's certificate.
func TestACrowdComesOverHTTPSToTwoNodes(t *testing.T) {
	t.Parallel()
	o := siteAt(t, "https://example.com/line", "{kind: open}", nil)
	target, err := url.Parse(o.Via[0])
	if err != nil {
		t.Fatal(err)
	}
	var met [2]atomic.Int64
	o.Via, o.Own, o.Visitors, o.Stay, o.Over = nil, []string{"example.com"}, 10, load.Always(0), 0
	for i := range met {
		node := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			met[i].Add(1)
			(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}).ServeHTTP(w, r)
		}))
		defer node.Close()
		o.Via = append(o.Via, node.URL)
		o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		o.TLS.RootCAs.AddCert(node.Certificate()) // For example.com, the same for both.
	}
	got := rehearse(t, o)
	if !got.Audit.Passed || got.Crowd.Left != 10 {
		t.Errorf("the crowd: %+v, the audit: %+v", got.Crowd, got.Audit)
	}
	if met[0].Load() < 20 || met[1].Load() < 20 {
		t.Errorf("the nodes met %d and %d requests", met[0].Load(), met[1].Load())
	}
}

func TestPatienceAndTimeEnd(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: manual}", nil)
	o.Visitors, o.For = 20, 3*time.Second
	if err := o.Patience.Set("1s-20s"); err != nil {
		t.Fatal(err)
	}
	got := rehearse(t, o)
	if got.Crowd.GaveUp == 0 || got.Crowd.Waiting == 0 || got.Crowd.GaveUp+got.Crowd.Waiting != 20 {
		t.Errorf("the crowd: %+v", got.Crowd)
	}
	if got.Ended != "its time was up" || got.Seconds > 10 {
		t.Errorf("it ended as %s, after %v s", got.Ended, got.Seconds)
	}
}

func TestAnInterruptionGivesTheReportSoFar(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: open}", nil)
	o.Stay, o.Visitors, o.Over = load.Always(time.Hour), 10, 0
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got, err := load.Run(ctx, o)
	if err != nil || got.Ended != "it was interrupted" || got.Crowd.OnSite != 10 || got.Crowd.Admitted != 10 {
		t.Errorf("the report is %+v, error %v", got, err)
	}
}

func TestACapacityRoomIsNeverOverfull(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: capacity, max: 8}", nil)
	o.Visitors, o.Capacity, o.Stay = 20, 8, load.Always(300*time.Millisecond)
	got := rehearse(t, o)
	if !got.Audit.Passed || got.Crowd.Left != 20 {
		t.Errorf("the crowd: %+v, the audit: %+v", got.Crowd, got.Audit)
	}
}

// A reset ends all places and visits, and deals the same positions again. That is what
// it is for.
func TestAResetIsNoBreach(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: manual}", nil)
	o.Visitors, o.API, o.Over, o.Stay, o.For = 60, 0.2, 4*time.Second, load.Always(10*time.Second), 6*time.Second
	o.Serve = load.Rate{N: 3, Every: 200 * time.Millisecond}
	reset := time.AfterFunc(2*time.Second, func() {
		if err := o.Management[0].Reset(context.Background(), "sale"); err != nil {
			t.Error(err)
		}
	})
	defer reset.Stop()
	got := rehearse(t, o)
	if len(broken(got.Audit)) > 0 {
		t.Errorf("breaches: %+v", got.Audit.Breaches)
	}
	if got.Crowd.TurnedAway == 0 || got.Audit.Checks[0].Left == 0 {
		t.Errorf("nobody noticed: %+v, %+v", got.Crowd, got.Audit.Checks)
	}
}

// A server behind a bad network is no broken server. Requests are lost on their way
// and answers on the way back, after they took effect; some are late.
func TestLostAndLateRepliesAreNoBreach(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: capacity, max: 40}", nil)
	target, err := url.Parse(o.Via[0])
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	server := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ErrorLog: log.New(io.Discard, "", 0),
	}
	network := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch i := n.Add(1); {
		case i%23 == 0:
			panic(http.ErrAbortHandler) // Lost on the way there.
		case i%13 == 0:
			server.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // Lost on the way back.
		case i%7 == 0:
			time.Sleep(100 * time.Millisecond) // A network's, not a test's.
		}
		server.ServeHTTP(w, r)
	}))
	network.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer network.Close()
	o.Via = []string{network.URL}
	o.Visitors, o.API, o.Refresh, o.Replay, o.Return, o.Capacity = 50, 0.1, 0.5, 0.2, 0.5, 40
	o.For = 8 * time.Second
	got := rehearse(t, o)
	if len(broken(got.Audit)) > 0 {
		t.Errorf("breaches: %+v", got.Audit.Breaches)
	}
	if c := got.Crowd; c.Admitted < 20 || c.Failed > 0 {
		t.Errorf("the crowd: %+v", c)
	}
}

// All come from one address. If they looked like one browser, too, a server would take them
// for its tabs and let them rest before they join, which no real crowd meets.
func TestEachVisitorIsABrowserOfItsOwn(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: open}", nil)
	target, err := url.Parse(o.Via[0])
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	agents := make(map[string]int) // How many logins each started.
	server := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
	}
	network := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/authorize" {
			mu.Lock()
			agents[r.UserAgent()]++
			mu.Unlock()
		}
		server.ServeHTTP(w, r)
	}))
	defer network.Close()
	o.Via, o.Visitors, o.Stay = []string{network.URL}, 10, load.Always(0)
	if c := rehearse(t, o).Crowd; c.Admitted != 10 {
		t.Fatalf("the crowd: %+v", c)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(agents) != 10 {
		t.Errorf("10 visitors came as %d browsers: %v", len(agents), agents)
	}
}

// A rehearsal with a wrong secret or address met errors alone, and was told to have
// passed.
func TestARehearsalThatSawNothingHasNotPassed(t *testing.T) {
	t.Parallel()
	o := site(t, "{kind: manual}", nil)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	o.Via, o.Visitors = []string{elsewhere.URL}, 3
	got := rehearse(t, o)
	if got.Audit.Passed || len(broken(got.Audit)) > 0 {
		t.Errorf("passed: %v, breaches: %+v", got.Audit.Passed, got.Audit.Breaches)
	}
	if s := got.Audit.Sentence(); !strings.HasPrefix(s, "The audit saw nothing") {
		t.Errorf("it says %q", s)
	}
}

// What a broken server does is found, by the invariant that it breaks.
func TestABrokenServerIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		inlet  string
		around func(waitingroom.Store) waitingroom.Store
		alter  func(*load.Options)
		want   string
	}{
		"a store that deals positions twice": {
			"{kind: manual}", func(s waitingroom.Store) waitingroom.Store { return &twice{Store: s} },
			func(o *load.Options) { o.For = 4 * time.Second }, "I1",
		},
		"a store that serves early": {
			"{kind: manual}", func(s waitingroom.Store) waitingroom.Store { return &early{Store: s} },
			func(o *load.Options) { o.Serve = load.Rate{N: 1, Every: time.Second}; o.For = 5 * time.Second }, "I3",
		},
		"a store that admits over capacity": {
			"{kind: capacity, max: 4}", func(s waitingroom.Store) waitingroom.Store { return &roomy{Store: s} },
			func(o *load.Options) { o.Capacity, o.Stay, o.For = 4, load.Always(2*time.Second), 4*time.Second }, "I6",
		},
		"a store that takes codes twice": {
			"{kind: open}", func(s waitingroom.Store) waitingroom.Store { return &gullible{Store: s} },
			func(o *load.Options) { o.Replay, o.Visitors = 1, 10 }, "I4",
		},
		"a store that forgets sessions": {
			"{kind: open}", func(s waitingroom.Store) waitingroom.Store { return &forgetful{Store: s} },
			func(o *load.Options) { o.Visitors = 10 }, "I5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := site(t, test.inlet, test.around)
			o.Visitors = 30
			test.alter(&o)
			got := rehearse(t, o)
			if got.Audit.Passed || !slices.Contains(broken(got.Audit), test.want) {
				t.Errorf("broken: %q, want %s among them", broken(got.Audit), test.want)
			}
		})
	}
}

// twice deals the last position of each batch again.
type twice struct {
	waitingroom.Store
	calls atomic.Int64
}

func (s *twice) Advance(ctx context.Context, room string, a waitingroom.Advance) (int64, waitingroom.Counters, error) {
	first, c, err := s.Store.Advance(ctx, room, a)
	if s.calls.Add(1)%3 == 0 && first > 1 {
		first--
	}
	return first, c, err
}

// early serves five more than it is asked to.
type early struct{ waitingroom.Store }

func (s *early) Serve(ctx context.Context, room string, order waitingroom.Serve) (waitingroom.Counters, error) {
	if order.By > 0 {
		order.By += 5
	}
	return s.Store.Serve(ctx, room, order)
}

// roomy has three more slots than it is told.
type roomy struct{ waitingroom.Store }

func (s *roomy) Configure(ctx context.Context, room string, revision int64, settings waitingroom.Settings) (waitingroom.Counters, error) {
	settings.Capacity += 3
	return s.Store.Configure(ctx, room, revision, settings)
}

// gullible takes each redemption of a code for a repetition of the first.
type gullible struct{ waitingroom.Store }

func (s *gullible) TakeCode(ctx context.Context, room string, t waitingroom.TakeCode) (waitingroom.Taken, waitingroom.Counters, error) {
	t.Op = waitingroom.OpID(t.Hash[:16])
	return s.Store.TakeCode(ctx, room, t)
}

// forgetful loses sessions after half a second.
type forgetful struct{ waitingroom.Store }

func (s *forgetful) Lookup(ctx context.Context, room string, t waitingroom.Ticket) (waitingroom.Standing, waitingroom.Counters, error) {
	standing, c, err := s.Store.Lookup(ctx, room, t)
	if err == nil && standing.State == waitingroom.StateActive && c.Now.Sub(standing.Session.Admitted) > 500*time.Millisecond {
		standing = waitingroom.Standing{State: waitingroom.StateSpent}
	}
	return standing, c, err
}
