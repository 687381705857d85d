//go:build e2e

package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// placeCookie holds the place in the room sale.
const placeCookie = "anteroom-place-sale"

// The headings of pages that ask for a click.
const (
	turnPassed     = "Your turn has passed"
	visitEnded     = "Your visit has ended"
	lineEnded      = "This line has ended"
	confirmVisit   = "Please confirm that it is you"
	lineUpAgain    = "The site asks you to line up again"
	inUseElsewhere = "You have been let in already"
	leaveSite      = "Leave the site?"
	leftSite       = "You have left the site"
)

// A page's buttons lead on to another site, through the page's own policy:
// browsers apply form-action to redirects, and send Origin: null where the page
// keeps its referrer to itself.
func TestExpiredPlaceIsTakenAnewByTheButton(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}, position_ttl: 10s")
	b := newBrowser(t)
	miss(t, server, shop, b)
	b.Goes(shop.URL+"/", turnPassed)
	b.Presses()
	b.Sees(inLine)
	if got := b.Number("#position"); got != 3 {
		t.Errorf("got position %d, want 3", got)
	}
	server.Serve(1)
	if got := b.Claims()["queue_position"]; got != 3.0 {
		t.Errorf("got in at position %v, want 3", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

// miss lets the browser take the first place of a room and miss its turn.
func miss(t *testing.T, server *server, shop *shop, b *tab) {
	t.Helper()
	b.Goes(shop.URL+"/", inLine)
	b.Goes(shop.URL+"/entrance", "Entrance")
	next := lineUp(t, shop, 1)[0]
	server.Serve(2)
	eventually(t, "the turn passes", func() bool {
		state, err := next.State()
		if err != nil {
			t.Fatal(err)
		}
		return state == "expired"
	})
}

func TestWaitingPageFindsOutThatTheLineHasEnded(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	lineUp(t, shop, 2)
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	server.Reset()
	b.Sees(lineEnded)
	b.Presses()
	b.Sees(inLine)
	if got := b.Number("#position"); got != 1 {
		t.Errorf("got position %d, want 1", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestLogoutWithAHintAsksNothing(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	server.Serve(1)
	b.Claims()
	b.Goes(shop.URL+"/logout", "Goodbye")
	b.comesAgain(server, shop)
}

func TestLogoutWithoutAHintAsksFirst(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	server.Serve(1)
	b.Claims()
	b.Goes(shop.URL+"/logout?hint=no", leaveSite)
	b.Goes(shop.URL+"/", welcome) // Has not left.
	b.Goes(shop.URL+"/logout?hint=no", leaveSite)
	b.Presses()
	b.Sees(leftSite)
	b.comesAgain(server, shop)
}

// comesAgain checks that the place is spent (invariant I9) and that the button
// leads to the end of the line and into the shop.
func (b *tab) comesAgain(server *server, shop *shop) {
	b.t.Helper()
	b.Goes(shop.URL+"/", visitEnded)
	b.Presses()
	b.Sees(inLine)
	if got := b.Number("#position"); got != 2 {
		b.t.Errorf("got position %d, want 2", got)
	}
	server.Serve(1)
	if got := b.Claims()["queue_position"]; got != 2.0 {
		b.t.Errorf("got in at position %v, want 2", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestRepeatedLoginIsConfirmedByTheButton(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t)
	b.Goes(shop.URL+"/login?prompt=login", inLine)
	server.Serve(1)
	first := b.Claims() // Who has just come through the line is asked nothing.
	b.RepeatsLogin(shop)
	b.Presses()
	again := b.Claims()
	if again["sub"] != first["sub"] || again["queue_position"] != 1.0 {
		t.Errorf("the shop was told %v, and before %v", again, first)
	}
	if again["auth_time"].(float64) <= first["auth_time"].(float64) {
		t.Errorf("auth_time is %v, and was %v before the confirmation", again["auth_time"], first["auth_time"])
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

// RepeatsLogin logs in again until the visitor is asked about it: times of
// admission have whole seconds, and within the first one nothing is asked.
func (b *tab) RepeatsLogin(shop *shop) {
	b.t.Helper()
	eventually(b.t, "the clock has passed auth_time", func() bool {
		b.Do(chromedp.Navigate(shop.URL + "/login?prompt=login"))
		b.Until(`document.querySelector("h1")`)
		heading := b.Text("h1")
		return heading == confirmVisit || heading == lineUpAgain
	})
}

// A copied place cookie admits one person: the second browser is asked, and the
// visit of the first one ends.
func TestPlaceInTwoBrowsersIsContinuedInOne(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	first, second := newBrowser(t), newBrowser(t)
	first.Goes(shop.URL+"/", inLine)
	server.Serve(1)
	sub := first.Claims()["sub"]
	copyPlace(server, first, second)
	second.Goes(shop.URL+"/", inUseElsewhere)
	second.Presses()
	if got := second.Claims()["sub"]; got != sub {
		t.Errorf("the second browser got in as %v, want %v", got, sub)
	}
	second.Goes(shop.URL+"/login?prompt=none", welcome)
	first.Goes(shop.URL+"/login?prompt=none", "Problem")
	first.Goes(shop.URL+"/login", inUseElsewhere)
	if got := server.Metric(`anteroom_room_admitted_total{room="sale"}`); got != 1 {
		t.Errorf("got %d admitted, want 1", got)
	}
	second.Behaved(0, server.Issuer, shop.URL)
}

// copyPlace copies the place cookie of one browser to another.
func copyPlace(server *server, from, to *tab) {
	from.t.Helper()
	to.SetCookie(server.Issuer, placeCookie, from.Cookie(server.Issuer, placeCookie))
}
