package oidc_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// basic makes an Authorization header of credentials as they are.
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// Clients send Basic credentials in two encodings, and the same secret must
// work in both: raw (Envoy, Authlib) and form-encoded (RFC 6749 §2.3.1).
func TestClientAuthentication(t *testing.T) {
	w := newWorld(t)
	good := url.QueryEscape(shopSecret)
	for _, row := range []struct {
		name   string
		header string
		form   []string // changes of an exchange without credentials
		want   int
	}{
		{"basic, form-encoded", basic("shop", good), nil, 200},
		{"basic, form-encoded with every byte escaped", basic("%73%68%6F%70", escapeAll(shopSecret)), nil, 200},
		{"basic, raw, with a percent sign that encodes nothing", basic("shop", shopSecret), nil, 200},
		{"basic in lower case", strings.Replace(basic("shop", good), "Basic", "basic", 1), nil, 200},
		{"post", "", []string{"client_id", "shop", "client_secret", shopSecret}, 200},
		{"basic and the ID again", basic("shop", good), []string{"client_id", "shop"}, 200},
		{"both, identical", basic("shop", good), []string{"client_id", "shop", "client_secret", shopSecret}, 200},
		{"both, another secret", basic("shop", good), []string{"client_id", "shop", "client_secret", "x"}, 401},
		{"both, another client", basic("shop", good), []string{"client_id", "other"}, 401},
		{"a secret encoded twice", basic("shop", url.QueryEscape(good)), nil, 401},
		{"a wrong secret", basic("shop", "wrong"), nil, 401},
		{"an empty secret", basic("shop", ""), nil, 401},
		{"no secret", "", []string{"client_id", "shop"}, 401},
		{"another client's secret", basic("shop", otherShop), nil, 401},
		{"an unknown client", basic("nobody", shopSecret), nil, 401},
		{"no client at all", "", nil, 401},
		{"no colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("shop")), nil, 401},
		{"not base64", "Basic %%%", nil, 401},
		{"another scheme", "Bearer abc", []string{"client_id", "shop", "client_secret", shopSecret}, 401},
		{"an assertion", basic("shop", good), []string{"client_assertion", "x"}, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			code := w.newBrowser().login(request())
			form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {shopURI}}
			for i := 0; i < len(row.form); i += 2 {
				form.Set(row.form[i], row.form[i+1])
			}
			var header []string
			if row.header != "" {
				header = []string{"Authorization", row.header}
			}
			got := w.post("/token", form, header...)
			if got.StatusCode != row.want {
				t.Fatalf("status %d, want %d: %s", got.StatusCode, row.want, got.body)
			}
			if row.want == http.StatusOK {
				return
			}
			if got.Error != "invalid_client" || !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic realm=") || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("body %s, header %v", got.body, got.Header)
			}
			// RFC 6749 §10.5 and the probing of golang.org/x/oauth2: a failed
			// authentication must not use the code up.
			if again := w.exchange(code); again.StatusCode != http.StatusOK {
				t.Errorf("the code is gone: %s", again.body)
			}
		})
	}
}

func escapeAll(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	return b.String()
}

func TestEitherOfTwoSecretsWorks(t *testing.T) {
	w := newWorld(t)
	for _, secret := range []string{"an-old-secret", otherShop} {
		code := w.newBrowser().login(request("client_id", "other", "redirect_uri", "https://other.example.com/cb"))
		got := w.exchange(code, "client_id", "other", "client_secret", secret, "redirect_uri", "https://other.example.com/cb")
		if got.StatusCode != http.StatusOK || got.Scope != "openid" || got.RefreshToken == "" {
			t.Errorf("status %d, body %s", got.StatusCode, got.body)
		}
	}
}

func TestPublicClients(t *testing.T) {
	w := newWorld(t)
	login := func() string {
		return w.newBrowser().login(request("client_id", "spa", "redirect_uri", "https://spa.example.com/cb",
			"code_challenge", challenge, "code_challenge_method", "S256"))
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {login()}, "client_id": {"spa"},
		"redirect_uri": {"https://spa.example.com/cb"}, "code_verifier": {verifier},
	}
	if got := w.post("/token", form); got.StatusCode != http.StatusOK {
		t.Errorf("status %d, body %s", got.StatusCode, got.body)
	}
	// golang.org/x/oauth2 tries a header with an empty secret first.
	form.Set("code", login())
	if got := w.post("/token", form, "Authorization", basic("spa", "")); got.StatusCode != http.StatusOK {
		t.Errorf("an empty secret: status %d, body %s", got.StatusCode, got.body)
	}
	form.Set("code", login())
	if got := w.post("/token", form, "Authorization", basic("spa", "guess")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a secret that there isn't: status %d", got.StatusCode)
	}
}

// Invariant I4: a code is good once, for its client, redirect URI and verifier,
// within its life; failing any of these leaves it good for its owner.
func TestCodesAreBound(t *testing.T) {
	w := newWorld(t)
	pkce := []string{"code_challenge", challenge, "code_challenge_method", "S256"}
	for _, row := range []struct {
		name     string
		login    []string
		exchange []string
		owner    []string // what its owner sends
		want     string
	}{
		{"another redirect URI", nil, []string{"redirect_uri", queryURI}, nil, "invalid_grant"},
		{"no redirect URI", nil, []string{"redirect_uri", ""}, nil, "invalid_request"},
		{"another client", nil, []string{"client_id", "other", "client_secret", otherShop}, nil, "invalid_grant"},
		{"no code", nil, []string{"code", ""}, nil, "invalid_request"},
		{"a code that is none", nil, []string{"code", strings.Repeat("A", 43)}, nil, "invalid_grant"},
		{"a code too long", nil, []string{"code", strings.Repeat("A", 5000)}, nil, "invalid_grant"},
		// The library skipped PKCE for confidential clients that left the verifier out.
		{"PKCE downgrade: the verifier is missing", pkce, nil, []string{"code_verifier", verifier}, "invalid_grant"},
		{"PKCE downgrade: a verifier without a challenge", nil, []string{"code_verifier", verifier}, nil, "invalid_grant"},
		{"a wrong verifier", pkce, []string{"code_verifier", strings.Repeat("a", 43)}, []string{"code_verifier", verifier}, "invalid_grant"},
		// The library compared a challenge of another method as plain.
		{"the challenge as verifier", pkce, []string{"code_verifier", challenge}, []string{"code_verifier", verifier}, "invalid_grant"},
		{"a malformed verifier", pkce, []string{"code_verifier", "short"}, []string{"code_verifier", verifier}, "invalid_grant"},
		{"no grant type", nil, []string{"grant_type", ""}, nil, "invalid_request"},
		{"an unknown grant type", nil, []string{"grant_type", "password"}, nil, "unsupported_grant_type"},
		{"client credentials", nil, []string{"grant_type", "client_credentials"}, nil, "unsupported_grant_type"},
		{"token exchange", nil, []string{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"}, nil, "unsupported_grant_type"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code := w.newBrowser().login(request(row.login...))
			got := w.exchange(code, row.exchange...)
			if got.StatusCode != http.StatusBadRequest || got.Error != row.want || strings.ContainsAny(got.Description, `"\`) {
				t.Errorf("status %d, body %s", got.StatusCode, got.body)
			}
			if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Pragma") != "no-cache" || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("header %v", got.Header)
			}
			if owner := w.exchange(code, row.owner...); owner.StatusCode != http.StatusOK {
				t.Errorf("its owner: status %d, body %s", owner.StatusCode, owner.body)
			}
		})
	}
	t.Run("after its life", func(t *testing.T) {
		code := w.newBrowser().login(request())
		w.line.sleep(time.Minute)
		if got := w.exchange(code); got.Error != "invalid_grant" {
			t.Errorf("status %d, body %s", got.StatusCode, got.body)
		}
	})
	t.Run("a seal leads to one redeemed code", func(t *testing.T) {
		w.open.Store(true)
		b := w.newBrowser()
		r := b.do(http.MethodGet, "/authorize?"+request().Encode(), nil)
		page, _ := r.Request.URL.Parse(r.Header.Get("Location"))
		first := b.follow(b.do(http.MethodGet, page.String(), nil)).values.Get("code")
		second := b.follow(b.do(http.MethodGet, page.String(), nil)).values.Get("code")
		if first == second || w.exchange(second).StatusCode != http.StatusOK || w.exchange(first).Error != "invalid_grant" {
			t.Errorf("codes %s and %s", first, second)
		}
	})
}

// The library accepted GET at the token endpoint, and read query and body alike.
func TestTokenEndpointReadsNothingButTheBody(t *testing.T) {
	w := newWorld(t)
	code := w.newBrowser().login(request())
	query := "?client_id=shop&grant_type=authorization_code&client_secret=" + url.QueryEscape(shopSecret) +
		"&code=" + code + "&redirect_uri=" + url.QueryEscape(shopURI)
	if r := w.newBrowser().do(http.MethodGet, "/token"+query, nil); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "POST" {
		t.Errorf("GET: status %d", r.StatusCode)
	}
	if got := w.post("/token"+query, url.Values{"grant_type": {"authorization_code"}}); got.Error != "invalid_client" {
		t.Errorf("a secret in the query: status %d, body %s", got.StatusCode, got.body)
	}
	for _, row := range []struct {
		name, contentType, body string
		status                  int
	}{
		{"a parameter twice", "application/x-www-form-urlencoded", "client_id=shop&client_id=shop", 400},
		{"a code twice", "application/x-www-form-urlencoded", "grant_type=authorization_code&code=a&code=b", 400},
		{"JSON", "application/json", `{"client_id":"shop"}`, 400},
		{"no type", "", "client_id=shop", 400},
		{"not a form", "application/x-www-form-urlencoded", "a=%zz", 400},
		{"a body over 64 KiB", "application/x-www-form-urlencoded", "x=" + strings.Repeat("x", 64<<10), 413},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.issuer+"/token", strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", row.contentType)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != row.status || response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, type %s", response.StatusCode, response.Header.Get("Content-Type"))
			}
		})
	}
	if got := w.exchange(code, "scope", "openid", "resource", "x", "state", "y"); got.StatusCode != http.StatusOK {
		t.Errorf("parameters that mean nothing here: %s", got.body)
	}
}

func TestUserinfoRefusesWhatIsNoToken(t *testing.T) {
	w := newWorld(t)
	tokens := w.exchange(w.newBrowser().login(request("scope", "openid offline_access")))
	b := w.newBrowser()
	for _, row := range []struct {
		name  string
		reply reply
		want  string // in WWW-Authenticate
	}{
		{"nothing", b.do(http.MethodGet, "/userinfo", nil), `Bearer realm="` + w.issuer + `"`},
		{"a token in the query", b.do(http.MethodGet, "/userinfo?access_token="+tokens.AccessToken, nil), `Bearer realm="` + w.issuer + `"`},
		{"garbage", w.userinfo("garbage"), `error="invalid_token"`},
		{"an ID token", w.userinfo(tokens.IDToken), `error="invalid_token"`},
		{"a refresh token", w.userinfo(tokens.RefreshToken), `error="invalid_token"`},
		{"a truncated token", w.userinfo(tokens.AccessToken[:90]), `error="invalid_token"`},
		{"a changed token", w.userinfo(flip(tokens.AccessToken)), `error="invalid_token"`},
		{"Basic credentials", b.do(http.MethodGet, "/userinfo", nil, "Authorization", basic("shop", shopSecret)), `error="invalid_token"`},
		{"a huge token", w.userinfo(strings.Repeat("A", 100_000)), `error="invalid_token"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.reply.StatusCode != http.StatusUnauthorized || !strings.Contains(row.reply.Header.Get("WWW-Authenticate"), row.want) {
				t.Errorf("status %d, WWW-Authenticate %q", row.reply.StatusCode, row.reply.Header.Get("WWW-Authenticate"))
			}
			if !strings.Contains(row.reply.body, `"error":"invalid_token"`) || row.reply.Header.Get("Content-Type") != "application/json" {
				t.Errorf("body %s", row.reply.body)
			}
		})
	}
	if r := b.do(http.MethodPost, "/userinfo", url.Values{"access_token": {"x"}}, "Authorization", "Bearer y"); r.StatusCode != http.StatusBadRequest {
		t.Errorf("two tokens: %d", r.StatusCode)
	}
}

// flip changes one character in the middle of a token.
func flip(token string) string {
	middle := len(token) / 2
	changed := byte('A')
	if token[middle] == 'A' {
		changed = 'B'
	}
	return token[:middle] + string(changed) + token[middle+1:]
}

// Invariant I7: neither secrets nor query strings are logged.
func TestNothingSecretIsLogged(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := w.exchange(b.login(request("scope", "openid offline_access", "state", "state-of-the-client")))
	code := b.login(request())
	w.exchange(code, "client_secret", "a-wrong-secret")
	w.exchange(code, "redirect_uri", queryURI)
	w.exchange(code)
	w.exchange(code)
	w.userinfo(flip(tokens.AccessToken))
	b.ask(request("response_type", "id_token", "state", "state-of-the-client"))
	b.do(http.MethodGet, "/authorize?pending=broken-seal", nil)
	w.line.fail(oidc.ErrUnavailable)
	w.exchange("", "grant_type", "refresh_token", "refresh_token", tokens.RefreshToken)
	log := w.log.String()
	if !strings.Contains(log, "invalid_client") || !strings.Contains(log, "unavailable") {
		t.Errorf("refusals are not logged: %s", log)
	}
	for _, secret := range []string{
		code, tokens.AccessToken, flip(tokens.AccessToken), tokens.RefreshToken, tokens.IDToken, shopSecret,
		"a-wrong-secret", "state-of-the-client", "broken-seal", "n-0S6_WzA2Mj", "response_type=",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q: %s", secret, log)
		}
	}
}
