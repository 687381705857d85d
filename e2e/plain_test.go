//go:build e2e

package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPageWithScriptsNeverReloads(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	lineUp(t, shop, 1)
	pages := server.Metric("anteroom_wait_pages_total")
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	eventually(t, "the page polls three times", func() bool { return server.Metric("anteroom_wait_polls_total") >= 3 })
	if got := server.Metric("anteroom_wait_pages_total") - pages; got != 1 {
		t.Errorf("got %d loads of the waiting page, want 1", got)
	}
	if got := b.Documents("/wait?"); got != 1 {
		t.Errorf("the browser loaded the waiting page %d times, want once", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestPageWithoutScriptsReloadsItselfAndGetsIn(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	lineUp(t, shop, 2)
	pages := server.Metric("anteroom_wait_pages_total")
	b := newBrowser(t, noScripts)
	b.Goes(shop.URL+"/", inLine)
	if position := b.Number("#position"); position != 3 {
		t.Errorf("got position %d, want 3", position)
	}
	b.Screenshot("waiting-no-scripts")
	server.Serve(1)
	b.Shows("#ahead", "1")
	if got := server.Metric("anteroom_wait_pages_total") - pages; got < 2 {
		t.Errorf("got %d loads of the waiting page, want several", got)
	}
	if got := server.Metric("anteroom_wait_polls_total"); got != 0 {
		t.Errorf("got %d polls, want none", got)
	}
	server.Serve(2)
	if got := b.Claims()["queue_position"]; got != 3.0 {
		t.Errorf("got in at position %v, want 3", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestBrowserWithoutCookiesIsToldSoAndTakesNoPlace(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t, noCookies)
	b.Goes(shop.URL+"/", "Your browser does not keep cookies")
	b.Do(chromedp.Click("main a")) // Try again.
	b.Sees("Your browser does not keep cookies")
	if got := server.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 0 {
		t.Errorf("got %d places dealt, want none", got)
	}
}
