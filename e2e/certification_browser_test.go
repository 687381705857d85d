//go:build e2e

package e2e_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A scriptedBrowser is the browser of the certification suite: it has a cookie
// jar, follows redirects and Refresh headers, waiting as long as they say, and
// submits the form_post page as its script would. It goes nowhere but to the
// provider: what would leave it is an answer to the client.
type scriptedBrowser struct {
	origin string
	http   *http.Client
	// onFirstWait is called when the waiting page is seen for the first time.
	onFirstWait func()
	waits       int // how often the waiting page was seen
}

// newScriptedBrowser returns a browser with an empty cookie jar.
func newScriptedBrowser(origin string, transport http.RoundTripper, onFirstWait func()) *scriptedBrowser {
	jar, _ := cookiejar.New(nil) // Without options it never fails.
	return &scriptedBrowser{origin: origin, onFirstWait: onFirstWait, http: &http.Client{
		Jar: jar, Transport: transport, Timeout: actionLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A backAtClient is what reaches the client by the browser.
type backAtClient struct {
	method string
	url    *url.URL
	values url.Values // of the form, or else of the query
}

// A landing is where a navigation ended: at the client, or else on a page.
type landing struct {
	back *backAtClient
	page reply
}

// Goes navigates by GET.
func (b *scriptedBrowser) Goes(address string) (landing, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return landing{}, err
	}
	return b.navigate(r)
}

// Posts navigates by a form.
func (b *scriptedBrowser) Posts(address string, form url.Values) (landing, error) {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return landing{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.navigate(r)
}

// Presses presses the one button of a page of the provider.
func (b *scriptedBrowser) Presses(page reply) (landing, error) {
	action, fields, err := formOf(page)
	if err != nil {
		return landing{}, err
	}
	if err := allowedBy(page, "form-action", action); err != nil {
		return landing{}, err
	}
	return b.Posts(action, fields)
}

// navigate sends r and goes where the answers lead.
func (b *scriptedBrowser) navigate(r *http.Request) (landing, error) {
	for limit := time.Now().Add(waitLimit); time.Now().Before(limit); {
		got, err := answers(b.http, r)
		if err != nil {
			return landing{}, err
		}
		next, after := got.location, time.Duration(0)
		switch {
		case next != nil && got.status != http.StatusFound && got.status != http.StatusSeeOther:
			// RFC 9700 §4.12: 307 and 308 would send the body of a POST on.
			return landing{}, fmt.Errorf("%s redirects with status %d", got.from.Path, got.status)
		case next != nil && !b.isProvider(next):
			return landing{back: &backAtClient{http.MethodGet, next, next.Query()}}, nil
		case next != nil:
		case strings.Contains(got.body, "/static/post."):
			return b.submits(got)
		case got.header.Get("Refresh") != "":
			if next, after, err = refreshOf(got); err != nil {
				return landing{}, err
			}
		default:
			return landing{page: got}, nil
		}
		if positionOnPage.MatchString(got.body) {
			if b.waits++; b.waits == 1 {
				b.onFirstWait()
			}
		}
		time.Sleep(after)
		if r, err = http.NewRequest(http.MethodGet, next.String(), nil); err != nil {
			return landing{}, err
		}
	}
	return landing{}, fmt.Errorf("the browser arrived nowhere within %v", waitLimit)
}

// submits sends the form of the form_post page, if the page's policy lets its
// script and its form through.
//
// OAuth 2.0 Form Post Response Mode §2.
func (b *scriptedBrowser) submits(page reply) (landing, error) {
	script := regexp.MustCompile(`<script src="([^"]+)"`).FindStringSubmatch(page.body)
	if script == nil {
		return landing{}, fmt.Errorf("the form_post page has no script: %s", page.body)
	}
	source, err := page.from.Parse(html.UnescapeString(script[1]))
	if err != nil {
		return landing{}, err
	}
	action, fields, err := formOf(page)
	if err != nil {
		return landing{}, err
	}
	for directive, address := range map[string]string{"script-src": source.String(), "form-action": action} {
		if err := allowedBy(page, directive, address); err != nil {
			return landing{}, err
		}
	}
	r, err := http.NewRequest(http.MethodGet, source.String(), nil)
	if err != nil {
		return landing{}, err
	}
	got, err := answers(b.http, r)
	if err != nil {
		return landing{}, err
	}
	if !strings.Contains(got.body, ".submit()") {
		return landing{}, fmt.Errorf("the script of the form_post page submits nothing: %s", got.body)
	}
	target, err := url.Parse(action)
	if err != nil {
		return landing{}, err
	}
	if b.isProvider(target) {
		return landing{}, fmt.Errorf("the form_post page leads to %s", action)
	}
	return landing{back: &backAtClient{http.MethodPost, target, fields}}, nil
}

func (b *scriptedBrowser) isProvider(u *url.URL) bool { return u.Scheme+"://"+u.Host == b.origin }

// refreshOf reads the Refresh header of an answer.
func refreshOf(got reply) (*url.URL, time.Duration, error) {
	header := reloadHeader.FindStringSubmatch(got.header.Get("Refresh"))
	if header == nil {
		return nil, 0, fmt.Errorf("the header Refresh is %q", got.header.Get("Refresh"))
	}
	seconds, err := strconv.Atoi(header[1])
	if err != nil {
		return nil, 0, err
	}
	next, err := got.from.Parse(header[2])
	return next, time.Duration(seconds) * time.Second, err
}

// formOf returns the action and the hidden fields of the one form of a page.
func formOf(page reply) (action string, fields url.Values, err error) {
	forms := formOnPage.FindAllStringSubmatch(page.body, -1)
	if len(forms) != 1 {
		return "", nil, fmt.Errorf("the page has %d forms, want 1: %s", len(forms), page.body)
	}
	target, err := page.from.Parse(html.UnescapeString(forms[0][1]))
	if err != nil {
		return "", nil, err
	}
	fields = url.Values{}
	for _, field := range fieldOnPage.FindAllStringSubmatch(forms[0][2], -1) {
		fields.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return target.String(), fields, nil
}

// allowedBy returns an error if a page's Content-Security-Policy forbids the
// address. Without a script-src the default-src counts; without a form-action
// forms may lead anywhere (CSP Level 3 §6.4.1).
func allowedBy(page reply, directive, address string) error {
	policy := make(map[string][]string)
	for part := range strings.SplitSeq(page.header.Get("Content-Security-Policy"), ";") {
		if words := strings.Fields(part); len(words) > 0 {
			policy[words[0]] = words[1:]
		}
	}
	sources, ok := policy[directive]
	if !ok && directive != "form-action" {
		sources, ok = policy["default-src"]
	}
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	origin := target.Scheme + "://" + target.Host
	own := page.from.Scheme + "://" + page.from.Host
	if !ok || origin == own && slices.Contains(sources, "'self'") || slices.Contains(sources, origin) {
		return nil
	}
	return fmt.Errorf("the page's %s %q forbids %s", directive, sources, address)
}
