//go:build e2e

package e2e_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maxHops bounds the redirects and forms between two pages, as browsers do.
const maxHops = 20

var (
	formOnPage   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	fieldOnPage  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	titleOnPage  = regexp.MustCompile(`<title>([^<]*)</title>`)
	reloadHeader = regexp.MustCompile(`^(\d+); url=(.+)$`)
)

// A plainBrowser is a browser without scripts that reads no page but the last:
// it keeps cookies, follows redirects, obeys Refresh headers, and sends a form
// that leads to another site, whose button a script would press. It trusts the
// authority of its test.
type plainBrowser struct {
	t    *testing.T
	http *http.Client

	// Page is what the last request ended with.
	Page reply
	// Trail has all requests, as "GET 127.0.0.1:8080/path", without the query, and
	// Codes counts those that brought a code, or an ID token in its stead.
	Trail []string
	Codes int
	// Dest is what the tab loads things for: "document", or "image" and the like
	// for a part of a page.
	Dest string
	// Rewrite, if set, changes each address before it is loaded.
	Rewrite func(*url.URL)
}

// newPlainBrowser returns a browser with one tab and no cookies.
func newPlainBrowser(t *testing.T, a *authority) *plainBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &plainBrowser{t: t, Dest: "document", http: &http.Client{
		Transport: a.Transport(), Jar: jar, Timeout: actionLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// NewTab returns another tab of the same browser: it has the same cookies.
func (b *plainBrowser) NewTab() *plainBrowser {
	return &plainBrowser{t: b.t, Dest: "document", http: b.http}
}

// Goes loads an address and follows where it leads, to a page that wants to be
// read.
func (b *plainBrowser) Goes(address string) {
	b.t.Helper()
	if err := b.Tries(address); err != nil {
		b.t.Fatal(err)
	}
}

// Tries does the same from any goroutine, and returns what stopped it.
func (b *plainBrowser) Tries(address string) error {
	return b.follow(http.MethodGet, address, nil)
}

// Waits lets the page reload itself until it no longer wants to.
func (b *plainBrowser) Waits() {
	b.t.Helper()
	for limit := time.Now().Add(waitLimit); ; {
		after, address, ok := b.reload()
		if !ok {
			return
		}
		if time.Now().Add(after).After(limit) {
			b.t.Fatalf("waited %v in vain on %s", waitLimit, b)
		}
		select {
		case <-time.After(after):
		case <-b.t.Context().Done():
			b.t.Fatal("the test ended while the browser waited")
		}
		b.Goes(address)
	}
}

// Reloads loads the waiting page again, sooner than it would by itself.
func (b *plainBrowser) Reloads() {
	b.t.Helper()
	_, address, ok := b.reload()
	if !ok {
		b.t.Fatalf("nothing to wait for on %s", b)
	}
	b.Goes(address)
}

// Presses presses the only button of the page.
func (b *plainBrowser) Presses() {
	b.t.Helper()
	address, fields, ok := b.form()
	if !ok {
		b.t.Fatalf("there is no button on %s", b)
	}
	if err := b.follow(http.MethodPost, address.String(), fields); err != nil {
		b.t.Fatal(err)
	}
}

// Forgets drops the cookies of a site, as a browser does when they have run out.
func (b *plainBrowser) Forgets(site string) {
	b.t.Helper()
	at, err := url.Parse(site)
	if err != nil {
		b.t.Fatal(err)
	}
	cookies := b.http.Jar.Cookies(at)
	for _, c := range cookies {
		c.Path, c.MaxAge = "/", -1
	}
	b.http.Jar.SetCookies(at, cookies)
}

// Visits returns how many requests of the trail went to a path of a site.
func (b *plainBrowser) Visits(site, path string) int {
	_, host, _ := strings.Cut(site, "://")
	visits := 0
	for _, entry := range b.Trail {
		if _, address, _ := strings.Cut(entry, " "); address == host+path {
			visits++
		}
	}
	return visits
}

// Position returns the place in line that the page tells, or 0 on other pages.
func (b *plainBrowser) Position() int64 {
	match := positionOnPage.FindStringSubmatch(b.Page.body)
	if match == nil {
		return 0
	}
	position, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return position
}

// Title returns the title of the page.
func (b *plainBrowser) Title() string {
	if match := titleOnPage.FindStringSubmatch(b.Page.body); match != nil {
		return html.UnescapeString(match[1])
	}
	return ""
}

// String describes the page, for messages.
func (b *plainBrowser) String() string {
	return fmt.Sprintf("%s%s (status %d): %.1500s", b.Page.from.Host, b.Page.from.Path, b.Page.status, b.Page.body)
}

// Way returns the last requests, one a line, for messages.
func (b *plainBrowser) Way() string {
	return strings.Join(b.Trail[max(0, len(b.Trail)-maxHops):], "\n")
}

// follow sends a request and whatever it leads to.
func (b *plainBrowser) follow(method, address string, form url.Values) error {
	for range maxHops {
		var err error
		if b.Page, err = b.send(method, address, form); err != nil {
			return err
		}
		if b.Page.location != nil {
			// Other codes than 307 and 308 turn into GET, as in browsers.
			if b.Page.status != http.StatusTemporaryRedirect && b.Page.status != http.StatusPermanentRedirect {
				method, form = http.MethodGet, nil
			}
			address = b.Page.location.String()
			continue
		}
		if after, next, ok := b.reload(); ok && after == 0 {
			method, address, form = http.MethodGet, next, nil
			continue
		}
		if action, fields, ok := b.form(); ok && action.Host != b.Page.from.Host {
			method, address, form = http.MethodPost, action.String(), fields
			continue
		}
		return nil
	}
	return fmt.Errorf("more than %d redirects, the last of them\n%s", maxHops, b.Way())
}

// send sends one request.
func (b *plainBrowser) send(method, address string, form url.Values) (reply, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		return reply{}, err
	}
	if b.Rewrite != nil {
		b.Rewrite(r.URL)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	r.Header.Set("User-Agent", "Mozilla/5.0 (plain)")
	r.Header.Set("Sec-Fetch-Dest", b.Dest)
	if b.Dest == "document" {
		r.Header.Set("Sec-Fetch-Mode", "navigate")
	} else {
		r.Header.Set("Sec-Fetch-Mode", "no-cors")
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "null") // The page has Referrer-Policy: no-referrer.
	}
	if r.URL.Query().Has("code") || form.Has("code") || form.Has("id_token") {
		b.Codes++
	}
	b.Trail = append(b.Trail, method+" "+r.URL.Host+r.URL.Path)
	return answers(b.http, r)
}

// reload returns after how long the page is to be loaded again, and from where.
func (b *plainBrowser) reload() (after time.Duration, address string, ok bool) {
	match := reloadHeader.FindStringSubmatch(b.Page.header.Get("Refresh"))
	if match == nil {
		return 0, "", false
	}
	seconds, err := strconv.Atoi(match[1])
	if err != nil {
		return 0, "", false
	}
	at, err := b.Page.from.Parse(match[2])
	if err != nil {
		return 0, "", false
	}
	return time.Duration(seconds) * time.Second, at.String(), true
}

// form returns the only form of the page.
func (b *plainBrowser) form() (action *url.URL, fields url.Values, ok bool) {
	forms := formOnPage.FindAllStringSubmatch(b.Page.body, -1)
	if len(forms) != 1 {
		return nil, nil, false
	}
	action, err := b.Page.from.Parse(html.UnescapeString(forms[0][1]))
	if err != nil {
		return nil, nil, false
	}
	fields = make(url.Values)
	for _, field := range fieldOnPage.FindAllStringSubmatch(forms[0][2], -1) {
		fields.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return action, fields, true
}
