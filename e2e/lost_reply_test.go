//go:build e2e && linux

package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// addRoom gives nodes another room, whose inlet calls verbs that an operator
// doesn't.
func addRoom(x *trial) {
	x.config = strings.Replace(x.config, "rooms: [", "rooms: [{id: side, inlet: {kind: periodic, add: 1, every: 1s}}, ", 1)
	for _, n := range x.Nodes {
		n.configure(x.config)
	}
}

// loseReplies leaves nodes without a word on what became of their calls, of each
// verb at least once. What the crowd doesn't call is called besides.
func loseReplies(x *trial) {
	x.way.Lose(true)
	ends := time.Now().Add(8 * time.Second)
	calls := []struct {
		what string
		do   func() error
	}{
		{"a visitor comes with a long login", x.longLogin},
		{"a visitor confirms to be there, and leaves", x.confirmAndRevoke},
		{"keys are rotated", func() error {
			_, err := x.Nodes[1].ask(http.MethodPost, "/admin/api/keys/rotate", `{"purpose":"oidc"}`)
			return err
		}},
		{"a room is reset", func() error {
			_, err := x.Nodes[1].ask(http.MethodPost, "/private/reset_initial_state", `{"event_id":"side"}`)
			return err
		}},
	}
	for _, call := range calls {
		var err error
		for end := time.Now().Add(waitLimit); ; time.Sleep(100 * time.Millisecond) {
			if err = call.do(); err == nil || time.Now().After(end) {
				break
			}
		}
		if err != nil {
			x.Errorf("%s: %v", call.what, err)
		}
	}
	// A node begins, with other rules, and a room of nobody's interest is forgotten.
	x.Nodes[0].Stop()
	x.Nodes[0].configure(strings.Replace(x.config, "session_ttl: 1h", "session_ttl: 2h", 1))
	x.way.Spare(true) // Three lost replies in a row end a start, and one in a thousand has them.
	x.Nodes[0].start()
	x.way.Spare(false)
	x.Redis[0].Do("DEL", "{side}:r")
	eventually(x.T, "a reply of each verb gets lost", func() bool {
		spared, lost := x.way.Spared()
		return len(spared) == 0 && lost >= 50 && time.Now().After(ends)
	})
	x.way.Lose(false)
	_, lost := x.way.Spared()
	x.Logf("%d replies got lost", lost)
}

// longLogin takes a place with a login that is too long for a URL, so that it is kept in
// the store.
func (x *trial) longLogin() error {
	g := newGuest(x.Issuer, http.DefaultTransport)
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {guestCallback}, "response_type": {"code"}, "scope": {"openid"},
		"state": {strings.Repeat("s", 7000)},
	}
	if err := g.load(g.issuer + "/authorize?" + q.Encode()); err != nil {
		x.probes.failed.Add(1)
		return err
	}
	x.guests.Add(1)
	return g.Look()
}

// visit waits in line and comes in.
func (x *trial) visit() (*guest, error) {
	g := newGuest(x.Issuer, http.DefaultTransport)
	if err := g.Come(""); err != nil {
		x.probes.failed.Add(1)
		return nil, err
	}
	x.guests.Add(1)
	for end := time.Now().Add(waitLimit); g.code == ""; time.Sleep(500 * time.Millisecond) {
		if err := g.Look(); err != nil && !errors.Is(err, errLater) {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, errors.New("the visitor's turn doesn't come")
		}
	}
	return g, g.Redeem()
}

// confirmAndRevoke lets a visitor in, who is asked to log in again, presses the button,
// and has the token revoked.
func (x *trial) confirmAndRevoke() error {
	g, err := x.visit()
	if err != nil {
		return err
	}
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {guestCallback}, "response_type": {"code"}, "scope": {"openid"}, "prompt": {"login"},
	}
	r, err := http.NewRequest(http.MethodGet, g.issuer+"/authorize?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	page, err := answers(g.http, r)
	if err != nil {
		return err
	}
	if page.status != http.StatusOK {
		return fmt.Errorf("a visitor inside who has to log in again gets %d: %.300s", page.status, page.body)
	}
	if err := submit(g.http, page.from.String(), url.Values{"action": {"confirm"}}); err != nil {
		return err
	}
	form := url.Values{"token": {g.refresh}, "client_id": {"shop"}, "client_secret": {guestSecret}}
	return submit(g.http, g.issuer+"/revoke", form)
}

// submit sends a form, and returns an error if that isn't taken.
func submit(client *http.Client, address string, form url.Values) error {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, err := answers(client, r)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("POST %s answers %d: %.300s", address, got.status, got.body)
	}
	return err
}
