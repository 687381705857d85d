package oidc

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Tokens opens access and refresh tokens for tests.
func (p *Provider) Tokens(token string) (access, refresh error) {
	_, access = p.openEither(p.queue.Now(), token)
	_, refresh = p.openRefresh(p.queue.Now(), token)
	return access, refresh
}

// RoundTrip fails the test unless what a token says makes the same token
// content again.
func (p *Provider) RoundTrip(t *testing.T, subject string, generation int64, grant uint64, number uint32, offline bool) {
	t.Helper()
	now := p.queue.Now()
	h := handle{
		client: clientMark{1, 2, 3}, subject: subject, generation: generation, grant: grant,
		expires: now.Truncate(time.Second).UTC(), offline: offline,
	}
	equal := cmp.AllowUnexported(handle{})
	access, err := sealAccess(p.accessSeal, now, h)
	if err != nil {
		// What can't be packed is refused instead of mangled.
		if _, packErr := h.encode(0); packErr == nil {
			t.Fatal(err)
		}
		return
	}
	if len(access) >= 100 {
		t.Errorf("an access token of %d characters", len(access))
	}
	got, err := openAccess(p.accessSeal, now, access)
	if diff := cmp.Diff(h, got, equal); diff != "" || err != nil {
		t.Errorf("access token: %v, %s", err, diff)
	}
	h.expires, h.number = time.Time{}, number
	h.pseudonym = pseudonym{1, 2, 3}
	refresh, err := p.sealRefresh(now, h)
	if err != nil {
		t.Fatal(err)
	}
	got, err = p.openRefresh(now, refresh)
	if diff := cmp.Diff(h, got, equal); diff != "" || err != nil {
		t.Errorf("refresh token: %v, %s", err, diff)
	}
	if _, err := openAccess(p.accessSeal, now, refresh); err == nil {
		t.Error("a refresh token opens as an access token")
	}
	if _, err := p.openRefresh(now, access); err == nil {
		t.Error("an access token opens as a refresh token")
	}
}

// DecodeLogin decodes what a seal holds and fails the test unless an accepted
// value encodes to an equal login.
func (p *Provider) DecodeLogin(t *testing.T, b []byte) {
	t.Helper()
	login, err := decodeLogin(string(b), p.clients)
	if err != nil {
		return
	}
	again, err := decodeLogin(string(login.encode()), p.clients)
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffLogins(login, again); diff != "" {
		t.Error(diff)
	}
}

// EncodeLogin returns what a seal holds, as a seed.
func (p *Provider) EncodeLogin(login *Login) []byte { return login.encode() }

// Reseal seals a login again and opens it, and fails the test unless it is equal.
func (p *Provider) Reseal(t *testing.T, login *Login) {
	t.Helper()
	again := *login
	if err := p.sealLogin(t.Context(), p.loginSeal, &again); err != nil {
		t.Fatal(err)
	}
	opened, err := p.OpenLogin(t.Context(), again.sealed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffLogins(login, opened); diff != "" {
		t.Error(diff)
	}
}

// PeekAgrees fails the test unless a glance at a seal tells what opening it tells.
func (p *Provider) PeekAgrees(t *testing.T, sealed string) {
	t.Helper()
	var wantRoom string
	var wantBrowser Browser
	login, want := p.OpenLogin(t.Context(), sealed)
	if want == nil {
		wantRoom, wantBrowser = login.Room(), login.Browser()
	}
	room, browser, err := p.Peek(t.Context(), sealed)
	if room != wantRoom || browser != wantBrowser {
		t.Errorf("a glance tells %q and %x, opening %q and %x", room, browser, wantRoom, wantBrowser)
	}
	for _, sentinel := range []error{nil, ErrBadLogin, ErrLoginExpired, ErrUnavailable} {
		if errors.Is(err, sentinel) != errors.Is(want, sentinel) {
			t.Errorf("a glance answers %v, opening %v", err, want)
		}
	}
}

// diffLogins compares logins but for the seals they came in.
func diffLogins(a, b *Login) string {
	first, second := *a, *b
	first.sealed, second.sealed = "", ""
	return cmp.Diff(&first, &second, cmp.AllowUnexported(Login{}), cmpopts.IgnoreUnexported(Client{}))
}

// ParseBasic parses an Authorization header.
func (p *Provider) ParseBasic(header string) (id string, secrets []string, ok bool) {
	c, ok := p.parseBasic(header)
	return c.id, c.secrets, ok
}

// DecodeCodePayload decodes what a queue keeps of a code and fails the test
// unless an accepted value encodes to an equal payload.
func DecodeCodePayload(t *testing.T, b []byte) {
	t.Helper()
	payload, err := decodeCodePayload(b)
	if err != nil {
		return
	}
	again, err := decodeCodePayload(payload.encode())
	if diff := cmp.Diff(payload, again, cmp.AllowUnexported(codePayload{})); diff != "" || err != nil {
		t.Errorf("payload: %v, %s", err, diff)
	}
}
