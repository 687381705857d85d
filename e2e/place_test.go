//go:build e2e

package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestTwoTabsAreOnePlace(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	lineUp(t, shop, 1)
	first := newBrowser(t)
	first.Goes(shop.URL+"/", inLine)
	second := first.NewTab()
	second.Goes(shop.URL+"/", inLine)
	for name, tab := range map[string]*tab{"first": first, "second": second} {
		if got := tab.Number("#position"); got != 2 {
			t.Errorf("the %s tab has position %d, want 2", name, got)
		}
	}
	server.Serve(2)
	for name, tab := range map[string]*tab{"first": first, "second": second} {
		if got := tab.Claims()["queue_position"]; got != 2.0 {
			t.Errorf("the %s tab got in at position %v, want 2", name, got)
		}
	}
	if got := server.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 2 {
		t.Errorf("got %d places dealt, want 2", got)
	}
	if got := server.Metric(`anteroom_room_admitted_total{room="sale"}`); got != 1 {
		t.Errorf("got %d admitted, want 1", got)
	}
}

// Tabs that a browser opens at the same moment, such as those of the last
// session, have no place cookie to show yet. Those of a new browser get a
// browser cookie each, of which it keeps one.
func TestTabsOpenedTogetherAreOnePlace(t *testing.T) {
	t.Parallel()
	const waits, passes = "inlet: {kind: manual}", "inlet: {kind: open}"
	for name, test := range map[string]struct {
		room  string
		known bool
	}{
		"of a browser that has stood in another line before": {waits, true},
		"of a new browser":                     {waits, false},
		"of a new browser, where nobody waits": {passes, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, shop := openShop(t, test.room)
			b := newBrowser(t)
			b.SetCookie(shop.URL, browserCookie, "the-shop-knows-it")
			if test.known {
				b.SetCookie(server.Issuer, "anteroom-browser", "AAAAAAAAAAAAAAAAAAAAAA")
			}
			tabs := make([]*tab, 12)
			for i := range tabs {
				tabs[i] = b.NewTab()
			}
			navigateTogether(t, tabs, shop.URL+"/")
			if test.room == waits {
				for _, tab := range tabs {
					tab.Sees(inLine)
					if got := tab.Number("#position"); got != 1 {
						t.Errorf("a tab has position %d, want 1", got)
					}
				}
				server.Serve(1)
			}
			for _, tab := range tabs {
				if got := tab.Claims()["queue_position"]; got != 1.0 {
					t.Errorf("a tab got in at position %v, want 1", got)
				}
			}
			if got := server.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 1 {
				t.Errorf("got %d places dealt, want 1", got)
			}
		})
	}
}

// navigateTogether loads a page in all tabs at the same time.
func navigateTogether(t *testing.T, tabs []*tab, address string) {
	t.Helper()
	loaded := make(chan error, len(tabs))
	for _, tab := range tabs {
		go func() {
			_, err := chromedp.Run(tab.ctx, chromedp.Navigate(address))
			loaded <- err
		}()
	}
	for range tabs {
		if err := <-loaded; err != nil {
			t.Fatal(err)
		}
	}
}

func TestReloadingAndComingBackKeepThePlace(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	lineUp(t, shop, 1)
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	for what, again := range map[string]chromedp.Action[chromedp.Void]{
		"a reload":    chromedp.Reload(),
		"a new start": chromedp.Navigate(shop.URL + "/"),
		"coming back": chromedp.Steps(chromedp.Navigate(shop.URL+"/entrance"), back),
	} {
		b.Do(again)
		b.Sees(inLine)
		if got := b.Number("#position"); got != 2 {
			t.Errorf("after %s the position is %d, want 2", what, got)
		}
	}
	if got := server.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 2 {
		t.Errorf("got %d places dealt, want 2", got)
	}
}

func TestBackButtonAfterEnteringShowsNoErrorAndTakesNoPlace(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	for name, enter := range map[string]func(*tab){
		"entered by itself": func(*tab) {},
		"entered by the button": func(b *tab) {
			b.Sees(yourGo)
			b.Do(chromedp.Click("#enter a"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t)
			b.Goes(shop.URL+"/entrance", "Entrance")
			b.Do(chromedp.Click("#in"))
			b.Sees(inLine)
			position := float64(b.Number("#position"))
			server.Serve(1)
			enter(b)
			b.Claims()
			b.Evaluate(`window.left = true`)
			b.Do(back)
			b.Until(`!window.left && document.readyState === "complete" && ["Entrance", "Welcome"].includes(document.querySelector("h1")?.textContent)`)
			b.Goes(shop.URL+"/login", welcome)
			if got := b.Claims()["queue_position"]; got != position {
				t.Errorf("got position %v, want %v", got, position)
			}
			b.Behaved(0, server.Issuer, shop.URL)
		})
	}
	if got := server.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 2 {
		t.Errorf("got %d places dealt, want 2", got)
	}
}

func TestSecondVisitOfAnAdmittedVisitorIsSilent(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	server.Serve(1)
	first := b.Claims()
	pages := server.Metric("anteroom_wait_pages_total")
	for _, path := range []string{"/login", "/login?prompt=none", "/login?max_age=3600"} {
		b.Goes(shop.URL+path, welcome)
		if again := b.Claims(); again["sub"] != first["sub"] || again["auth_time"] != first["auth_time"] {
			t.Errorf("%s: the shop was told %v, and before %v", path, again, first)
		}
	}
	if got := server.Metric("anteroom_wait_pages_total"); got != pages {
		t.Errorf("got %d loads of the waiting page, want none", got-pages)
	}
}
