package stage

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// maxRedirects is how many redirects browsers follow in a row.
const maxRedirects = 20

// Browser is a visitor's browser: it keeps cookies, follows redirects and pages
// that refresh at once, and runs no scripts.
type Browser struct {
	tb   testing.TB
	http *http.Client
}

// Page is what a browser ends up with.
type Page struct {
	// URL is the address of the page.
	URL *url.URL
	// Hops are the addresses that the browser asked for on its way, the page's own last.
	Hops []string
	// Status is the page's HTTP status.
	Status int
	// Header is the page's header.
	Header http.Header
	// Text is the page's source.
	Text string
}

// Browser returns a new browser without cookies.
func (s *Stage) Browser() *Browser {
	s.tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	transport := s.Transport()
	transport.ForceAttemptHTTP2 = true
	return &Browser{s.tb, &http.Client{Transport: transport, Jar: jar, CheckRedirect: stay}}
}

// Go opens an address as if it had been typed, and follows where it leads.
func (b *Browser) Go(target string) Page {
	b.tb.Helper()
	return b.walk(http.MethodGet, target, nil)
}

// Open asks for an address and follows nothing.
func (b *Browser) Open(target string) Page {
	b.tb.Helper()
	return b.ask(http.MethodGet, target, nil)
}

// Reload opens the page's own address again.
func (b *Browser) Reload(p Page) Page {
	b.tb.Helper()
	return b.Go(p.URL.String())
}

// Press sends the form on a page whose button, or hidden field, has the given
// name, and goes where that leads.
func (b *Browser) Press(p Page, name string) Page {
	b.tb.Helper()
	for _, form := range regexp.MustCompile(`(?s)<form.*?</form>`).FindAllString(p.Text, -1) {
		fields := fieldsOf(form)
		if !fields.Has(name) {
			continue
		}
		target := p.URL
		if action := regexp.MustCompile(`<form[^>]* action="([^"]*)"`).FindStringSubmatch(form); action != nil {
			var err error
			if target, err = p.URL.Parse(html.UnescapeString(action[1])); err != nil {
				b.tb.Fatal(err)
			}
		}
		return b.walk(http.MethodPost, target.String(), fields)
	}
	b.tb.Fatalf("no form with %q on the page: %d\n%s", name, p.Status, p.Text)
	return Page{}
}

// fieldsOf returns what sending a form sends: its hidden fields and its button.
func fieldsOf(form string) url.Values {
	fields := url.Values{}
	for _, tag := range regexp.MustCompile(`<(?:input|button)[^>]*>`).FindAllString(form, -1) {
		name := regexp.MustCompile(` name="([^"]*)"`).FindStringSubmatch(tag)
		value := regexp.MustCompile(` value="([^"]*)"`).FindStringSubmatch(tag)
		if name != nil && value != nil {
			fields.Set(name[1], html.UnescapeString(value[1]))
		}
	}
	return fields
}

// Cookies returns the browser's cookies for an address.
func (b *Browser) Cookies(target string) []*http.Cookie {
	b.tb.Helper()
	at, err := url.Parse(target)
	if err != nil {
		b.tb.Fatal(err)
	}
	return b.http.Jar.Cookies(at)
}

// SetCookies puts cookies in the browser.
func (b *Browser) SetCookies(target string, cookies ...*http.Cookie) {
	b.tb.Helper()
	at, err := url.Parse(target)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.http.Jar.SetCookies(at, cookies)
}

// Place is where a waiting visitor stands.
type Place struct {
	// State is waiting, served, paused, closed, expired or spent.
	State string
	// Position is the place in the line.
	Position int64
}

// Waits returns where the visitor on the waiting page stands, and fails the test
// if the page is another.
func (b *Browser) Waits(p Page) Place {
	b.tb.Helper()
	if p.URL.Host != issuerHost || p.URL.Path != "/wait" || p.Status != http.StatusOK || p.Header.Get("Refresh") == "" {
		b.tb.Fatalf("not the waiting page: %s, status %d\n%s", p.URL.Path, p.Status, p.Text)
	}
	answer := b.ask(http.MethodGet, Issuer+"/wait/status?"+p.URL.RawQuery, nil)
	var place Place
	if err := json.Unmarshal([]byte(answer.Text), &place); err != nil {
		b.tb.Fatalf("%v: %d %s", err, answer.Status, answer.Text)
	}
	return place
}

// walk asks for an address and follows redirects, and pages that lead on at once.
func (b *Browser) walk(method, target string, form url.Values) Page {
	b.tb.Helper()
	var hops []string
	for range maxRedirects + 1 {
		p := b.ask(method, target, form)
		hops = append(hops, target)
		p.Hops = hops
		next := p.Header.Get("Location")
		if rest, ok := strings.CutPrefix(p.Header.Get("Refresh"), "0; url="); ok && next == "" {
			next = rest
		}
		if next == "" {
			return p
		}
		at, err := p.URL.Parse(next)
		if err != nil {
			b.tb.Fatal(err)
		}
		method, target, form = http.MethodGet, at.String(), nil
	}
	b.tb.Fatalf("more than %d redirects:\n%s", maxRedirects, strings.Join(hops, "\n"))
	return Page{}
}

// ask makes one request.
func (b *Browser) ask(method, target string, form url.Values) Page {
	b.tb.Helper()
	r, err := http.NewRequestWithContext(b.tb.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.tb.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // It was read to its end.
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.tb.Fatal(err)
	}
	return Page{URL: r.URL, Hops: []string{target}, Status: answer.StatusCode, Header: answer.Header, Text: string(text)}
}
