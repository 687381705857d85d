//go:build e2e

package e2e_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOAuth2Proxy builds the version that oauth2proxy/go.mod names: no
// distribution has the program, and releases are not to be fetched by tests.
func TestOAuth2Proxy(t *testing.T) {
	t.Parallel()
	proxy := filepath.Join(t.TempDir(), "oauth2-proxy")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "oauth2proxy", "-o", proxy, "github.com/oauth2-proxy/oauth2-proxy/v7")
	if out, err := build.CombinedOutput(); err != nil {
		skipOrFail(t, "oauth2-proxy does not build: %v\n%s", err, out)
	}
	playScenarios(t, relyingParty{
		Callback: "/oauth2/callback",
		Client:   "preset: oauth2-proxy",
		Refused:  "login_required",
		Late:     "Unable to find a valid CSRF token",
		Start: func(t *testing.T, s relyingPartySettings) {
			startOAuth2Proxy(t, proxy, s)
		},
	})
}

func startOAuth2Proxy(t *testing.T, proxy string, s relyingPartySettings) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(s.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	site := startGuardedSite(t,
		func(r *http.Request) string { return r.Header.Get("X-Forwarded-User") },
		func(r *http.Request) string {
			// Only the site can know the ID token, as the proxy's own page for logging
			// out leads to a fixed address.
			farewell := url.Values{
				"id_token_hint":            {strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")},
				"post_logout_redirect_uri": {s.URL() + "/goodbye"},
			}
			return "/oauth2/sign_out?rd=" + url.QueryEscape(s.Issuer+"/logout?"+farewell.Encode())
		})
	startProcess(t, s.Address, exec.Command(proxy,
		"--provider=oidc",
		"--oidc-issuer-url="+s.Issuer,
		"--provider-ca-file="+s.Authority.File,
		"--client-id="+s.ClientID,
		"--client-secret-file="+secret,
		"--redirect-url="+s.URL()+"/oauth2/callback",
		"--code-challenge-method=S256",
		"--email-domain=*",
		"--skip-provider-button",
		"--http-address="+s.Address,
		"--upstream="+site,
		"--pass-authorization-header",
		"--skip-auth-route=GET=^/goodbye$",
		"--whitelist-domain="+strings.TrimPrefix(s.Issuer, "https://"),
		"--cookie-secret=onlyThisTestKnowsThisCookieKey.!",
		"--cookie-secure=false", // the test speaks plain HTTP with it
		"--cookie-refresh=1s",   // look at the token's end once it is older than this
		"--cookie-csrf-per-request",
		"--cookie-csrf-expire="+s.Patience.String(),
	))
}
