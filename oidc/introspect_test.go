package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/oidc"
)

// inactive is all that is said of a token that isn't good.
var inactive = map[string]any{"active": false}

func TestIntrospectionTellsAClientAboutItsTokens(t *testing.T) {
	w := newWorld(t)
	tokens := w.exchange(w.newBrowser().login(request("scope", "openid offline_access")))
	sub := claims(t, tokens.IDToken)["sub"]
	access := map[string]any{
		"active": true, "scope": "openid offline_access", "client_id": "shop", "token_type": "Bearer",
		"exp": float64(w.line.Now().Add(15 * time.Minute).Unix()), "sub": sub, "aud": w.issuer, "iss": w.issuer,
	}
	if diff := cmp.Diff(access, w.introspect("shop", shopSecret, tokens.AccessToken)); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
	refresh := map[string]any{
		"active": true, "scope": "openid offline_access", "client_id": "shop",
		"exp": float64(w.line.Now().Add(time.Hour).Unix()), "sub": sub, "iss": w.issuer,
	}
	if diff := cmp.Diff(refresh, w.introspect("shop", shopSecret, tokens.RefreshToken)); diff != "" {
		t.Errorf("refresh token (-want +got):\n%s", diff)
	}
}

// RFC 7662 §4: an endpoint that tells about other clients' tokens lets one
// client fish for them.
func TestIntrospectionSaysNothingOfWhatIsNotTheClients(t *testing.T) {
	w := newWorld(t)
	tokens := w.exchange(w.newBrowser().login(request("scope", "openid offline_access")))
	for _, row := range []struct{ name, client, secret, token string }{
		{"another client's access token", "other", otherShop, tokens.AccessToken},
		{"another client's refresh token", "other", otherShop, tokens.RefreshToken},
		{"an access token of a client in another room", "plain", "plain-secret", tokens.AccessToken},
		{"another client's JWT", "shop", shopSecret, w.newBrowser().tokensOf("api").AccessToken},
		{"its own ID token", "shop", shopSecret, tokens.IDToken},
		{"a changed token", "shop", shopSecret, flip(tokens.AccessToken)},
		{"a truncated token", "shop", shopSecret, tokens.AccessToken[:90]},
		{"garbage", "shop", shopSecret, "garbage"},
		{"garbage with dots", "shop", shopSecret, "a.b.c"},
		{"a huge token", "shop", shopSecret, strings.Repeat("A.", 20_000)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(inactive, w.introspect(row.client, row.secret, row.token)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntrospectionIsLive(t *testing.T) {
	for _, client := range []string{"forum", "api"} {
		for _, row := range []struct {
			name            string
			end             func(*world, *browser, tokenReply)
			access, refresh bool
		}{
			{"nothing has happened", func(*world, *browser, tokenReply) {}, true, true},
			{"the access token has had its time", func(w *world, _ *browser, _ tokenReply) { w.line.sleep(15 * time.Minute) }, false, true},
			{"the visit is over", func(w *world, _ *browser, _ tokenReply) { w.line.sleep(time.Hour) }, false, false},
			{"the grant was revoked", func(w *world, _ *browser, got tokenReply) {
				w.post("/revoke", url.Values{"token": {got.AccessToken}}, "Authorization", basic(client, client+"-secret"))
			}, false, false},
			{"the visitor has logged out", func(_ *world, b *browser, got tokenReply) {
				b.do(http.MethodGet, logoutQuery("id_token_hint", got.IDToken), nil)
			}, false, false},
			{"the refresh token was used", func(w *world, _ *browser, got tokenReply) { w.refresh(client, got.RefreshToken) }, true, false},
		} {
			t.Run(client+": "+row.name, func(t *testing.T) {
				w := newWorld(t)
				b := w.newBrowser()
				tokens := b.tokensOf(client)
				row.end(w, b, tokens)
				if got := w.introspect(client, client+"-secret", tokens.AccessToken); got["active"] != row.access {
					t.Errorf("access token: %v, want active %v", got, row.access)
				}
				if got := w.introspect(client, client+"-secret", tokens.RefreshToken); got["active"] != row.refresh {
					t.Errorf("refresh token: %v, want active %v", got, row.refresh)
				}
			})
		}
	}
}

// Asking about an old refresh token must not count as its replay, which would
// end the grant.
func TestIntrospectionChangesNothing(t *testing.T) {
	w := newWorld(t)
	first := w.newBrowser().tokensOf("api")
	second := w.refresh("api", first.RefreshToken)
	third := w.refresh("api", second.RefreshToken)
	for range 3 {
		w.introspect("api", "api-secret", first.RefreshToken)
	}
	if got := w.refresh("api", third.RefreshToken); got.StatusCode != http.StatusOK {
		t.Errorf("the grant has ended: %s", got.body)
	}
}

// RFC 7662 §2.1: without authorization anybody could scan for tokens.
func TestIntrospectionIsForConfidentialClients(t *testing.T) {
	w := newWorld(t)
	token := w.exchange(w.newBrowser().login(request())).AccessToken
	for _, row := range []struct {
		name   string
		form   url.Values
		header []string
		want   int
	}{
		{"nobody", url.Values{"token": {token}}, nil, 401},
		{"a wrong secret", url.Values{"token": {token}}, []string{"Authorization", basic("shop", "wrong")}, 401},
		{"an ID without its secret", url.Values{"token": {token}, "client_id": {"shop"}}, nil, 401},
		{"the secret that the library is shown", url.Values{"token": {token}, "client_id": {"shop"}, "client_secret": {"checked"}}, nil, 401},
		{"a public client", url.Values{"token": {token}, "client_id": {"spa"}}, nil, 401},
		{"the token as credentials", url.Values{"token": {token}}, []string{"Authorization", "Bearer " + token}, 401},
		{"a secret in the body", url.Values{"token": {token}, "client_id": {"shop"}, "client_secret": {shopSecret}}, nil, 200},
		{"no token", url.Values{"client_id": {"shop"}, "client_secret": {shopSecret}}, nil, 400},
		{"two tokens", url.Values{"token": {token, token}, "client_id": {"shop"}, "client_secret": {shopSecret}}, nil, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.post("/introspect", row.form, row.header...)
			if got.StatusCode != row.want || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("status %d, want %d, body %s", got.StatusCode, row.want, got.body)
			}
			if row.want != http.StatusOK && strings.Contains(got.body, "active") {
				t.Errorf("body %s", got.body)
			}
		})
	}
	if r := w.newBrowser().do(http.MethodGet, "/introspect?token="+token, nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", r.StatusCode)
	}
}

// A token is not called dead because nobody can say whether it is.
func TestIntrospectionWhileTheLineDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	opaque, signed := w.newBrowser().tokensOf("forum"), w.newBrowser().tokensOf("api")
	check := func(client, path, token string) {
		t.Helper()
		got := w.post(path, url.Values{"token": {token}}, "Authorization", basic(client, client+"-secret"))
		if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, body %s", path, got.StatusCode, got.body)
		}
	}
	w.line.fail(oidc.ErrUnavailable)
	check("forum", "/introspect", opaque.AccessToken)
	check("forum", "/introspect", opaque.RefreshToken)
	check("api", "/introspect", signed.AccessToken)
	w.line.fail(nil)
	w.keys.off.Store(true)
	check("api", "/introspect", signed.AccessToken)
	check("api", "/revoke", signed.AccessToken)
	if r := w.userinfo(signed.AccessToken); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("userinfo: status %d", r.StatusCode)
	}
	if got := w.introspect("forum", "forum-secret", opaque.AccessToken); got["active"] != true {
		t.Errorf("an opaque token needs no key: %v", got)
	}
}
