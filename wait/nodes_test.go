package wait_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/static"
	"github.com/anteroom-dev/anteroom/templates"
	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// common is a store that two nodes use, as far as newcomers go.
type common struct {
	waitingroom.Store

	mu       sync.Mutex // Guards the rest.
	came     int
	last     time.Time
	browsers map[[16]byte]waitingroom.RequestID
}

func (s *common) Newcomers(_ context.Context, _ string, _ [8]byte, apart time.Duration) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) > apart {
		s.came = 0
	}
	s.came, s.last = s.came+1, time.Now()
	return s.came, nil
}

func (s *common) Remember(_ context.Context, _ string, _ int64, browser [16]byte, dealt, _ waitingroom.RequestID, _ time.Duration) (waitingroom.RequestID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.browsers[browser]; ok {
		return first, nil
	}
	s.browsers[browser] = dealt
	return dealt, nil
}

func (s *common) Watch(ctx context.Context, _ string, _ func(waitingroom.Counters)) { <-ctx.Done() }

func (s *common) Poll(context.Context, []string, func(string, waitingroom.Counters, error)) {}

func (s *common) Nodes(string) int { return 2 }

func (s *common) Check(context.Context) error { return nil }

// fresh are the logins of new browsers, by the number that stands for their seal.
type fresh struct {
	wait.Logins

	mu     sync.Mutex // Guards logins.
	logins []*login
}

type login struct {
	wait.Login
	all     *fresh
	browser wait.Browser
	whence  wait.Whence
}

func (f *fresh) add(browser wait.Browser, whence wait.Whence) (path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins = append(f.logins, &login{all: f, browser: browser, whence: whence})
	return "/wait?login=" + strconv.Itoa(len(f.logins)-1)
}

func (f *fresh) OpenLogin(_ context.Context, sealed string) (wait.Login, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := strconv.Atoi(sealed)
	if err != nil {
		return nil, wait.ErrBadLogin
	}
	return f.logins[n], nil
}

func (l *login) Room() string          { return "sale" }
func (l *login) Browser() wait.Browser { return l.browser }
func (l *login) SiteURL() string       { return "" }

func (l *login) Fresh(whence wait.Whence, _ time.Time) bool { return l.whence == whence }

func (l *login) Rebind(_ context.Context, b wait.Browser, whence wait.Whence) (string, error) {
	return l.all.add(b, whence), nil
}

// node returns what a node serves, over a store and logins that nodes share.
func node(t *testing.T, store waitingroom.Store, logins *fresh) http.Handler {
	t.Helper()
	secrets, err := waitingroom.NewSecrets([]byte(strings.Repeat("s", waitingroom.MinSecretSize)))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := waitingroom.New(waitingroom.Options{
		Store: store, Secrets: secrets, Revision: 1,
		Rooms: []waitingroom.RoomConfig{{
			ID: "sale", Settings: waitingroom.Settings{SessionTTL: time.Hour, SessionMax: time.Hour},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Stop)
	files, err := static.New("")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := templates.New(templates.Options{Static: files})
	if err != nil {
		t.Fatal(err)
	}
	page := wait.New(wait.Options{
		Engine: engine, Logins: logins, Cookies: wait.Cookies{Secure: true}, Pages: pages, Path: "/wait",
	})
	mux := http.NewServeMux()
	mux.Handle("/wait", page)
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, logins.add(page.Greet(w, r)), http.StatusSeeOther)
	})
	return mux
}

// balancer sends the requests of a browser to nodes in turns, each 20 ms away.
type balancer struct {
	nodes []http.Handler
	turn  atomic.Int64
}

func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond)
	w := httptest.NewRecorder()
	b.nodes[int(b.turn.Add(1))%len(b.nodes)].ServeHTTP(w, r)
	time.Sleep(20 * time.Millisecond)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// A new browser whose tabs came to different nodes used to take two places, because
// each node saw a tab that was alone.
func TestTabsOfANewBrowserTakeOnePlaceOnTwoNodes(t *testing.T) {
	for name, test := range map[string]struct {
		tabs  int
		apart time.Duration // From one tab to the next.
	}{
		"two at once":                 {2, 0},
		"two, one just after another": {2, 30 * time.Millisecond},
		"fifty at once":               {50, 0},
		"fifty in a row":              {50, 7 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &common{Store: memstore.New(time.Now), browsers: make(map[[16]byte]waitingroom.RequestID)}
				logins := &fresh{}
				jar, err := cookiejar.New(nil)
				if err != nil {
					t.Fatal(err)
				}
				browser := &http.Client{
					Jar: jar, Transport: &balancer{nodes: []http.Handler{node(t, store, logins), node(t, store, logins)}},
				}
				began := time.Now()
				var all sync.WaitGroup
				for tab := range test.tabs {
					all.Go(func() {
						time.Sleep(time.Duration(tab) * test.apart)
						r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://wait.example.com/authorize", nil)
						if err != nil {
							t.Error(err)
							return
						}
						page, err := browser.Do(r)
						if err != nil {
							t.Error(err)
							return
						}
						_ = page.Body.Close()
						if page.StatusCode != http.StatusOK || page.Header.Get("Refresh") == "" {
							t.Errorf("tab %d doesn't wait: %d", tab, page.StatusCode)
						}
					})
				}
				all.Wait()
				c, err := store.Counters(t.Context(), "sale")
				if err != nil || c.Dealt != 1 {
					t.Errorf("%d places were dealt, %v, want 1", c.Dealt, err)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("the last tab had to wait for %v", took)
				}
			})
		})
	}
}
