//go:build e2e

package e2e_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A farewell is what a logout module sends. Its hint is made of the ID token and
// "" sends none, as do an empty uri and state.
type farewell struct {
	hint       func(*module, suiteTokens) string
	uri, state string
}

// suiteState is what the suite sends as state: letters, digits and all
// punctuation that it uses.
func suiteState() string {
	return rand.Text() + rand.Text()[:24] + "0123456789" + "!\"#$%&'()*,-./:<=>?@[\\]^_`{|}~"
}

func sameHint(_ *module, got suiteTokens) string { return got.id }

func noHint(*module, suiteTokens) string { return "" }

// unsignedHint is the ID token with the algorithm none.
func unsignedHint(_ *module, got suiteTokens) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(got.id, ".")[1] + "."
}

// clientsHint is signed by the client with its secret.
func clientsHint(m *module, got suiteTokens) string {
	now := time.Now().Unix()
	payload, err := json.Marshal(map[string]any{
		"iss": firstClient.id, "aud": m.suite.server.Issuer, "sub": got.claims["sub"], "sid": got.claims["sid"], "iat": now, "exp": now + 300,
	})
	if err != nil {
		m.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(firstClient.secret))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// logsOut logs in, and then out by GET.
func (m *module) logsOut(f farewell) landing {
	m.Helper()
	got := m.login(firstClient)
	params := url.Values{}
	for name, value := range map[string]string{"id_token_hint": f.hint(m, got), "post_logout_redirect_uri": f.uri, "state": f.state} {
		if value != "" {
			params.Set(name, value)
		}
	}
	return m.arrives(m.browser.Goes(m.endpoint("end_session_endpoint") + "?" + params.Encode()))
}

// logoutReturns is a logout that leads back to the client, with the state that
// it sent and no other parameter, and ends the session.
func logoutReturns(state func() string) func(*module) {
	return func(m *module) {
		sent := state()
		at := m.logsOut(farewell{sameHint, suiteLogoutReturn, sent})
		if at.back == nil {
			m.Fatalf("the browser stays at %s with status %d", at.page.from.Path, at.page.status)
		}
		if bare, _, _ := strings.Cut(at.back.url.String(), "?"); bare != suiteLogoutReturn {
			m.Errorf("the way back is %s", at.back.url)
		}
		if got := at.back.values; got.Get("state") != sent || got.Has("state") != (sent != "") {
			m.Errorf("state is %q, want %q", got.Get("state"), sent)
		}
		m.checkNames(at.back.values, "state")
		params := m.request(firstClient, "prompt", "none")
		if got := m.fault(params, m.ask(params)); !slices.Contains(noLogin, got) {
			m.Errorf("after the logout, prompt=none is answered by %s", got)
		}
	}
}

// logoutStays is a logout that may lead nowhere but to a page: that the visit
// has ended, or the question whether it should, whose button does the same.
func logoutStays(hint func(*module, suiteTokens) string, uri string, state func() string) func(*module) {
	return func(m *module) {
		at := m.logsOut(farewell{hint, uri, state()})
		page := m.staysOnPage(at)
		if strings.Contains(page.body, `name="confirm"`) {
			m.staysOnPage(m.confirms(at))
		}
	}
}

func noState() string { return "" }

func logoutDiscovery(m *module) {
	m.endpoint("end_session_endpoint")
	m.checkHTTPS()
}
