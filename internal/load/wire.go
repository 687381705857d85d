package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

const (
	// maxPage is how much of an answer is read, in bytes.
	maxPage = 256 << 10
	// maxRetryAfter bounds how long a server can send a visitor away.
	maxRetryAfter = 10 * time.Minute
)

// A wire sends requests to the nodes in turn, under the issuer's name.
type wire struct {
	http  *http.Client
	host  string // The issuer's.
	path  string // The issuer's, before all paths.
	bases []*url.URL
	turn  atomic.Uint64
	clock clock
	meter *meter
}

func newWire(o *Options, c clock, m *meter) (*wire, error) {
	issuer, err := url.Parse(strings.TrimSuffix(o.Issuer, "/"))
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		settings = o.TLS.Clone()
	}
	settings.ServerName = issuer.Hostname() // Whichever node it is, it has that certificate.
	w := &wire{host: issuer.Host, path: issuer.Path, clock: c, meter: m, http: &http.Client{
		Timeout: o.Timeout,
		// No proxy: what is allowed is the host, not whoever stands in front of it.
		Transport: &http.Transport{
			MaxIdleConns: o.Connections, MaxIdleConnsPerHost: o.Connections, IdleConnTimeout: time.Minute,
			TLSClientConfig: settings, DisableCompression: true,
			DialContext: (&net.Dialer{Timeout: o.Timeout}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, via := range o.Via {
		base, err := url.Parse(via)
		if err != nil {
			return nil, fmt.Errorf("via: %w", err)
		}
		w.bases = append(w.bases, base)
	}
	if len(w.bases) == 0 {
		w.bases = []*url.URL{issuer}
	}
	return w, nil
}

// A request is what a visitor asks for.
type request struct {
	kind    kind
	due     time.Duration // When it should have been sent; 0 is now.
	method  string        // Empty is GET.
	path    string        // Below the issuer's path, with a query.
	browser int           // Whose browser sends it; 0 is none's.
	cookies cookies
	token   string // A bearer token.
	basic   [2]string
	form    url.Values
	json    string
	// fine are statuses that are answers of use, besides 200, 302 and 303.
	fine []int
}

// An answer is what came back, read to its end.
type answer struct {
	status int // 0 if there was none.
	header http.Header
	body   []byte
	span   audit.Span
}

// retryAfter returns how long the server asks to stay away.
func (a *answer) retryAfter() time.Duration {
	seconds, err := strconv.ParseUint(a.header.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// send sends a request, and measures it. There is always an answer; without a
// reply its status is 0.
func (w *wire) send(ctx context.Context, q request) *answer {
	sent := w.clock.now()
	if q.due == 0 {
		q.due = sent
	}
	got := &answer{}
	err := w.exchange(ctx, q, got)
	got.span = audit.Span{Invoked: sent, Completed: w.clock.now()}
	if ctx.Err() != nil {
		return got // The run was cut off, which says nothing of the server.
	}
	w.meter.request(q.kind, q.due, sent, got.span.Completed, q.fault(got, err))
	return got
}

// exchange sends a request and reads the answer.
func (w *wire) exchange(ctx context.Context, q request, got *answer) error {
	r, err := w.build(ctx, q)
	if err != nil {
		return err
	}
	response, err := w.http.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err // A reply cut short is none.
	}
	got.status, got.header, got.body = response.StatusCode, response.Header, body
	return nil
}

// build makes the HTTP request.
func (w *wire) build(ctx context.Context, q request) (*http.Request, error) {
	base := w.bases[(w.turn.Add(1)-1)%uint64(len(w.bases))]
	method, body := q.method, io.Reader(http.NoBody)
	if q.form != nil {
		body = strings.NewReader(q.form.Encode())
	} else if q.json != "" {
		body = strings.NewReader(q.json)
	}
	r, err := http.NewRequestWithContext(ctx, method, base.Scheme+"://"+base.Host+w.path+q.path, body)
	if err != nil {
		return nil, err
	}
	r.Host = w.host
	switch {
	case q.form != nil:
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case q.json != "":
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", "anteroom-load")
	if q.browser != 0 {
		// New browsers of one kind that come from one address at once are taken for
		// the tabs of one, and have to rest before they join.
		r.Header.Set("User-Agent", "anteroom-load/"+strconv.Itoa(q.browser))
	}
	if q.cookies != "" {
		r.Header.Set("Cookie", string(q.cookies))
	}
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	if q.basic[0] != "" {
		// RFC 6749 §2.3.1: both are form-encoded first.
		r.SetBasicAuth(url.QueryEscape(q.basic[0]), url.QueryEscape(q.basic[1]))
	}
	return r, nil
}

// fault names what came instead of an answer of use, or returns "".
func (q *request) fault(got *answer, err error) string {
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return "timeout"
		}
		return "no connection"
	}
	switch got.status {
	case http.StatusOK, http.StatusFound, http.StatusSeeOther:
		return ""
	}
	if slices.Contains(q.fine, got.status) {
		return ""
	}
	return strconv.Itoa(got.status)
}

// local returns path and query of an address below the issuer's, as a browser finds
// it in a redirect or a page.
func (w *wire) local(address string) (path string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host != "" && u.Host != w.host {
		return "", false
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), w.path)
	if !ok || !strings.HasPrefix(rest, "/") {
		return "", false
	}
	if u.RawQuery != "" {
		rest += "?" + u.RawQuery
	}
	return rest, true
}

// cookies are a browser's, as they are sent.
type cookies string

// with returns the cookies after an answer.
func (c cookies) with(header http.Header) cookies {
	for _, set := range (&http.Response{Header: header}).Cookies() {
		kept := make([]string, 0, 4)
		for pair := range strings.SplitSeq(string(c), "; ") {
			if name, _, _ := strings.Cut(pair, "="); pair != "" && name != set.Name {
				kept = append(kept, pair)
			}
		}
		if set.MaxAge >= 0 {
			kept = append(kept, set.Name+"="+set.Value)
		}
		c = cookies(strings.Join(kept, "; "))
	}
	return c
}

// find returns the value of the one cookie whose name holds part.
func (c cookies) find(part string) string {
	for pair := range strings.SplitSeq(string(c), "; ") {
		if name, value, _ := strings.Cut(pair, "="); strings.Contains(name, part) {
			return value
		}
	}
	return ""
}
