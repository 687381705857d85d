package oidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// sealed starts a login and returns the seal from the waiting page's URL.
func (b *browser) sealed(params url.Values) string {
	b.w.t.Helper()
	r := b.do(http.MethodGet, "/authorize?"+params.Encode(), nil)
	location, err := url.Parse(r.Header.Get("Location"))
	if err != nil || location.Query().Get(oidc.LoginParam) == "" {
		b.w.t.Fatalf("status %d, location %q", r.StatusCode, r.Header.Get("Location"))
	}
	return location.Query().Get(oidc.LoginParam)
}

func TestSealedLoginLivesFor48Hours(t *testing.T) {
	w := newWorld(t)
	w.line.sleep(14*time.Hour + 59*time.Minute) // one minute to midnight
	for name, params := range map[string]url.Values{
		"in the URL":   request(),
		"in the store": request("state", strings.Repeat("s", 8<<10)),
	} {
		seal := w.newBrowser().sealed(params)
		for _, step := range []struct {
			after time.Duration
			want  error
		}{
			{0, nil},
			{2 * time.Minute, nil},
			{48*time.Hour - 2*time.Minute, nil},
			{time.Second, oidc.ErrLoginExpired},
			{24 * time.Hour, oidc.ErrLoginExpired},
			{1000 * time.Hour, oidc.ErrLoginExpired},
		} {
			w.line.sleep(step.after)
			if _, err := w.provider.OpenLogin(t.Context(), seal); !errors.Is(err, step.want) {
				t.Errorf("%s, %v later: %v, want %v", name, step.after, err, step.want)
			}
			w.provider.PeekAgrees(t, seal)
		}
	}
}

func TestSealedLoginOpensForNobodyElse(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	seal := b.sealed(request())
	for name, bad := range map[string]string{
		"empty":                "",
		"garbage":              "garbage",
		"changed":              flip(seal),
		"cut off":              seal[:len(seal)-1],
		"with something added": seal + "A",
		"with a line break":    seal[:10] + "\n" + seal[10:],
		"padded":               seal + "=",
		"too long":             strings.Repeat("A", 100_000),
		// A tag is for one purpose: a pending request has no browser.
		"a pending request": strings.TrimPrefix(b.do(http.MethodPost, "/authorize", request()).Header.Get("Location"), "/line/authorize?pending="),
	} {
		if _, err := w.provider.OpenLogin(t.Context(), bad); !errors.Is(err, oidc.ErrBadLogin) && !errors.Is(err, oidc.ErrLoginExpired) {
			t.Errorf("%s: %v", name, err)
		}
		w.provider.PeekAgrees(t, bad)
	}
	if _, err := w.newProvider(secrets{"another installation"}).OpenLogin(t.Context(), seal); !errors.Is(err, oidc.ErrBadLogin) {
		t.Errorf("another installation: %v", err)
	}
	if r := b.do(http.MethodGet, "/authorize?pending="+seal, nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a login as a pending request: %d", r.StatusCode)
	}
	if a := w.newBrowser().follow(b.do(http.MethodPost, "/authorize", request())); a.values.Get("code") == "" {
		t.Errorf("a pending request binds to whoever brings it: %+v", a)
	}
	other := w.newBrowser()
	other.login(request())
	if r := other.do(http.MethodGet, "/wait?login="+seal, nil); r.StatusCode != http.StatusForbidden {
		t.Errorf("another browser: %d", r.StatusCode)
	}
}

// A configuration may change while people wait; what is no longer registered is
// not delivered to.
func TestSealedLoginIsCheckedAgainstTheRegistrationOfToday(t *testing.T) {
	w := newWorld(t)
	seal := w.newBrowser().sealed(request())
	secret := secrets{"a secret of thirty-two bytes....."}
	gone := testClients()[1:]
	moved := testClients()
	moved[0].RedirectURIs = []string{shopURI + "/new"}
	for name, clients := range map[string][]oidc.Client{"client": gone, "redirect URI": moved} {
		today := w.newProvider(secret, clients...)
		if _, err := today.OpenLogin(t.Context(), seal); !errors.Is(err, oidc.ErrBadLogin) {
			t.Errorf("%s: %v", name, err)
		}
		today.PeekAgrees(t, seal)
	}
	if _, err := w.newProvider(secret).OpenLogin(t.Context(), seal); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// Secrets are replaced by putting a new one in front of the old one.
func TestASecretCanBeReplacedWhilePeopleWait(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	seal := b.sealed(request())
	code := b.login(request("scope", "openid offline_access"))
	tokens := w.exchange(b.login(request("scope", "openid offline_access")))
	old := w.provider
	w.provider = w.newProvider(secrets{"the new secret", "a secret of thirty-two bytes....."})
	if _, err := w.provider.OpenLogin(t.Context(), seal); err != nil {
		t.Errorf("sealed before: %v", err)
	}
	if access, _ := w.provider.Tokens(tokens.AccessToken); access != nil {
		t.Errorf("access token: %v", access)
	}
	if _, refresh := w.provider.Tokens(tokens.RefreshToken); refresh != nil {
		t.Errorf("refresh token: %v", refresh)
	}
	if got := serveForm(w.provider, "/line/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {shopURI},
		"client_id": {"shop"}, "client_secret": {shopSecret},
	}); got.Code != http.StatusOK {
		t.Errorf("code: %s", got.Body)
	}
	if got := serveLogout(w.provider, b, tokens.IDToken); !strings.HasPrefix(got.Body.String(), "logged out") {
		t.Errorf("logout: %s", got.Body)
	}
	if _, err := old.OpenLogin(t.Context(), seal); err != nil {
		t.Errorf("the old provider: %v", err)
	}
}

// Only what doesn't fit into a URL costs the store anything.
func TestLongLoginsAreKeptInTheStore(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	short := b.sealed(request("state", strings.Repeat("s", 3<<10)))
	if len(short) > 6<<10 || len(w.line.kept) != 0 {
		t.Errorf("a seal of %d characters, %d kept", len(short), len(w.line.kept))
	}
	state := strings.Repeat("s", 12<<10)
	long := b.sealed(request("state", state))
	w.provider.PeekAgrees(t, long)
	if len(long) > 300 || len(w.line.kept) != 1 {
		t.Errorf("a seal of %d characters, %d kept", len(long), len(w.line.kept))
	}
	for _, value := range w.line.kept {
		if strings.Contains(string(value), "ssssssss") {
			t.Error("what is kept can be read")
		}
	}
	if a := b.follow(b.do(http.MethodGet, "/wait?login="+long, nil)); a.values.Get("state") != state {
		t.Errorf("answer %+v", a)
	}
	// By POST the request is kept once and not again when it is bound.
	w = newWorld(t)
	b = w.newBrowser()
	if a := b.follow(b.do(http.MethodPost, "/authorize", request("state", state))); a.values.Get("state") != state || len(w.line.kept) != 1 {
		t.Errorf("%d kept, answer %+v", len(w.line.kept), a)
	}
	// A changed or lost row is noticed.
	seal := b.sealed(request("client_id", "plain", "redirect_uri", "https://plain.example.com/cb", "state", state))
	for name := range w.line.kept {
		w.line.kept[name] = []byte("changed")
	}
	if _, err := w.provider.OpenLogin(t.Context(), seal); !errors.Is(err, oidc.ErrBadLogin) {
		t.Errorf("a changed row: %v", err)
	}
	clear(w.line.kept)
	if _, err := w.provider.OpenLogin(t.Context(), seal); !errors.Is(err, oidc.ErrLoginExpired) {
		t.Errorf("a lost row: %v", err)
	}
	w.provider.PeekAgrees(t, seal)
	w.line.fail(oidc.ErrUnavailable)
	if _, err := w.provider.OpenLogin(t.Context(), seal); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("no store: %v", err)
	}
	w.provider.PeekAgrees(t, seal)
}
