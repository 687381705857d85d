//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
)

const (
	// guestCallback is where codes are sent. Nobody listens there: a guest stops
	// before it and reads the code itself.
	guestCallback = "http://127.0.0.1:9/callback"
	guestSecret   = "guestsGuestsGuestsGuests"
	// guestClient is the relying party of all guests, as configuration. The hash
	// is that of guestSecret.
	guestClient = `clients:
  - id: shop
    room: sale
    secret_sha256: "%x"
    redirect_uris: ["` + guestCallback + `"]
    refresh: always
`
)

// An unanswered error says that the server went away in the middle of a request,
// whose effect is unknown. Any other error of a guest is an answer that should
// not have been.
type unanswered struct{ error }

// A reply is an answer that was read to its end.
type reply struct {
	status   int
	header   http.Header
	from     *url.URL // The page that answered, after redirects.
	location *url.URL // Where it sends the visitor; nil for nowhere.
	body     string
}

// answers sends r and reads the answer to its end.
func answers(client *http.Client, r *http.Request) (reply, error) {
	resp, err := client.Do(r)
	if err != nil {
		return reply{}, unanswered{err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, unanswered{err}
	}
	got := reply{status: resp.StatusCode, header: resp.Header, from: resp.Request.URL, body: string(body)}
	if at, err := resp.Location(); err == nil {
		got.location = at
	}
	return got, nil
}

// errLater is an answer of 503 that says when to come again.
var errLater = errors.New("503 with Retry-After")

// later returns errLater if that is what the answer says.
func later(got reply) error {
	if got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != "" {
		return errLater
	}
	return nil
}

// A guest is a visitor with a cookie jar, and at the same time the relying
// party where it logs in, so that a test knows each answer that got through.
type guest struct {
	issuer string
	http   *http.Client

	page     string // The waiting page's address.
	position int64  // 0 until a page has said it.
	// code is one that wasn't redeemed, or whose redemption wasn't answered.
	code string
	// inside is true once a code was received: the session is acknowledged.
	inside bool

	sub, access, refresh, id string // What the last answered redemption gave.

	redeemed string // The code of it.
	replayed bool   // That code was presented again, which ends the tokens.
	asked    int    // How often it had to press a button to go on.
	unsure   bool   // A refresh wasn't answered, and must be tried again soon.
}

// newGuest returns a guest who shares connections with others.
func newGuest(issuer string, transport http.RoundTripper) *guest {
	jar, _ := cookiejar.New(nil) // Without options it never fails.
	g := &guest{issuer: issuer}
	g.http = &http.Client{
		Jar: jar, Transport: transport, Timeout: actionLimit,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), guestCallback) {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	return g
}

// Come begins a login, and ends up in line or with a code.
func (g *guest) Come(prompt string) error {
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {guestCallback}, "response_type": {"code"},
		"scope": {"openid"}, "state": {"state"},
	}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	return g.load(g.issuer + "/authorize?" + q.Encode())
}

// Look loads the waiting page again.
func (g *guest) Look() error { return g.load(g.page) }

// load loads a page, and checks that a position that was known is still the same.
func (g *guest) load(address string) error {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := answers(g.http, r)
	if err != nil {
		return err
	}
	if at := resp.location; at != nil {
		if g.code = at.Query().Get("code"); g.code == "" {
			return fmt.Errorf("the guest at %d is sent back without a code: %s", g.position, at.Query().Get("error"))
		}
		g.inside = true
		return nil
	}
	if err := later(resp); err != nil {
		return err
	}
	if !g.inside && strings.Contains(resp.body, `value="continue"`) {
		return g.carryOn(resp.from.String())
	}
	position, page := positionOnPage.FindStringSubmatch(resp.body), addressOnPage.FindStringSubmatch(resp.body)
	if resp.status != http.StatusOK || position == nil || page == nil {
		return fmt.Errorf("the guest at %d got %d, not the line: %.500s", g.position, resp.status, resp.body)
	}
	if g.inside {
		return fmt.Errorf("the guest at %d was inside and is in line again", g.position)
	}
	at, err := resp.from.Parse(html.UnescapeString(page[1]))
	if err != nil {
		return err
	}
	g.page = at.String()
	return g.at(position[1])
}

// carryOn presses the button of the page that asks whether to continue here: the
// turn was taken up, but the answer with the session cookie never arrived.
func (g *guest) carryOn(page string) error {
	r, err := http.NewRequest(http.MethodPost, page, strings.NewReader("action=continue"))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	g.asked++
	resp, err := answers(g.http, r)
	switch {
	case err != nil:
		return err
	case resp.status >= http.StatusBadRequest:
		return fmt.Errorf("the guest at %d may not continue: %d %.500s", g.position, resp.status, resp.body)
	}
	return g.Come("none")
}

// at is told the guest's position.
func (g *guest) at(text string) error {
	position, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	if g.position != 0 && g.position != position {
		return fmt.Errorf("the guest at %d is now at %d", g.position, position)
	}
	g.position = position
	return nil
}

// errInvalidGrant is the refusal of a code or token that is not good.
var errInvalidGrant = errors.New("invalid_grant")

// Redeem redeems the code that the guest has.
func (g *guest) Redeem() error {
	code := g.code
	if err := g.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {guestCallback}}); err != nil {
		return err
	}
	g.code, g.redeemed, g.replayed = "", code, false
	return g.Known()
}

// Refresh uses the refresh token.
func (g *guest) Refresh() error {
	g.unsure = true
	err := g.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.refresh}})
	g.unsure = err != nil
	return err
}

// Replay presents the redeemed code again, which must be refused.
func (g *guest) Replay() error {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {g.redeemed}, "redirect_uri": {guestCallback}}
	err := g.token(form)
	if errors.Is(err, errInvalidGrant) {
		g.replayed = true
		return nil
	}
	if err == nil {
		return fmt.Errorf("the code of the guest at %d was redeemed twice", g.position)
	}
	return err
}

// token calls the token endpoint.
func (g *guest) token(form url.Values) error {
	r, err := http.NewRequest(http.MethodPost, g.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("shop", guestSecret)
	resp, err := answers(&http.Client{Transport: g.http.Transport, Timeout: actionLimit}, r)
	if err != nil {
		return err
	}
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
		Error   string `json:"error"`
	}
	err = json.Unmarshal([]byte(resp.body), &got)
	switch {
	case err == nil && got.Error == "invalid_grant":
		return fmt.Errorf("the guest at %d: %s: %w", g.position, form.Get("grant_type"), errInvalidGrant)
	case err != nil || resp.status != http.StatusOK || got.Access == "" || got.Refresh == "":
		return fmt.Errorf("the guest at %d: %s answers %d: %s", g.position, form.Get("grant_type"), resp.status, resp.body)
	}
	g.access, g.refresh, g.id = got.Access, got.Refresh, got.ID
	return nil
}

// Known asks with the access token who the guest is, and checks that the answer
// is the same as ever.
func (g *guest) Known() error {
	r, err := http.NewRequest(http.MethodGet, g.issuer+"/userinfo", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+g.access)
	resp, err := answers(&http.Client{Transport: g.http.Transport, Timeout: actionLimit}, r)
	if err != nil {
		return err
	}
	var got struct {
		Subject  string      `json:"sub"`
		Position json.Number `json:"queue_position"`
	}
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil || resp.status != http.StatusOK {
		return fmt.Errorf("the session of the guest at %d is lost: %d %s", g.position, resp.status, resp.body)
	}
	if g.sub != "" && g.sub != got.Subject {
		return fmt.Errorf("the guest at %d was %s and is %s", g.position, g.sub, got.Subject)
	}
	g.sub = got.Subject
	return g.at(got.Position.String())
}

// A bearer is a place that was taken by the JSON API.
type bearer struct {
	id       string
	position int64 // 0 until it was asked for and answered.
}

// joinAPI takes a place by the JSON API.
func joinAPI(client *http.Client, issuer string) (*bearer, error) {
	r, err := http.NewRequest(http.MethodPost, issuer+"/public/assign_queue_num", strings.NewReader(`{"event_id":"sale"}`))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := answers(client, r)
	if err != nil {
		return nil, err
	}
	if err := later(resp); err != nil {
		return nil, err
	}
	var got struct {
		ID string `json:"api_request_id"`
	}
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil || got.ID == "" {
		return nil, fmt.Errorf("assign_queue_num answers %d: %s", resp.status, resp.body)
	}
	return &bearer{id: got.ID}, nil
}

// errNoPlace says that nobody holds the place.
var errNoPlace = errors.New("no such place")

// Look asks for the position, which must be the same as ever.
func (b *bearer) Look(client *http.Client, issuer string) error {
	r, err := http.NewRequest(http.MethodGet, issuer+"/public/queue_num?event_id=sale&request_id="+b.id, nil)
	if err != nil {
		return err
	}
	resp, err := answers(client, r)
	if err != nil {
		return err
	}
	var got struct {
		Position int64 `json:"queue_number"`
	}
	if resp.status == http.StatusAccepted { // As the AWS solution says it.
		return fmt.Errorf("the place at %d: %w", b.position, errNoPlace)
	}
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil || got.Position == 0 {
		return fmt.Errorf("queue_num of the place at %d answers %d: %s", b.position, resp.status, resp.body)
	}
	if b.position != 0 && b.position != got.Position {
		return fmt.Errorf("the place at %d is now at %d", b.position, got.Position)
	}
	b.position = got.Position
	return nil
}
