package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tests hold the mapping of OpenID Connect to the line, sentence by
// sentence, where no other test does.

func TestAuthTimeIsTheAdmission(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	admitted := w.line.Now().Truncate(time.Second)
	b.login(request())
	w.line.sleep(20 * time.Minute)
	// A later login of the same visit is no new authentication.
	c := claims(t, w.exchange(b.login(request())).IDToken)
	if got := c["auth_time"]; got != float64(admitted.Unix()) {
		t.Errorf("auth_time %v, want %v", got, admitted.Unix())
	}
	if amr, _ := c["amr"].([]any); !slices.Equal(amr, []any{"fifo"}) {
		t.Errorf("amr %v", c["amr"])
	}
}

// Whoever confirms at one client has not logged in anew at another: what a
// code or a grant began with stays.
func TestAuthTimeNeverChangesWithinACodeOrAGrant(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	first := b.tokensOf("forum")
	authTime := claims(t, first.IDToken)["auth_time"]
	w.line.sleep(2 * time.Second)
	code := b.login(request(as("forum")...))
	again := b.ask(request(as("forum", "prompt", "login")...))
	confirmed := b.follow(b.do(http.MethodGet, again.last.Request.URL.String()+"&confirm=1", nil))
	moved := claims(t, w.exchange(confirmed.values.Get("code"), as("forum", "client_secret", "forum-secret")...).IDToken)["auth_time"]
	if moved == authTime {
		t.Fatal("the confirmation does not move auth_time")
	}
	pending := w.exchange(code, as("forum", "client_secret", "forum-secret")...)
	if got := claims(t, pending.IDToken)["auth_time"]; got != authTime {
		t.Errorf("a code issued before: auth_time %v, want %v", got, authTime)
	}
	if got := claims(t, w.refresh("forum", first.RefreshToken).IDToken)["auth_time"]; got != authTime {
		t.Errorf("a grant of before: auth_time %v, want %v", got, authTime)
	}
}

func TestEachAuthorizationRequestGetsItsOwnCode(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	seen := map[string]bool{}
	for range 5 {
		code := b.login(request())
		if got := w.exchange(code); seen[code] || got.StatusCode != http.StatusOK {
			t.Errorf("seen %v, status %d, body %s", seen[code], got.StatusCode, got.body)
		}
		seen[code] = true
	}
}

func TestASecondClientSeesTheSameVisit(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	first := claims(t, b.tokensOf("api").IDToken)
	w.open.Store(false) // Whoever has to wait now doesn't get in.
	second := claims(t, b.tokensOf("strict").IDToken)
	for _, name := range []string{"sub", "sid", "auth_time"} {
		if first[name] != second[name] {
			t.Errorf("%s was %v and is %v", name, first[name], second[name])
		}
	}
}

// The successor's first use is what ends the grace of its predecessor.
func TestAPredecessorIsRefusedAfterItsGrace(t *testing.T) {
	for name, after := range map[string]time.Duration{"within 60 s": time.Minute, "later": time.Minute + time.Second} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.newBrowser().tokensOf("api")
			successor := w.refresh("api", first.RefreshToken)
			w.line.sleep(after)
			good := after <= time.Minute
			if got := w.refresh("api", first.RefreshToken); (got.StatusCode == http.StatusOK) != good {
				t.Errorf("the predecessor: status %d, body %s", got.StatusCode, got.body)
			}
			if got := w.refresh("api", successor.RefreshToken); (got.StatusCode == http.StatusOK) != good {
				t.Errorf("the successor: status %d, body %s", got.StatusCode, got.body)
			}
		})
	}
}

// A public client whose reply was lost has no way to prove it: the repetition
// ends the grant, and a new login is silent.
func TestAPublicClientLogsInAgainAfterALostReply(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	spa := []string{"client_id", "spa", "client_secret", "", "redirect_uri", "https://spa.example.com/cb"}
	login := request("client_id", "spa", "redirect_uri", "https://spa.example.com/cb", "scope", "openid offline_access",
		"code_challenge", challenge, "code_challenge_method", "S256")
	first := w.exchange(b.login(login), append(spa, "code_verifier", verifier)...)
	b.login(request()) // Another client keeps the visit alive.
	w.exchange(b.login(request()))
	repeat := append(spa, "grant_type", "refresh_token", "refresh_token", first.RefreshToken)
	w.exchange("", repeat...)
	if got := w.exchange("", repeat...); got.Error != "invalid_grant" {
		t.Errorf("body %s", got.body)
	}
	login.Set("prompt", "none")
	if got := w.exchange(b.login(login), append(spa, "code_verifier", verifier)...); got.StatusCode != http.StatusOK {
		t.Errorf("status %d, body %s", got.StatusCode, got.body)
	}
}

func TestAClientEndsItsOwnGrantOnly(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	mine, theirs := b.tokensOf("api"), b.tokensOf("forum")
	w.post("/revoke", url.Values{"token": {mine.RefreshToken}}, "Authorization", basic("api", "api-secret"))
	if r := w.userinfo(mine.AccessToken); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked grant: %d", r.StatusCode)
	}
	if r := w.userinfo(theirs.AccessToken); r.StatusCode != http.StatusOK || !b.admitted() {
		t.Errorf("the other client's grant: %d", r.StatusCode)
	}
}

func TestUnknownScopesAndParametersAreIgnored(t *testing.T) {
	w := newWorld(t)
	got := w.exchange(w.newBrowser().login(request("scope", "openid email profile made-up", "ui_locales", "de", "acr_values", "x", "claims", "{}", "made-up", "y")))
	if got.StatusCode != http.StatusOK || got.Scope != "openid" {
		t.Errorf("status %d, body %s", got.StatusCode, got.body)
	}
	for _, name := range []string{"email", "name", "acr"} {
		if _, ok := claims(t, got.IDToken)[name]; ok {
			t.Errorf("the ID token has %s", name)
		}
	}
	if info := w.userinfo(got.AccessToken); strings.Contains(info.body, "email") {
		t.Errorf("userinfo %s", info.body)
	}
}
