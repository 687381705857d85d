//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// back presses the back button. It doesn't wait for the page: one that the
// browser has kept in memory is not loaded again.
var back = chromedp.Evaluate[chromedp.Void]("setTimeout(() => history.back())")

// Until waits until a JavaScript expression is true of the tab's page, over any
// number of navigations, and fails the test if that takes too long.
func (b *tab) Until(expression string) {
	b.t.Helper()
	eventually(b.t, expression, func() bool {
		// Errors pass: between two pages there is nothing to ask.
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && ok
	})
}

// Sees waits until the page's heading is the given one.
func (b *tab) Sees(heading string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("document.readyState === 'complete' && document.querySelector('h1')?.textContent === %q", heading))
}

// Goes loads a page and waits for its heading.
func (b *tab) Goes(address, heading string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(address))
	b.Sees(heading)
}

// Presses presses the one button of the page.
func (b *tab) Presses() {
	b.t.Helper()
	b.Do(chromedp.Click("button[type=submit]"))
}

// Text returns what an element shows. It asks the page itself: the library's
// own queries know nothing of a page that came back from memory.
func (b *tab) Text(selector string) string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).textContent", selector)))
}

// Number returns the number that an element shows.
func (b *tab) Number(selector string) int64 {
	b.t.Helper()
	text := b.Text(selector)
	n, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64)
	if err != nil {
		b.t.Fatalf("%s shows %q, want a number", selector, text)
	}
	return n
}

// Shows waits until an element shows the given text.
func (b *tab) Shows(selector, text string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("document.querySelector(%q)?.textContent === %q", selector, text))
}

// Claims waits until the tab shows the shop, and returns what the shop was told.
func (b *tab) Claims() map[string]any {
	b.t.Helper()
	b.Sees("Welcome")
	var claims map[string]any
	if err := json.Unmarshal([]byte(b.Text("#claims")), &claims); err != nil {
		b.t.Fatal(err)
	}
	return claims
}

// Evaluate runs a script in the tab's page.
func (b *tab) Evaluate(script string) {
	b.t.Helper()
	b.Do(chromedp.Evaluate[chromedp.Void](script))
}

// Cookie returns a cookie of the site at address.
func (b *tab) Cookie(address, name string) string {
	b.t.Helper()
	found := call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	for _, cookie := range found.Cookies {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	b.t.Fatalf("the browser has no cookie %s", name)
	return ""
}

// SetCookie sets a cookie of the site at address.
func (b *tab) SetCookie(address, name, value string) {
	b.t.Helper()
	call(b, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: address})
}

// Documents returns how many navigations and reloads of the page at path the tab
// has made so far.
func (b *tab) Documents(path string) int {
	n := 0
	for _, r := range b.Requests() {
		if r.Type == network.ResourceTypeDocument && strings.Contains(r.URL, path) {
			n++
		}
	}
	return n
}

// Behaved fails the test if the tab's pages have asked another host than the
// given sites for anything, or the browser has complained of them. An error page
// and a server that is gone are no faults of the page: so many complaints of
// those may be there.
func (b *tab) Behaved(errorPages int, sites ...string) {
	b.t.Helper()
	for _, r := range b.Requests() {
		own := strings.HasPrefix(r.URL, "data:") || strings.HasPrefix(r.URL, "about:")
		for _, site := range sites {
			own = own || strings.HasPrefix(r.URL, site+"/")
		}
		if !own {
			b.t.Errorf("a page asked for %s", r.URL)
		}
	}
	for _, complaint := range b.Complaints() {
		if errorPages > 0 && strings.HasPrefix(complaint, "Failed to load resource: ") {
			errorPages--
			continue
		}
		b.t.Errorf("the browser complained: %s", complaint)
	}
}
