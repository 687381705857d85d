//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"testing"
)

// A visitor is a browser without scripts: a cookie jar that follows redirects.
// Hundreds of them cost nothing.
type visitor struct {
	shop *shop
	http *http.Client

	// Page is the waiting page's address, and Position the place in line, as the
	// last [visitor.Come] or [visitor.Look] found them.
	Page     string
	Position int64
	// Inside is what the shop has been told of the visitor; nil for one who waits.
	Inside map[string]any
}

var (
	positionOnPage = regexp.MustCompile(`data-position="(\d+)"`)
	addressOnPage  = regexp.MustCompile(`data-page="([^"]+)"`)
	claimsOnPage   = regexp.MustCompile(`<pre id="claims">([^<]+)</pre>`)
)

func newVisitor(t *testing.T, s *shop) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{shop: s, http: &http.Client{Jar: jar, Timeout: actionLimit}}
}

// Come goes to the shop and ends up in line or inside.
func (v *visitor) Come() error { return v.load(v.shop.URL + "/") }

// Look loads the waiting page again, which leads inside if it is the visitor's
// turn.
func (v *visitor) Look() error { return v.load(v.Page) }

// load loads a page and notes what it says.
func (v *visitor) load(address string) error {
	resp, err := v.http.Get(address)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d: %s", resp.Request.URL.Path, resp.StatusCode, body)
	}
	if m := claimsOnPage.FindSubmatch(body); m != nil {
		return json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &v.Inside)
	}
	position, page := positionOnPage.FindSubmatch(body), addressOnPage.FindSubmatch(body)
	if position == nil || page == nil {
		return fmt.Errorf("%s is neither the shop nor the line: %s", resp.Request.URL.Path, body)
	}
	v.Position, err = strconv.ParseInt(string(position[1]), 10, 64)
	if err != nil {
		return err
	}
	at, err := resp.Request.URL.Parse(html.UnescapeString(string(page[1])))
	if err != nil {
		return err
	}
	v.Page = at.String()
	return nil
}

// State asks for the state of the visitor's place, as the page's script does.
func (v *visitor) State() (string, error) {
	at, err := url.Parse(v.Page)
	if err != nil {
		return "", err
	}
	at.Path += "/status"
	resp, err := v.http.Get(at.String())
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		State string `json:"state"`
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	return answer.State, err
}
