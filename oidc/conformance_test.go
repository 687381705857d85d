package oidc_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	rp "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The tests here are named after the modules of the OpenID certification suite
// that they stand for (plans basic and form post).

func TestConformance_oidcc_server(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	provider, err := rp.NewProvider(ctx, w.issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
		config := oauth2.Config{
			ClientID: "shop", ClientSecret: shopSecret, RedirectURL: shopURI,
			Endpoint: provider.Endpoint(), Scopes: []string{"openid", "profile"},
		}
		config.Endpoint.AuthStyle = style
		link, err := url.Parse(config.AuthCodeURL("af0ifjsldkj", rp.Nonce("n1"), oauth2.S256ChallengeOption(verifier)))
		if err != nil {
			t.Fatal(err)
		}
		code := w.newBrowser().login(link.Query())
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(code) {
			t.Errorf("code %q", code)
		}
		token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		if len(token.AccessToken) >= 100 || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(token.AccessToken) {
			t.Errorf("access token %q", token.AccessToken)
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := provider.Verifier(&rp.Config{ClientID: "shop", Now: w.line.Now}).Verify(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
			t.Error(err)
		}
		if idToken.Nonce != "n1" {
			t.Errorf("nonce %q", idToken.Nonce)
		}
		// The library calls a token expired by the real clock.
		token.Expiry = time.Time{}
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			t.Fatal(err)
		}
		if info.Subject != idToken.Subject {
			t.Errorf("userinfo is of %q, ID token of %q", info.Subject, idToken.Subject)
		}
	}
}

func TestIDTokenHasNoClaimThatWasNotAskedFor(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name    string
		params  url.Values
		changes []string
		want    []string
	}{
		{"all that there is", request(), nil, []string{"nonce", "queue_position"}},
		{"a nonce is never empty", request("nonce", ""), nil, []string{"queue_position"}},
		{
			"a client without queue_position", request("client_id", "plain", "redirect_uri", "https://plain.example.com/cb"),
			[]string{"client_id", "plain", "client_secret", "plain-secret", "redirect_uri", "https://plain.example.com/cb"},
			[]string{"nonce"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := claims(t, w.exchange(w.newBrowser().login(row.params), row.changes...).IDToken)
			for _, name := range append([]string{"iss", "sub", "aud", "exp", "iat", "auth_time", "at_hash", "sid", "amr"}, row.want...) {
				if _, ok := got[name]; !ok {
					t.Errorf("no %s", name)
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("claims that nobody asked for: %v", got)
			}
		})
	}
}

// Clients that unmarshal aud into a string are common: ALB, Envoy filters.
func TestIDTokenAudienceIsAString(t *testing.T) {
	w := newWorld(t)
	if aud, ok := claims(t, w.exchange(w.newBrowser().login(request())).IDToken)["aud"].(string); !ok || aud != "shop" {
		t.Errorf("aud is %v", aud)
	}
}

func TestConformance_parameters_that_must_not_fail(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ name, parameter, value string }{
		{"oidcc-display-page", "display", "page"},
		{"oidcc-display-popup", "display", "popup"},
		{"oidcc-ensure-request-with-unknown-parameter-succeeds", "extra", "foobar"},
		{"oidcc-login-hint", "login_hint", "buffy@example.com"},
		{"oidcc-ui-locales", "ui_locales", "se"},
		{"oidcc-claims-locales", "claims_locales", "se"},
		{"oidcc-ensure-request-with-acr-values-succeeds", "acr_values", "1 2"},
		{"oidcc-claims-essential", "claims", `{"userinfo":{"name":{"essential":true}}}`},
		{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", "nonce", ""},
		{"oidcc-scope-all", "scope", "openid profile email address phone"},
		{"a scope without openid", "scope", "email"},
		{"no scope at all", "scope", ""},
		{"prompt=consent has nothing to ask", "prompt", "consent"},
		{"prompt=select_account has nothing to ask", "prompt", "select_account"},
		{"an unknown prompt value", "prompt", "create"},
		{"approval_prompt of oauth2-proxy", "approval_prompt", "force"},
		{"a huge max_age", "max_age", "99999999999999999999999999"},
		{"oidcc-prompt-login for a first-time visitor", "prompt", "login"},
		{"max_age=0 for a first-time visitor", "max_age", "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code := w.newBrowser().login(request(row.parameter, row.value))
			if got := w.exchange(code); got.StatusCode != http.StatusOK || got.IDToken == "" {
				t.Errorf("status %d, body %s", got.StatusCode, got.body)
			}
		})
	}
}

func TestConformance_oidcc_ensure_request_with_valid_pkce_succeeds(t *testing.T) {
	w := newWorld(t)
	code := w.newBrowser().login(request("code_challenge", challenge, "code_challenge_method", "S256"))
	if got := w.exchange(code, "code_verifier", verifier); got.StatusCode != http.StatusOK {
		t.Errorf("status %d, body %s", got.StatusCode, got.body)
	}
}

func TestConformance_oidcc_ensure_post_request_succeeds(t *testing.T) {
	for _, mode := range []string{"", "form_post"} {
		w := newWorld(t)
		b := w.newBrowser()
		r := b.do(http.MethodPost, "/authorize", request("response_mode", mode))
		if len(r.Cookies()) > 0 {
			t.Errorf("a POST, which may come from anywhere, sets cookies: %v", r.Cookies())
		}
		if r.StatusCode != http.StatusSeeOther || !strings.Contains(r.Header.Get("Location"), "/authorize?pending=") {
			t.Fatalf("status %d to %s", r.StatusCode, r.Header.Get("Location"))
		}
		a := b.follow(r)
		if a.uri != shopURI || a.values.Get("code") == "" || a.values.Get("state") != "xyz" || a.posted != (mode != "") {
			t.Errorf("answer %+v", a)
		}
	}
}

func TestConformance_oidcc_prompt_none_not_logged_in(t *testing.T) {
	w := newWorld(t)
	state := strings.Repeat("aZ09-._~", 16)
	for _, mode := range []string{"", "form_post"} {
		a := w.newBrowser().ask(request("prompt", "none", "state", state, "response_mode", mode))
		if a.values.Get("error") != "login_required" || a.values.Get("state") != state || a.posted != (mode != "") {
			t.Errorf("answer %+v", a)
		}
	}
	if w.line.cookies > 0 {
		t.Error("prompt=none set a cookie")
	}
}

func TestConformance_second_authorization_without_interaction(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second url.Values
	}{
		{"oidcc-prompt-none-logged-in", request(), request("prompt", "none")},
		{"oidcc-max-age-10000", request("max_age", "15000"), request("max_age", "10000")},
		{"oidcc-id-token-hint", request(), request("prompt", "none", "id_token_hint", "HINT")},
		{"a second tab", request(), request()},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.newBrowser()
			first := w.exchange(b.login(row.first)).IDToken
			w.open.Store(false) // whoever comes to the waiting page now stays there
			w.line.sleep(2 * time.Second)
			if row.second.Has("id_token_hint") {
				row.second.Set("id_token_hint", first)
			}
			second := w.exchange(b.login(row.second)).IDToken
			a, b2 := claims(t, first), claims(t, second)
			for _, name := range []string{"sub", "auth_time", "sid"} {
				if a[name] != b2[name] {
					t.Errorf("%s was %v and is %v", name, a[name], b2[name])
				}
			}
		})
	}
}

func TestConformance_second_authorization_with_a_page(t *testing.T) {
	for _, row := range []struct {
		name   string
		second url.Values
	}{
		{"oidcc-prompt-login", request("prompt", "login")},
		{"oidcc-max-age-1", request("max_age", "1")},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.newBrowser()
			first := claims(t, w.exchange(b.login(request())).IDToken)
			w.line.sleep(2 * time.Second)
			a := b.ask(row.second)
			if a.last.body != "confirm" {
				t.Fatalf("answer %+v", a)
			}
			confirmed := b.follow(b.do(http.MethodGet, a.last.Request.URL.String()+"&confirm=1", nil))
			second := claims(t, w.exchange(confirmed.values.Get("code")).IDToken)
			if second["sub"] != first["sub"] {
				t.Errorf("sub was %v and is %v", first["sub"], second["sub"])
			}
			if second["auth_time"].(float64) <= first["auth_time"].(float64) {
				t.Errorf("auth_time was %v and is %v", first["auth_time"], second["auth_time"])
			}
		})
	}
}

func TestConformance_oidcc_codereuse(t *testing.T) {
	for _, pause := range []time.Duration{0, 30 * time.Second, time.Hour / 2} {
		w := newWorld(t)
		code := w.newBrowser().login(request())
		first := w.exchange(code)
		w.line.sleep(pause)
		if got := w.exchange(code); got.StatusCode != http.StatusBadRequest || got.Error != "invalid_grant" {
			t.Errorf("after %v: status %d, body %s", pause, got.StatusCode, got.body)
		}
		if got := w.userinfo(first.AccessToken); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("after %v: the first access token still works: %d", pause, got.StatusCode)
		}
	}
}

func TestConformance_oidcc_userinfo(t *testing.T) {
	w := newWorld(t)
	tokens := w.exchange(w.newBrowser().login(request()))
	sub := claims(t, tokens.IDToken)["sub"].(string)
	b := w.newBrowser()
	bearer := []string{"Authorization", "Bearer " + tokens.AccessToken}
	inBody := url.Values{"access_token": {tokens.AccessToken}}
	for _, row := range []struct {
		name  string
		reply reply
	}{
		{"oidcc-userinfo-get", b.do(http.MethodGet, "/userinfo", nil, bearer...)},
		{"the other spelling", b.do(http.MethodGet, "/userInfo", nil, bearer...)},
		{"a lower-case scheme", b.do(http.MethodGet, "/userinfo", nil, "Authorization", "bearer "+tokens.AccessToken)},
		{"oidcc-userinfo-post-header", b.do(http.MethodPost, "/userinfo", nil, bearer...)},
		{"oidcc-userinfo-post-body", b.do(http.MethodPost, "/userinfo", inBody)},
		{"both, identical", b.do(http.MethodPost, "/userinfo", inBody, bearer...)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.reply.StatusCode != http.StatusOK || row.reply.Header.Get("Cache-Control") != "no-store" ||
				row.reply.Header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, header %v", row.reply.StatusCode, row.reply.Header)
			}
			if want := `{"sub":"` + sub + `","queue_position":1}` + "\n"; row.reply.body != want {
				t.Errorf("body %s, want %s", row.reply.body, want)
			}
		})
	}
}

func TestConformance_oidcc_refresh_token(t *testing.T) {
	w := newWorld(t)
	first := w.exchange(w.newBrowser().login(request("scope", "openid offline_access", "prompt", "consent")))
	if first.RefreshToken == "" || first.Scope != "openid offline_access" {
		t.Fatalf("body %s", first.body)
	}
	w.line.sleep(time.Second)
	refresh := func(token string, changes ...string) tokenReply {
		return w.exchange("", append([]string{
			"grant_type", "refresh_token", "refresh_token", token, "redirect_uri", "", "scope", "openid offline_access",
		}, changes...)...)
	}
	second := refresh(first.RefreshToken)
	if second.StatusCode != http.StatusOK || second.Header.Get("Cache-Control") != "no-store" || second.TokenType != "Bearer" {
		t.Fatalf("status %d, body %s", second.StatusCode, second.body)
	}
	if second.RefreshToken == first.RefreshToken || len(second.RefreshToken) < 43 {
		t.Errorf("refresh token %q", second.RefreshToken)
	}
	a, b := claims(t, first.IDToken), claims(t, second.IDToken)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
		if a[name] != b[name] {
			t.Errorf("%s was %v and is %v", name, a[name], b[name])
		}
	}
	if a["iat"] == b["iat"] || b["nonce"] != nil {
		t.Errorf("iat %v, nonce %v", b["iat"], b["nonce"])
	}
	if got := w.userinfo(second.AccessToken); got.StatusCode != http.StatusOK {
		t.Errorf("the new access token does not work: %d", got.StatusCode)
	}
	other := refresh(second.RefreshToken, "client_id", "other", "client_secret", otherShop)
	if other.StatusCode != http.StatusBadRequest || other.Error != "invalid_grant" {
		t.Errorf("another client's attempt: status %d, body %s", other.StatusCode, other.body)
	}
	if got := refresh(second.RefreshToken); got.StatusCode != http.StatusOK {
		t.Errorf("another client's attempt used the token up: %s", got.body)
	}
}

func TestConformance_request_objects_are_refused(t *testing.T) {
	w := newWorld(t)
	for parameter, want := range map[string]string{
		"request":      "request_not_supported",
		"request_uri":  "request_uri_not_supported",
		"registration": "registration_not_supported",
	} {
		for _, mode := range []string{"", "form_post"} {
			a := w.newBrowser().ask(request(parameter, "eyJhbGciOiJub25lIn0.e30.", "response_mode", mode))
			if a.uri != shopURI || a.values.Get("error") != want || a.values.Get("state") != "xyz" || a.posted != (mode != "") {
				t.Errorf("%s: answer %+v", parameter, a)
			}
		}
	}
}

// The form post plan puts the response mode, like all else, into the request
// object alone, and fails a provider that answers by a redirect.
func TestConformance_refused_request_objects_are_answered_in_the_mode_inside(t *testing.T) {
	w := newWorld(t)
	object := func(claims string) string { return b64(`{"alg":"none"}`) + "." + b64(claims) + "." }
	for _, row := range []struct {
		name, object, mode string
		posted             bool
	}{
		{"inside", object(`{"response_mode":"form_post","state":"inside"}`), "", true},
		{"inside and outside", object(`{"response_mode":"form_post"}`), "query", false},
		{"outside", object(`{}`), "form_post", true},
		{"another one inside", object(`{"response_mode":"query"}`), "", false},
		{"not text", object(`{"response_mode":1}`), "", false},
		{"not JSON", object(`form_post`), "", false},
		{"not base64", "a.%%.b", "", false},
		{"no token", "form_post", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := w.newBrowser().ask(request("request", row.object, "response_mode", row.mode))
			if a.uri != shopURI || a.values.Get("error") != "request_not_supported" || a.values.Get("state") != "xyz" || a.posted != row.posted {
				t.Errorf("answer %+v", a)
			}
		})
	}
}
