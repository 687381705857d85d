package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// requestTimeout bounds one request with its redirects, and so how long it
	// takes until the whole crowd has gone.
	requestTimeout = 5 * time.Second

	// maxPage is how much of a page a visitor reads, in bytes.
	maxPage = 1 << 20
)

// A visitor is a browser without scripts: it keeps cookies, follows redirects
// and obeys Refresh, and does nothing else.
type visitor struct {
	client *http.Client
}

func newVisitor(transport http.RoundTripper) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // Never, without options.
	}
	return &visitor{client: &http.Client{Transport: transport, Jar: jar, Timeout: requestTimeout}}
}

// enter opens a site, and returns when it lets the visitor in: when the browser
// shows a page of that site, after all waiting. It calls joined for each page
// that asks to wait. When ctx ends, it returns after the request in flight.
func (v *visitor) enter(ctx context.Context, site string, joined func()) error {
	for next := site; ; {
		page, err := v.load(ctx, next)
		if err != nil {
			return err
		}
		wait, to, ok := refresh(page.header, page.url)
		switch {
		case ok:
			joined()
			rest(ctx, wait)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			next = to
		case page.status != http.StatusOK:
			return fmt.Errorf("%s answered %d", page.url.Host, page.status)
		case !strings.HasPrefix(page.url.String(), site):
			return fmt.Errorf("%s%s is a dead end", page.url.Host, page.url.Path)
		default:
			return nil
		}
	}
}

// page is what a browser ends up at.
type page struct {
	status int
	header http.Header
	url    *url.URL // After all redirects.
}

// load gets a page. What it says is read and thrown away, so that the connection
// can be used again. The end of ctx does not cut it off, as that would look like
// a fault to the shop and the server.
func (v *visitor) load(ctx context.Context, address string) (page, error) {
	ctx = context.WithoutCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Accept", "text/html")
	response, err := v.client.Do(request)
	if err != nil {
		return page{}, withoutURL(err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxPage))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return page{}, fmt.Errorf("read the page: %w", err)
	}
	return page{response.StatusCode, response.Header, response.Request.URL}, nil
}

// withoutURL drops the address from an error of the client: a query may hold a
// code, and errors are logged.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// refresh reads a Refresh header, "5" or "5; url=/wait": after how long to load
// which page. Without one, or with one that says nothing, ok is false.
func refresh(header http.Header, here *url.URL) (wait time.Duration, to string, ok bool) {
	after, target, _ := strings.Cut(header.Get("Refresh"), ";")
	seconds, err := strconv.ParseUint(strings.TrimSpace(after), 10, 16)
	if err != nil {
		return 0, "", false
	}
	wait, to = time.Duration(seconds)*time.Second, here.String()
	if name, value, found := strings.Cut(target, "="); found && strings.EqualFold(strings.TrimSpace(name), "url") {
		there, err := here.Parse(strings.TrimSpace(value))
		if err != nil {
			return 0, "", false
		}
		to = there.String()
	}
	return wait, to, true
}
