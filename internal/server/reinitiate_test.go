package server_test

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lateTTL is how long the clients of lateClients keep their side of a login, and
// lateAfter when it is too late to answer it.
const (
	lateTTL   = 5 * time.Minute
	lateAfter = lateTTL - 30*time.Second
)

// lateClients returns the configuration of clients that give their logins up.
func lateClients(hash string) string {
	const client = "  - {id: %s, secret_sha256: %s, room: sale, redirect_uris: [%s], transaction_ttl: 5m%s}\n"
	return fmt.Sprintf(client, "late", hash, callback, `, reinitiate_url: "{origin}/again?iss={iss}&to={target_link_uri}"`) +
		fmt.Sprintf(client, "late-error", hash, callback, `, reinitiate_url: "error:authentication_expired"`) +
		fmt.Sprintf(client, "late-page", hash, callback, `, target_link_uri: "http://shop.localhost/sale?a=1&b=2"`)
}

// again is where the client late starts a login afresh.
const again = "http://shop.localhost/again?iss=http%3A%2F%2Fwait.localhost%3A8080&to=http%3A%2F%2Fshop.localhost%2F"

// sentRound fails the test unless a page sends the browser to start afresh.
func (b *browser) sentRound(p page) {
	b.Helper()
	if got := p.Header.Get("Location"); p.StatusCode != http.StatusSeeOther || got != again {
		b.Fatalf("the browser isn't sent to start afresh: %d, Location %q\n%s", p.StatusCode, got, p.text)
	}
	if got := p.Header.Get("Referrer-Policy"); got != "no-referrer" {
		b.Errorf("Referrer-Policy %q on the way to the client", got)
	}
}

// silently returns the code that a new login gets without a look at the page.
func (b *browser) silently(client string, extra ...string) string {
	b.Helper()
	p := b.loginOf(client, extra...)
	if p.Request.URL.Path != "/authorize" {
		b.Fatalf("the new login comes by %s: %d\n%s", p.Request.URL.Path, p.StatusCode, p.text)
	}
	return b.code(p)
}

// lateVisitor returns a browser that has waited for an hour and is served now,
// and its page.
func (s *site) lateVisitor() (*browser, page) {
	s.Helper()
	b := s.browser()
	p := b.loginOf("late")
	s.turn(time.Hour)
	s.serveOne()
	return b, p
}

func (b *browser) reload(p page) page { b.Helper(); return b.get(p.Request.URL.String()) }

func TestAVisitorWhoIsLateForTheClientStartsAfreshAndGetsInSilently(t *testing.T) {
	for name, store := range map[string]string{"memory": "memory:", "bolt": bolt(t)} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, store, "{kind: manual}")
			b, p := s.lateVisitor()
			if got := b.poll(p).State; got != "served" {
				t.Errorf("the script is told %q, want served", got)
			}
			b.sentRound(b.reload(p))
			s.turn(10 * time.Minute) // On the way round, for whatever reason.
			entered := s.clock.now()
			got, status := b.redeem("late", b.silently("late"))
			if status != http.StatusOK {
				t.Fatalf("redeeming answers %d %+v", status, got)
			}
			if at := time.Unix(authTime(t, got.IDToken), 0); at.Before(entered.Truncate(time.Second)) || at.After(s.clock.now()) {
				t.Errorf("auth_time is %v, but the visit began after %v", at, entered)
			}
			// The visit is a whole one, from that moment.
			s.turn(58 * time.Minute)
			b.silently("late", "prompt", "none")
			s.turn(3 * time.Minute)
			if p := b.loginOf("late", "prompt", "none"); !strings.Contains(p.Header.Get("Location"), "login_required") {
				t.Errorf("after the visit prompt=none answers %s", p.Header.Get("Location"))
			}
		})
	}
}

// Just before the margin the answer is the code, just after it the way round. The
// exact moment is tested where there is no network, in oidc.
func TestTheMarginBeforeTheClientGivesUp(t *testing.T) {
	for name, after := range map[string]time.Duration{"before": lateAfter - 10*time.Second, "after": lateAfter + 2*time.Second} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "memory:", "{kind: manual}")
			b := s.browser()
			p := b.loginOf("late")
			s.turn(after)
			s.serveOne()
			if name == "before" {
				b.code(b.reload(p))
				return
			}
			b.sentRound(b.reload(p))
		})
	}
}

// What a request says is never a part of the way round.
func TestTheWayRoundHasNothingOfTheRequest(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.loginOf("late", "target_link_uri", "https://evil.example/", "iss", "https://evil.example", "state", "{origin}@evil.example")
	s.turn(time.Hour)
	s.serveOne()
	b.sentRound(b.reload(p))
}

// The loop guard: a visitor whom the client doesn't bring back is not sent round
// for ever.
func TestAVisitorIsSentRoundTwiceAndThenShownALink(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b, p := s.lateVisitor()
	b.sentRound(b.reload(p))
	b.sentRound(b.reload(p))
	for range 2 {
		got := b.reload(p)
		if got.StatusCode != http.StatusOK || !strings.Contains(got.text, "Your turn has come") || !strings.Contains(got.text, `href="http://shop.localhost/"`) {
			t.Fatalf("the third time: %d\n%s", got.StatusCode, got.text)
		}
		if got.Header.Get("Refresh") != "" {
			t.Error("the page goes round by itself")
		}
	}
	if _, status := b.redeem("late", b.silently("late")); status != http.StatusOK {
		t.Errorf("the turn wasn't kept: redeeming answers %d", status)
	}
	b.sentRound(b.reload(p)) // A code was redeemed, so nothing loops.
}

func TestAClientWithoutAWayToStartAfreshGetsAPageWithALink(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.loginOf("late-page")
	s.turn(time.Hour)
	s.serveOne()
	for range 4 {
		got := b.reload(p)
		if got.StatusCode != http.StatusOK || !strings.Contains(got.text, `href="`+html.EscapeString("http://shop.localhost/sale?a=1&b=2")+`"`) {
			t.Fatalf("got %d\n%s", got.StatusCode, got.text)
		}
	}
	b.silently("late-page")
	s.stop()
	// Nobody was sent anywhere: the operator would look for a loop that isn't there.
	if strings.Contains(s.log.String(), "again and again") {
		t.Errorf("the log tells of a loop:\n%s", s.log)
	}
}

func TestAClientThatStartsAfreshByItselfGetsAnErrorAndItsState(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.loginOf("late-error")
	s.turn(time.Hour)
	s.serveOne()
	at, err := b.reload(p).Location()
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	if got := q.Get("error") + " " + q.Get("error_description") + " " + q.Get("state"); got != "temporarily_unavailable authentication_expired st-a/te+=" || q.Has("code") {
		t.Errorf("the answer is %s", at)
	}
	b.silently("late-error")
}

// A stale tab of an admitted visitor must not answer its old login either.
func TestAStaleTabOfAnAdmittedVisitorStartsAfresh(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	first, second := b.loginOf("late"), b.loginOf("late")
	s.turn(time.Hour)
	s.serveOne()
	b.sentRound(b.reload(first))
	if _, status := b.redeem("late", b.silently("late")); status != http.StatusOK {
		t.Fatalf("redeeming answers %d", status)
	}
	for range 2 {
		b.sentRound(b.reload(second))
	}
	b.silently("late")
	// A login that isn't late is answered, on a turn that is only reserved too.
	b.code(b.login())
}

// All tabs of a browser that waited for too long are sent round once each; that
// isn't a loop.
func TestFiftyStaleTabsAllStartAfresh(t *testing.T) {
	s := newSite(t, bolt(t), "{kind: manual}")
	b := s.browser()
	tabs := []page{b.loginOf("late")}
	for range 49 {
		tabs = append(tabs, b.loginOf("late"))
	}
	s.turn(time.Hour)
	s.serveOne()
	var wg sync.WaitGroup
	var codes atomic.Int64
	for _, p := range tabs {
		wg.Go(func() {
			if got := b.reload(p).Header.Get("Location"); got != again {
				t.Errorf("a tab is sent to %q", got)
			}
			if at, err := b.loginOf("late").Location(); err == nil && at.Query().Get("code") != "" {
				codes.Add(1)
			}
		})
	}
	wg.Wait()
	if codes.Load() != 50 || s.dealt() != 1 {
		t.Errorf("%d codes and %d places, want 50 and 1", codes.Load(), s.dealt())
	}
}

// The door spreads those who are served together; being late doesn't open it.
func TestTheDoorHoldsVisitorsWhoAreLate(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b, crowd := s.browser(), s.browser()
	const ahead = 1000
	for range ahead {
		joined, err := crowd.http.Post(issuer+"/public/assign_queue_num", "application/json", strings.NewReader(`{"event_id":"sale"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = joined.Body.Close()
	}
	p := b.loginOf("late")
	s.turn(time.Hour)
	order := fmt.Sprintf(`{"event_id":"sale","increment_by":%d}`, ahead+1)
	if status := s.manage(http.MethodPost, "/private/increment_serving_counter", order, nil); status != http.StatusOK {
		t.Fatalf("serving answers %d", status)
	}
	held := b.reload(p)
	if at := b.waits(held); at.Position != ahead+1 || at.State != "served" || at.EnterAfter == 0 {
		t.Fatalf("behind %d others the door doesn't hold: %+v", ahead, at)
	}
	s.turn(time.Minute)
	b.sentRound(b.reload(p))
	b.silently("late")
}

// In a room that is full to the last slot a visitor on the way round has one.
func TestAReservedTurnTakesASlotUntilItLapses(t *testing.T) {
	s := newSite(t, "memory:", "{kind: capacity, max: 1}")
	inside, b, next := s.browser(), s.browser(), s.browser()
	got, _ := inside.redeem("shop", inside.code(inside.login()))
	p := b.loginOf("late")
	s.turn(50 * time.Minute)
	inside.get("/logout?id_token_hint=" + got.IDToken)
	s.until("served", func() bool { return b.poll(p).State == "served" })
	b.sentRound(b.reload(p))
	after := next.login()
	if at := next.waits(after); at.State != "waiting" {
		t.Errorf("beside a reserved turn the next is %q", at.State)
	}
	s.turn(2*time.Minute - 20*time.Second)
	if at := next.poll(after); at.State != "waiting" {
		t.Errorf("shortly before it lapses the next is %q", at.State)
	}
	s.turn(40 * time.Second)
	s.until("served", func() bool { return next.poll(after).State == "served" })
	// There was no visit that could have ended.
	p = b.loginOf("late")
	if !strings.Contains(p.text, "kept for you for 2 minutes") || !strings.Contains(p.text, `value="join"`) {
		t.Errorf("the visitor whose turn lapsed gets %d\n%s", p.StatusCode, p.text)
	}
}

// The claim window is for the claim, and the visitor was in time for that.
func TestATurnIsKeptAlthoughItsWindowIsNearlyOver(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b, p := s.lateVisitor()
	s.turn(15*time.Minute - 15*time.Second)
	b.sentRound(b.reload(p))
	s.turn(14 * time.Minute)
	if _, status := b.redeem("late", b.silently("late")); status != http.StatusOK {
		t.Errorf("redeeming answers %d", status)
	}
}

func TestARoomThatIsResetMeanwhileSaysSo(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b, p := s.lateVisitor()
	b.sentRound(b.reload(p))
	if status := s.manage(http.MethodPost, "/private/reset_initial_state", `{"event_id":"sale"}`, nil); status != http.StatusOK {
		t.Fatalf("the reset answers %d", status)
	}
	if p := b.loginOf("late"); !strings.Contains(p.text, "This line has ended") {
		t.Errorf("got %d\n%s", p.StatusCode, p.text)
	}
}

func TestARoomThatClosesMeanwhileKeepsTheTurn(t *testing.T) {
	now := time.Now()
	s := newSite(t, "memory:", fmt.Sprintf("{kind: periodic, add: 1, every: 1h, start: %s, end: %s}",
		now.Add(-time.Minute).UTC().Format(time.RFC3339), now.Add(70*time.Minute).UTC().Format(time.RFC3339)))
	b := s.browser()
	p := b.loginOf("late")
	s.turn(65 * time.Minute)
	s.until("served", func() bool { return b.poll(p).State == "served" })
	b.sentRound(b.reload(p))
	s.turn(6 * time.Minute)
	if got := s.browser().login(); !strings.Contains(got.text, "The line is closed") {
		t.Fatalf("the room is open: %d\n%s", got.StatusCode, got.text)
	}
	b.silently("late")
}

// A turn that couldn't be reserved isn't lost, and nobody is sent round with
// nothing in hand.
func TestAStoreThatFailsAtTheReservationKeepsTheTurn(t *testing.T) {
	var broken atomic.Bool
	s := slowSite(t, func(commit func() error) error {
		if broken.Load() {
			return errors.New("the disk is gone")
		}
		return commit()
	})
	b, p := s.lateVisitor()
	broken.Store(true)
	if got := b.reload(p); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || got.Header.Get("Location") != "" {
		t.Errorf("without a store: %d, header %v", got.StatusCode, got.Header)
	}
	broken.Store(false)
	s.until("ready again", func() bool { return s.manage(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
	s.until("sent round", func() bool { return b.reload(p).Header.Get("Location") == again })
	b.silently("late")
}

// A POST to /authorize is sealed and comes back by GET. One that comes back an
// hour later is as late as one that waited.
func TestARequestThatCameByPostLongAgoStartsAfresh(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	form := url.Values{"client_id": {"late"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"st-a/te+="}}
	stop := b.http.CheckRedirect
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	pending := b.do(http.MethodPost, "/authorize", form, nil).Header.Get("Location")
	b.http.CheckRedirect = stop
	b.code(b.get(pending))
	s.turn(30 * time.Minute)
	b.sentRound(b.get(pending))
	b.silently("late")
}
