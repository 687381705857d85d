package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxPage bounds what is read of an answer.
const maxPage = 1 << 20

// A visitor is a browser that came from the relying party and stands in line.
type visitor struct {
	address string
	cookies []*http.Cookie
	path    string // Of the waiting page, with its query.
	page    string // Its HTML.
	http    http.Client
}

// newVisitor sends a browser to the server as a relying party does, and on to the
// waiting page, where it gets a place.
func newVisitor(ctx context.Context, address string) (*visitor, error) {
	v := &visitor{address: address, http: http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	const random = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // As long as real ones; RFC 7636 appendix B.
	query := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {redirectURI}, "scope": {"openid"},
		"state": {random}, "nonce": {random}, "code_challenge": {random}, "code_challenge_method": {"S256"},
	}
	redirect, err := v.get(ctx, "/authorize?"+query.Encode())
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(redirect.header.Get("Location"))
	if err != nil || redirect.status != http.StatusSeeOther {
		return nil, fmt.Errorf("GET /authorize answers %d instead of a way to the waiting page", redirect.status)
	}
	v.path = to.RequestURI()
	page, err := v.get(ctx, v.path)
	if err != nil {
		return nil, err
	}
	if page.status != http.StatusOK {
		return nil, fmt.Errorf("the waiting page answers %d", page.status)
	}
	v.page = string(page.body)
	return v, nil
}

// loaded is an answer that was read to its end.
type loaded struct {
	status int
	header http.Header
	body   []byte
}

// get asks for a path of the server and keeps the cookies that it sets. The jar of
// net/http would not send them, as they are for https alone, where a proxy's
// business ends.
func (v *visitor) get(ctx context.Context, path string) (loaded, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.address+path, nil)
	if err != nil {
		return loaded{}, err
	}
	request.Host = host
	request.Header.Set("Accept-Encoding", "gzip")
	for _, cookie := range v.cookies {
		request.AddCookie(cookie)
	}
	response, err := v.http.Do(request)
	if err != nil {
		return loaded{}, err
	}
	defer response.Body.Close() //nolint:errcheck // Read to its end.
	v.cookies = append(v.cookies, response.Cookies()...)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	return loaded{response.StatusCode, response.Header, body}, err
}

// poll returns the request that the page's script sends.
func (v *visitor) poll() string {
	cookies := make([]string, len(v.cookies))
	for i, cookie := range v.cookies {
		cookies[i] = cookie.Name + "=" + cookie.Value
	}
	path, query, _ := strings.Cut(v.path, "?")
	return "GET " + path + "/status?" + query + " HTTP/1.1\r\nHost: " + host + "\r\nCookie: " + strings.Join(cookies, "; ") + "\r\n\r\n"
}
