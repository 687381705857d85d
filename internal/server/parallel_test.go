package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// tabs is how many tabs of one browser start a login at once.
const tabs = 50

// atOnce runs do for each tab, all at the same time.
func atOnce(do func(tab int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range tabs {
		wg.Go(func() { <-start; do(i) })
	}
	close(start)
	wg.Wait()
}

// codeIn returns the code that a page sends the browser back with, or "".
func codeIn(p page) string {
	at, err := p.Location()
	if err != nil {
		return ""
	}
	return at.Query().Get("code")
}

// parts are what a page loads, by the header that says so.
var parts = []string{"image", "iframe", "empty", "script"}

// A relying party that starts a login for each part of a page: the parts that an
// admitted browser asks for get their codes silently, those of a waiting one
// login_required, and none ever takes a place or shows a page.
func TestThePartsOfAPageGetTheirCodesOrLoginRequired(t *testing.T) {
	s := newSite(t, bolt(t), "{kind: manual}")
	const request = "/authorize?client_id=shop&redirect_uri=http%3A%2F%2Fshop.localhost%2Fcallback&response_type=code&scope=openid&state=s"
	ask := func(b *browser) (pages [tabs]page) {
		atOnce(func(tab int) {
			pages[tab] = b.do(http.MethodGet, request, nil, http.Header{"Sec-Fetch-Dest": {parts[tab%len(parts)]}})
		})
		return pages
	}
	refused := func(who string, b *browser) {
		t.Helper()
		for tab, p := range ask(b) {
			if at := p.Header.Get("Location"); !strings.Contains(at, "error=login_required") || len(p.Cookies()) > 0 {
				t.Fatalf("part %d of %s: %d %s, cookies %v", tab, who, p.StatusCode, at, p.Cookies())
			}
		}
	}
	b := s.browser()
	refused("a new browser", b)
	if s.dealt() != 0 {
		t.Fatalf("%d places were taken", s.dealt())
	}
	b.login()
	refused("a waiting browser", b)
	s.serveOne()
	refused("a browser whose turn has come, and who hasn't taken it up", b)
	b.code(b.login())
	for tab, p := range ask(b) {
		if codeIn(p) == "" {
			t.Errorf("part %d of an admitted browser: %d %s", tab, p.StatusCode, p.Header.Get("Location"))
		}
	}
	if s.dealt() != 1 {
		t.Errorf("%d places were dealt, want 1", s.dealt())
	}
}

// Fifty tabs of one browser that start fifty logins at once take one place and
// get fifty codes: also of a browser that was never here, whose tabs are given
// fifty browser cookies, of which it keeps one; and although only one of them
// can set the session cookie first.
func TestFiftyTabsOfOneBrowserTakeOnePlaceAndGetFiftyCodes(t *testing.T) {
	for name, test := range map[string]struct {
		inlet  string
		client string
		known  bool          // Whether the browser has been here before.
		after  time.Duration // How long it waits.
	}{
		"a new browser in an open room":           {"{kind: open}", "shop", false, 0},
		"a known browser in an open room":         {"{kind: open}", "shop", true, 0},
		"a new browser that waits":                {"{kind: manual}", "shop", false, time.Second},
		"a known browser that waits":              {"{kind: manual}", "shop", true, time.Second},
		"a new browser that waits for too long":   {"{kind: manual}", "late", false, time.Hour},
		"a known browser that waits for too long": {"{kind: manual}", "late", true, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, bolt(t), test.inlet)
			b := s.browser()
			if test.known {
				b.loginOf("elsewhere") // Another room; the browser cookie is for all.
			}
			var pages [tabs]page
			atOnce(func(tab int) { pages[tab] = b.loginOf(test.client) })
			if test.inlet == "{kind: manual}" {
				for tab, p := range pages {
					if p.StatusCode != http.StatusOK || p.Header.Get("Refresh") == "" {
						t.Fatalf("tab %d doesn't wait: %d\n%s", tab, p.StatusCode, p.text)
					}
					at := b.poll(p)
					if at.State == "unknown" {
						// Another tab's cookie has come since; the script loads the page.
						pages[tab] = b.reload(p)
						at = b.poll(pages[tab])
					}
					if at.State != "waiting" || at.Position != 1 {
						t.Fatalf("tab %d stands at %+v", tab, at)
					}
				}
				s.turn(test.after)
				s.serveOne()
				atOnce(func(tab int) { pages[tab] = b.reload(pages[tab]) })
			}
			if test.after > lateTTL {
				for tab, p := range pages {
					if p.Header.Get("Location") != again {
						t.Fatalf("tab %d is sent to %q: %d\n%s", tab, p.Header.Get("Location"), p.StatusCode, p.text)
					}
				}
				atOnce(func(tab int) { pages[tab] = b.loginOf(test.client) })
			}
			codes := make(map[string]bool)
			for tab, p := range pages {
				code := codeIn(p)
				if code == "" {
					t.Errorf("tab %d got no code: %d\n%s", tab, p.StatusCode, p.text)
				}
				codes[code] = true
			}
			if len(codes) != tabs || s.dealt() != 1 {
				t.Errorf("%d codes and %d places, want %d and 1", len(codes), s.dealt(), tabs)
			}
			for code := range codes {
				if got, status := b.redeem(test.client, code); status != http.StatusOK {
					t.Fatalf("redeeming answers %d %+v", status, got)
				}
			}
		})
	}
}
