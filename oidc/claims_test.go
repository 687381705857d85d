package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/oidc"
)

// Some relying parties read the ID token only, some userinfo only, and most ask
// for no more than the scope openid.
func TestClaimsAreInIDTokenAndUserinfoWhateverTheScope(t *testing.T) {
	w := newWorld(t)
	tokens := w.newBrowser().tokensOf("wiki")
	renewed := w.refresh("wiki", tokens.RefreshToken)
	var user map[string]any
	if err := json.Unmarshal([]byte(w.userinfo(renewed.AccessToken).body), &user); err != nil {
		t.Fatal(err)
	}
	sub := claims(t, tokens.IDToken)["sub"].(string)
	for name, got := range map[string]map[string]any{
		"ID token":            claims(t, tokens.IDToken),
		"ID token, refreshed": claims(t, renewed.IDToken),
		"userinfo":            user,
	} {
		for claim, want := range map[string]any{
			"sub": sub, "email": sub + "@visitors.invalid", "email_verified": true, "name": "Visitor 1 of sale",
		} {
			if diff := cmp.Diff(want, got[claim]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, claim, diff)
			}
		}
	}
}

// RFC 7662 §2.2: introspection says what the token is good for, not who it
// stands for.
func TestClaimsAreNotInIntrospection(t *testing.T) {
	w := newWorld(t)
	got := w.introspect("wiki", "wiki-secret", w.newBrowser().tokensOf("wiki").AccessToken)
	if got["active"] != true || got["email"] != nil || got["name"] != nil {
		t.Errorf("introspection %v", got)
	}
}

// A hint with made-up claims in it is still a hint.
func TestHintWithClaimsLogsOut(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := b.tokensOf("wiki")
	if got := serveLogout(w.provider, b, tokens.IDToken); got.Code != http.StatusOK {
		t.Errorf("status %d, body %s", got.Code, got.Body)
	}
	if got := w.introspect("wiki", "wiki-secret", tokens.AccessToken); got["active"] != false {
		t.Errorf("after the logout: %v", got)
	}
}

// Relying parties keep ID tokens in cookies.
func TestIDTokenWithTheLargestClaimsIsSmall(t *testing.T) {
	w := newWorld(t)
	const secret = "a secret of thirty-two bytes....."
	list := testClients()
	list[len(list)-1].Claims = map[string]any{"note": strings.Repeat("x", 512-len(`{"note":""}`))}
	code := w.newBrowser().login(request(as("wiki", "nonce", strings.Repeat("n", 43))...))
	got := serveForm(w.newProvider(secrets{secret}, list...), "/line/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://wiki.example.com/cb"},
		"client_id": {"wiki"}, "client_secret": {"wiki-secret"},
	})
	var tokens tokenReply
	if err := json.Unmarshal(got.Body.Bytes(), &tokens); err != nil || tokens.IDToken == "" {
		t.Fatalf("%v, body %s", err, got.Body)
	}
	if n := len(tokens.IDToken); n >= 1536 {
		t.Errorf("ID token of %d bytes", n)
	}
}

func TestUnknownPlaceholderIsAFaultOfTheClient(t *testing.T) {
	_, err := oidc.New(oidc.Options{Clients: []oidc.Client{{ID: "wiki", Claims: map[string]any{"name": "{nam}"}}}})
	if err == nil || !strings.Contains(err.Error(), `client "wiki": claim "name" has the unknown placeholder`) {
		t.Errorf("got %v", err)
	}
}
