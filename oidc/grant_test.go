package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

func TestExpiresInNeverExceedsTheSession(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	if got := w.exchange(b.login(request())); got.ExpiresIn != 900 || got.TokenType != "Bearer" || got.Scope != "openid" || got.RefreshToken != "" {
		t.Errorf("body %s", got.body)
	}
	first := w.exchange(b.login(request()))
	w.line.sleep(15*time.Minute - time.Second)
	if r := w.userinfo(first.AccessToken); r.StatusCode != http.StatusOK {
		t.Errorf("before its end: %d", r.StatusCode)
	}
	w.line.sleep(time.Second)
	if r := w.userinfo(first.AccessToken); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("after its end, while the session lives: %d", r.StatusCode)
	}
	if got := w.post("/revoke", url.Values{"token": {first.AccessToken}, "client_id": {"shop"}, "client_secret": {shopSecret}}); got.StatusCode != http.StatusOK {
		t.Errorf("revoking it: %d", got.StatusCode)
	}
	w.line.sleep(35 * time.Minute)
	got := w.exchange(b.login(request()))
	if got.ExpiresIn != 600 {
		t.Errorf("expires_in %d, want the rest of the hour", got.ExpiresIn)
	}
	if c := claims(t, got.IDToken); c["exp"].(float64)-c["iat"].(float64) != 600 {
		t.Errorf("exp %v, iat %v", c["exp"], c["iat"])
	}
	w.line.sleep(10 * time.Minute)
	if r := w.userinfo(got.AccessToken); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("after its life: %d", r.StatusCode)
	}
}

// A gateway whose session ends with its tokens came back within the visit's last
// second, got a code for what was left of it, and had it refused for being less
// than a second: its visitor saw an error page.
func TestTokensLastUntilTheVisitIsOver(t *testing.T) {
	w := newWorld(t)
	w.line.sleep(300 * time.Millisecond)
	b := w.newBrowser()
	w.exchange(b.login(request()))
	end := w.line.Now().Add(time.Hour)
	w.line.sleep(time.Hour - 1700*time.Millisecond)
	for _, expiresIn := range []int{2, 1} {
		got := w.exchange(b.login(request()))
		if exp := time.Unix(int64(claims(t, got.IDToken)["exp"].(float64)), 0); exp.Before(end) || exp.Sub(end) >= time.Second {
			t.Errorf("the ID token ends at %v, want the second in which the visit ends at %v to be over", exp, end)
		}
		if got.ExpiresIn != expiresIn {
			t.Errorf("expires_in %d, want %d", got.ExpiresIn, expiresIn)
		}
		w.line.sleep(time.Second)
	}
	if b.admitted() {
		t.Error("the visit outlives its end")
	}
}

func TestTokenEndpointWhileItCannotAnswer(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := w.exchange(b.login(request("scope", "openid offline_access")))
	code := b.login(request())
	check := func(what string, got tokenReply) {
		t.Helper()
		if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || got.Error != "temporarily_unavailable" {
			t.Errorf("%s: status %d, header %v, body %s", what, got.StatusCode, got.Header, got.body)
		}
	}
	refresh := []string{"grant_type", "refresh_token", "refresh_token", tokens.RefreshToken}
	w.keys.off.Store(true)
	check("no key yet", w.exchange(code))
	check("no key yet, refresh", w.exchange("", refresh...))
	check("no key yet, key set", w.post("/token", url.Values{
		"client_id": {"shop"}, "client_secret": {shopSecret}, "grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken},
	}))
	if r := b.do(http.MethodGet, "/.well-known/jwks.json", nil); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("key set: %d", r.StatusCode)
	}
	if a := b.ask(request("id_token_hint", tokens.IDToken)); a.values.Get("error") != "temporarily_unavailable" {
		t.Errorf("a hint that can't be verified yet: %+v", a)
	}
	w.keys.off.Store(false)
	w.line.fail(oidc.ErrUnavailable)
	check("no store", w.exchange(code))
	check("no store, refresh", w.exchange("", refresh...))
	check("no store, userinfo", w.post("/userinfo", url.Values{"access_token": {tokens.AccessToken}}))
	check("no store, revocation", w.post("/revoke", url.Values{
		"client_id": {"shop"}, "client_secret": {shopSecret}, "token": {tokens.RefreshToken},
	}))
	w.line.fail(nil)
	if got := w.exchange(code); got.StatusCode != http.StatusOK {
		t.Errorf("the code was lost meanwhile: %s", got.body)
	}
	if got := w.exchange("", refresh...); got.StatusCode != http.StatusOK {
		t.Errorf("the refresh token was lost meanwhile: %s", got.body)
	}
}

func TestRefresh(t *testing.T) {
	offline := request("scope", "openid offline_access")
	refresh := func(w *world, token string) tokenReply {
		return w.exchange("", "grant_type", "refresh_token", "refresh_token", token)
	}
	t.Run("the policy never", func(t *testing.T) {
		w := newWorld(t)
		plain := []string{"client_id", "plain", "redirect_uri", "https://plain.example.com/cb"}
		got := w.exchange(w.newBrowser().login(request(append(plain, "scope", "openid offline_access")...)), append(plain, "client_secret", "plain-secret")...)
		if got.RefreshToken != "" || got.Scope != "openid" {
			t.Errorf("body %s", got.body)
		}
		got = w.exchange("", append(plain, "client_secret", "plain-secret", "grant_type", "refresh_token", "refresh_token", "x")...)
		if got.Error != "unauthorized_client" || strings.Contains(got.Description, `"`) {
			t.Errorf("body %s", got.body)
		}
	})
	t.Run("a concurrent refresh within the grace yields the same successor", func(t *testing.T) {
		w := newWorld(t)
		first := w.exchange(w.newBrowser().login(offline))
		a, b := refresh(w, first.RefreshToken), refresh(w, first.RefreshToken)
		if a.StatusCode != http.StatusOK || b.StatusCode != http.StatusOK {
			t.Fatalf("%s and %s", a.body, b.body)
		}
		for _, successor := range []string{a.RefreshToken, b.RefreshToken} {
			if got := refresh(w, successor); got.StatusCode != http.StatusOK {
				t.Errorf("body %s", got.body)
			}
		}
	})
	t.Run("an old token ends the grant", func(t *testing.T) {
		w := newWorld(t)
		first := w.exchange(w.newBrowser().login(offline))
		second := refresh(w, first.RefreshToken)
		third := refresh(w, second.RefreshToken)
		if got := refresh(w, first.RefreshToken); got.Error != "invalid_grant" {
			t.Errorf("body %s", got.body)
		}
		if got := refresh(w, third.RefreshToken); got.Error != "invalid_grant" {
			t.Errorf("the grant lives on: %s", got.body)
		}
		if r := w.userinfo(third.AccessToken); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("the access token lives on: %d", r.StatusCode)
		}
	})
	t.Run("a public client's token works once", func(t *testing.T) {
		w := newWorld(t)
		spa := []string{"client_id", "spa", "client_secret", "", "redirect_uri", "https://spa.example.com/cb"}
		code := w.newBrowser().login(request("client_id", "spa", "redirect_uri", "https://spa.example.com/cb", "scope", "openid offline_access",
			"code_challenge", challenge, "code_challenge_method", "S256"))
		first := w.exchange(code, append(spa, "code_verifier", verifier)...)
		again := append(spa, "grant_type", "refresh_token", "refresh_token", first.RefreshToken)
		// Another client must not be able to use it up.
		stolen := w.exchange("", "grant_type", "refresh_token", "refresh_token", first.RefreshToken)
		if stolen.Error != "invalid_grant" {
			t.Errorf("another client: %s", stolen.body)
		}
		if got := w.exchange("", again...); got.StatusCode != http.StatusOK {
			t.Fatalf("body %s", got.body)
		}
		if got := w.exchange("", again...); got.Error != "invalid_grant" {
			t.Errorf("body %s", got.body)
		}
	})
	t.Run("after the session", func(t *testing.T) {
		w := newWorld(t)
		first := w.exchange(w.newBrowser().login(offline))
		w.line.sleep(2 * time.Hour)
		if got := refresh(w, first.RefreshToken); got.StatusCode != http.StatusBadRequest || got.Error != "invalid_grant" {
			t.Errorf("status %d, body %s", got.StatusCode, got.body)
		}
	})
	t.Run("what is no refresh token", func(t *testing.T) {
		w := newWorld(t)
		first := w.exchange(w.newBrowser().login(offline))
		for _, token := range []string{"x", first.AccessToken, first.IDToken, first.RefreshToken + "A", first.RefreshToken[1:], strings.Repeat("A", 5000)} {
			if got := refresh(w, token); got.StatusCode != http.StatusBadRequest || got.Error != "invalid_grant" {
				t.Errorf("status %d, body %s", got.StatusCode, got.body)
			}
		}
		if got := w.exchange("", "grant_type", "refresh_token"); got.Error != "invalid_request" {
			t.Errorf("no token: %s", got.body)
		}
	})
}

func TestRevocation(t *testing.T) {
	revoke := func(w *world, token string, changes ...string) tokenReply {
		form := url.Values{"token": {token}, "client_id": {"shop"}, "client_secret": {shopSecret}, "token_type_hint": {"pass_phrase"}}
		for i := 0; i < len(changes); i += 2 {
			form.Set(changes[i], changes[i+1])
		}
		return w.post("/revoke", form)
	}
	offline := request("scope", "openid offline_access")
	for _, kind := range []string{"access", "refresh"} {
		t.Run("an "+kind+" token ends its grant", func(t *testing.T) {
			w := newWorld(t)
			tokens := w.exchange(w.newBrowser().login(offline))
			token := tokens.AccessToken
			if kind == "refresh" {
				token = tokens.RefreshToken
			}
			// A grant type that the client may not use must not matter here.
			if got := revoke(w, token, "grant_type", "password"); got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("status %d, body %s", got.StatusCode, got.body)
			}
			if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("the access token lives on: %d", r.StatusCode)
			}
			if got := revoke(w, token); got.StatusCode != http.StatusOK {
				t.Errorf("once more: %d", got.StatusCode)
			}
		})
	}
	t.Run("what is not this client's is left alone, and the answer does not tell", func(t *testing.T) {
		w := newWorld(t)
		tokens := w.exchange(w.newBrowser().login(offline))
		for _, token := range []string{tokens.AccessToken, tokens.RefreshToken, "unknown", tokens.IDToken} {
			if got := revoke(w, token, "client_id", "other", "client_secret", otherShop); got.StatusCode != http.StatusOK || got.body != "" {
				t.Errorf("status %d, body %q", got.StatusCode, got.body)
			}
		}
		if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusOK {
			t.Errorf("the access token is gone: %d", r.StatusCode)
		}
	})
	t.Run("a stranger ends nothing", func(t *testing.T) {
		w := newWorld(t)
		tokens := w.exchange(w.newBrowser().login(offline))
		if got := revoke(w, tokens.AccessToken, "client_secret", "wrong"); got.StatusCode != http.StatusUnauthorized || got.Error != "invalid_client" {
			t.Errorf("status %d, body %s", got.StatusCode, got.body)
		}
		if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusOK {
			t.Errorf("the access token is gone: %d", r.StatusCode)
		}
		if got := revoke(w, ""); got.Error != "invalid_request" {
			t.Errorf("no token: %s", got.body)
		}
	})
}
