//go:build e2e

package e2e_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

const manual = "inlet: {kind: manual}"

// A scene is a page and how a browser comes to see it.
type scene struct {
	heading string
	room    string // keys of the room; "" means manual
	more    string // keys of the server
	off     []setting
	plain   bool // the page without its scripts
	errors  int  // answers with an error status on the way, at most
	reach   func(*testing.T, *server, *shop, *tab)
}

// scenes are the pages that a visitor can come to see, by the name of the
// picture that is taken of them.
func scenes() map[string]scene {
	return map[string]scene{
		"waiting":            {heading: inLine, reach: stand},
		"waiting-no-scripts": {heading: inLine, plain: true, reach: stand},
		"served":             {heading: yourGo, reach: seeTheTurn},
		"connection-lost":    {heading: inLine, errors: 99, reach: loseTheServer},
		"expired":            {heading: turnPassed, room: manual + ", position_ttl: 1s", reach: seeTheMissedTurn},
		"spent":              {heading: visitEnded, reach: comeAfterTheVisit},
		"ended":              {heading: lineEnded, reach: comeAfterTheReset},
		"broken":             {heading: "We cannot read your place", errors: 1, reach: breakThePlace},
		"closed-before": {
			heading: "The line is not open yet",
			room:    "inlet: {kind: periodic, add: 1, every: 1s, start: 2099-01-01T00:00:00Z}", reach: come,
		},
		"closed-after": {
			heading: "The line is closed",
			room:    "inlet: {kind: periodic, add: 1, every: 1s, start: 2020-01-01T00:00:00Z, end: 2020-01-02T00:00:00Z}", reach: come,
		},
		"no-cookies":    {heading: "Your browser does not keep cookies", off: []setting{noCookies}, errors: 1, reach: come},
		"other-browser": {heading: "This link belongs to another browser", errors: 1, reach: followForeignLink},
		"one-moment":    {heading: "One moment, please", errors: 1, reach: loseTheStore},
		"too-many": {
			heading: "Too many people are joining from your network",
			more:    `trusted_proxies: ["127.0.0.0/8", "::1"]`, errors: 1, reach: floodTheLine,
		},
		"confirm":       {heading: confirmVisit, reach: logInAgain},
		"requeue":       {heading: lineUpAgain, more: "    reauth: requeue", reach: logInAgain},
		"continue-here": {heading: inUseElsewhere, reach: seeThePlaceInUse},
		// The shop gives its side of a login up at once.
		"start-afresh": {heading: "Your turn has come", more: "    transaction_ttl: 3s", reach: beLate},
		"form-post":    {heading: "One moment", plain: true, room: "inlet: {kind: open}", reach: goTo(formPost)},
		"logout":       {heading: leaveSite, room: "inlet: {kind: open}", reach: goTo("/", "/logout?hint=no")},
		"logged-out":   {heading: leftSite, reach: goTo("/logout?hint=no")},
		"bad-request": {heading: "This login can't go on", errors: 1, reach: func(_ *testing.T, server *server, _ *shop, b *tab) {
			b.Do(chromedp.Navigate(server.Issuer + "/authorize?client_id=nobody"))
		}},
		"not-found": {heading: "There is nothing here", errors: 1, reach: func(_ *testing.T, server *server, _ *shop, b *tab) {
			b.Do(chromedp.Navigate(server.Issuer + "/nowhere"))
		}},
	}
}

// Each page is accessible in light and dark, keeps to its own policy, says
// nothing on the console, and asks no third party for anything.
func TestPagesAreAccessibleAndKeepToThemselves(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if scene.room == "" {
				scene.room = manual
			}
			server, shop := openShop(t, scene.room, scene.more)
			b := newBrowser(t, scene.off...)
			b.SetScripts(!scene.plain)
			scene.reach(t, server, shop, b)
			b.Sees(scene.heading)
			b.SetScripts(true)          // The checker is one, too.
			b.Evaluate("window.stop()") // Some pages come again by themselves.
			for _, scheme := range []string{"light", "dark"} {
				b.Prefer("prefers-color-scheme", scheme)
				b.Until("document.getAnimations().length === 0") // Colours fade.
				for _, v := range b.Audit() {
					t.Errorf("in %s: %s", scheme, v)
				}
				b.Screenshot(name + "-" + scheme)
			}
			b.Do(chromedp.EmulateViewport(320, 640))
			if wide := get(b, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); wide > 320 {
				t.Errorf("the page is %d pixels wide on a screen of 320", wide)
			}
			b.Behaved(scene.errors, server.Issuer, shop.URL)
		})
	}
}

// come goes to the shop.
func come(_ *testing.T, _ *server, shop *shop, b *tab) {
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

// goTo goes to pages of the shop, one after the other.
func goTo(paths ...string) func(*testing.T, *server, *shop, *tab) {
	return func(_ *testing.T, _ *server, shop *shop, b *tab) {
		for _, path := range paths {
			b.Do(chromedp.Navigate(shop.URL + path))
		}
	}
}

// stand stands in line behind others.
func stand(t *testing.T, _ *server, shop *shop, b *tab) {
	lineUp(t, shop, 12)
	b.Goes(shop.URL+"/", inLine)
}

// enter stands in line until it is let in.
func enter(server *server, shop *shop, b *tab) {
	b.t.Helper()
	b.Goes(shop.URL+"/", inLine)
	server.Serve(1)
	b.Claims()
}

// seeTheTurn stays on the page that says that it is the visitor's turn: a browser
// that believes to be offline doesn't leave it.
func seeTheTurn(_ *testing.T, server *server, shop *shop, b *tab) {
	b.Goes(shop.URL+"/", inLine)
	b.Evaluate(`Object.defineProperty(navigator, "onLine", {get: () => false})`)
	server.Serve(1)
}

func loseTheServer(t *testing.T, server *server, shop *shop, b *tab) {
	stand(t, server, shop, b)
	server.Kill()
	b.Until(`!document.getElementById("link").hidden`)
}

func seeTheMissedTurn(t *testing.T, server *server, shop *shop, b *tab) {
	miss(t, server, shop, b)
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

func comeAfterTheVisit(_ *testing.T, server *server, shop *shop, b *tab) {
	enter(server, shop, b)
	b.Goes(shop.URL+"/logout", "Goodbye")
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

func comeAfterTheReset(_ *testing.T, server *server, shop *shop, b *tab) {
	b.Goes(shop.URL+"/", inLine)
	b.Goes(shop.URL+"/entrance", "Entrance")
	server.Reset()
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

func breakThePlace(_ *testing.T, server *server, shop *shop, b *tab) {
	b.Goes(shop.URL+"/", inLine)
	b.SetCookie(server.Issuer, placeCookie, "broken")
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

func followForeignLink(t *testing.T, _ *server, shop *shop, b *tab) {
	other := lineUp(t, shop, 1)[0]
	b.Goes(shop.URL+"/", inLine)
	b.Do(chromedp.Navigate(other.Page))
}

// loseTheStore puts an old copy of the store in the place of the new one, so that
// the visitor knows of a reset that the store does not know of.
func loseTheStore(t *testing.T, server *server, shop *shop, b *tab) {
	server.Stop()
	file := filepath.Join(server.dir, "anteroom.db")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server.Restart()
	server.Reset()
	b.Goes(shop.URL+"/", inLine)
	b.Goes(shop.URL+"/entrance", "Entrance")
	server.Stop()
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

// floodTheLine comes when too many have joined from the same address behind a
// proxy, and more keep coming.
func floodTheLine(t *testing.T, server *server, shop *shop, b *tab) {
	const client = "203.0.113.7"
	refused := func() bool { return joinByAPI(t, server, client) == http.StatusTooManyRequests }
	for range 1000 {
		if refused() {
			break
		}
	}
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"X-Forwarded-For": client},
	})
	eventually(t, "the browser is refused, too", func() bool {
		call(b, network.ClearBrowserCookies, cdp.Empty{})
		arrived := make(chan error, 1)
		go func() {
			_, err := chromedp.Run(b.ctx, chromedp.Navigate(shop.URL+"/"))
			arrived <- err
		}()
		for {
			select {
			case err := <-arrived:
				if err != nil {
					t.Fatal(err)
				}
				return b.Text("h1") != inLine
			default:
				refused()
			}
		}
	})
}

// beLate waits for longer than the shop keeps a login.
func beLate(t *testing.T, server *server, shop *shop, b *tab) {
	b.Goes(shop.URL+"/", inLine)
	came := time.Now()
	eventually(t, "too late for the shop", func() bool { return time.Since(came) > 3*time.Second })
	server.Serve(1)
}

// logInAgain is an admitted visitor whose shop wants to know who is there.
func logInAgain(_ *testing.T, server *server, shop *shop, b *tab) {
	enter(server, shop, b)
	b.RepeatsLogin(shop)
}

func seeThePlaceInUse(t *testing.T, server *server, shop *shop, b *tab) {
	other := newBrowser(t)
	enter(server, shop, other)
	copyPlace(server, other, b)
	b.Do(chromedp.Navigate(shop.URL + "/"))
}

// joinByAPI takes a place by the JSON API, for a client behind a proxy, and
// returns the status of the answer.
func joinByAPI(t *testing.T, server *server, client string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.Issuer+"/public/assign_queue_num",
		strings.NewReader(`{"event_id":"sale"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", client)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return resp.StatusCode
}
