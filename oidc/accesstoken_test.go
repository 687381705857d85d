package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// RFC 9068 §2: what the token of a client with access_token jwt says.
func TestAccessTokenAsJWT(t *testing.T) {
	w := newWorld(t)
	tokens := w.newBrowser().tokensOf("api")
	jws, err := jose.ParseSignedCompact(tokens.AccessToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jws.Verify(w.keys.key.Public()); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if typ := jws.Signatures[0].Header.ExtraHeaders[jose.HeaderType]; typ != "at+jwt" {
		t.Errorf("typ %v", typ)
	}
	got := claims(t, tokens.AccessToken)
	id, _ := got["jti"].(string)
	delete(got, "jti")
	now := w.line.Now()
	want := map[string]any{
		"iss": w.issuer, "aud": w.issuer, "sub": claims(t, tokens.IDToken)["sub"], "client_id": "api",
		"iat": float64(now.Unix()), "exp": float64(now.Add(15 * time.Minute).Unix()), "scope": "openid offline_access",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	sum := sha256.Sum256([]byte(tokens.AccessToken))
	if hash := claims(t, tokens.IDToken)["at_hash"]; hash != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		t.Errorf("at_hash %v", hash)
	}
	if again := claims(t, w.refresh("api", tokens.RefreshToken).AccessToken)["jti"]; again == id || id == "" {
		t.Errorf("jti %q, and %q after a refresh", id, again)
	}
	// Resource servers write a jti to their logs.
	if r := w.userinfo(id); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("the jti alone is a token: %s", r.body)
	}
}

func TestAccessTokenIsOpaqueByDefault(t *testing.T) {
	w := newWorld(t)
	token := w.exchange(w.newBrowser().login(request())).AccessToken
	if len(token) >= 100 || strings.Contains(token, ".") {
		t.Errorf("token %q of %d characters", token, len(token))
	}
}

// The signature says who issued a token, the grant whether it is good still.
func TestAJWTIsAsLiveAsItsGrant(t *testing.T) {
	w := newWorld(t)
	tokens := w.newBrowser().tokensOf("api")
	if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusOK {
		t.Fatalf("status %d, body %s", r.StatusCode, r.body)
	}
	got := w.post("/revoke", url.Values{"token": {tokens.AccessToken}}, "Authorization", basic("other", otherShop))
	if r := w.userinfo(tokens.AccessToken); got.StatusCode != http.StatusOK || r.StatusCode != http.StatusOK {
		t.Errorf("another client revokes it: %d, %d", got.StatusCode, r.StatusCode)
	}
	w.post("/revoke", url.Values{"token": {tokens.AccessToken}}, "Authorization", basic("api", "api-secret"))
	if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("revoked: %d", r.StatusCode)
	}
	tokens = w.newBrowser().tokensOf("api")
	w.line.sleep(15 * time.Minute)
	if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("expired: %d", r.StatusCode)
	}
}

// RFC 8725 §2.1, §2.8 and RFC 9068 §5: tokens of one kind or of nobody must not
// pass as access tokens.
func TestForgedAccessTokens(t *testing.T) {
	w := newWorld(t)
	tokens := w.newBrowser().tokensOf("api")
	payload, err := json.Marshal(claims(t, tokens.AccessToken))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(w.keys.key.Public().Key)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(tokens.AccessToken, ".")
	id := strings.Split(tokens.IDToken, ".")
	resigned := func(typ string, change func(map[string]any)) string {
		t.Helper()
		values := claims(t, tokens.AccessToken)
		change(values)
		changed, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.keys.Sign(t.Context(), jose.RS256, typ, changed)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	same := func(map[string]any) {}
	if r := w.userinfo(resigned("at+jwt", same)); r.StatusCode != http.StatusOK {
		t.Fatalf("the test's own signature is refused: %s", r.body)
	}
	signing := b64(`{"alg":"HS256","typ":"at+jwt"}`) + "." + b64(string(payload))
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(signing))
	for _, row := range []struct{ name, token string }{
		{"an ID token", tokens.IDToken},
		{"alg none", b64(`{"alg":"none","typ":"at+jwt"}`) + "." + b64(string(payload)) + "."},
		{"alg HS256 with the public key as secret", signing + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))},
		{"without its signature", parts[0] + "." + parts[1] + "."},
		{"the signature of another token", parts[0] + "." + parts[1] + "." + id[2]},
		{"the header of an ID token", id[0] + "." + parts[1] + "." + parts[2]},
		{"the claims of an access token, typed as an ID token", resigned("JWT", same)},
		{"another issuer", resigned("at+jwt", func(c map[string]any) { c["iss"] = "https://evil.example.com" })},
		{"another audience", resigned("at+jwt", func(c map[string]any) { c["aud"] = "https://api.example.com" })},
		{"a client as audience", resigned("at+jwt", func(c map[string]any) { c["aud"] = "api" })},
		{"no jti", resigned("at+jwt", func(c map[string]any) { delete(c, "jti") })},
		{"an opaque token as jti", resigned("at+jwt", func(c map[string]any) { c["jti"] = w.newBrowser().tokensOf("forum").AccessToken })},
		{"a refresh token as jti", resigned("at+jwt", func(c map[string]any) { c["jti"] = tokens.RefreshToken })},
		{"two dots", ".."},
		{"a huge token", tokens.AccessToken + strings.Repeat("A", 20_000)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if r := w.userinfo(row.token); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("userinfo: status %d, body %s", r.StatusCode, r.body)
			}
			if got := w.introspect("api", "api-secret", row.token); got["active"] != false || len(got) != 1 {
				t.Errorf("introspection: %v", got)
			}
			w.post("/revoke", url.Values{"token": {row.token}}, "Authorization", basic("api", "api-secret"))
			if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusOK {
				t.Errorf("revoking it has ended the grant: %d", r.StatusCode)
			}
		})
	}
}

// An access token reaches resource servers, which must not be able to log their
// visitors in or out with it.
func TestAnAccessTokenIsNoHint(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := b.tokensOf("api")
	if got := b.ask(request(as("api", "id_token_hint", tokens.AccessToken)...)).values; got.Get("error") != "invalid_request" {
		t.Errorf("authorize: %v", got)
	}
	r := b.do(http.MethodGet, logoutQuery("id_token_hint", tokens.AccessToken), nil)
	if !strings.HasPrefix(r.body, "confirm logout") || !b.admitted() {
		t.Errorf("logout: status %d, body %s", r.StatusCode, r.body)
	}
}
