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
	"text/template"
	"time"

	"github.com/chromedp/chromedp"
)

// apacheModules is where Debian keeps the modules.
const apacheModules = "/usr/lib/apache2/modules"

// apacheConfig guards a site by mod_auth_openidc. A maximum of 0 is that of the
// ID token.
var apacheConfig = template.Must(template.New("apache").Parse(`
ServerRoot {{.Dir}}
DefaultRuntimeDir {{.Dir}}
PidFile {{.Dir}}/pid
ErrorLog {{.Dir}}/error.log
LogLevel warn
ServerName 127.0.0.1
Listen {{.Address}}
# Only root can become somebody else; for others these do nothing.
User www-data
Group www-data
{{range .Modules}}LoadModule {{.}}_module {{$.ModuleDir}}/mod_{{.}}.so
{{end}}
OIDCProviderMetadataURL {{.Issuer}}/.well-known/openid-configuration
OIDCCABundlePath {{.Dir}}/authority.pem
OIDCClientID {{.ClientID}}
OIDCClientSecret "{{.Secret}}"
OIDCRedirectURI http://{{.Address}}/cb
OIDCCryptoPassphrase "only this test knows"
OIDCRemoteUserClaim sub
OIDCSessionMaxDuration 0
OIDCStateTimeout {{.Seconds}}
OIDCPKCEMethod S256

ProxyPass / {{.Site}}/
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /goodbye>
  AuthType none
  Require all granted
</Location>
`))

func TestApacheWithModAuthOpenIDC(t *testing.T) {
	t.Parallel()
	playScenarios(t, apache(t))
}

// Browsers with scripts go the same ways as [plainBrowser], under the policies of
// all pages involved.
func TestBrowserOutlastsTheTimeoutOfApache(t *testing.T) {
	t.Parallel()
	st := newStage(t, apache(t), scenario{Room: "inlet: {kind: manual}", Patience: impatience, TransactionTTL: impatience})
	b, begun := newBrowser(t), time.Now()
	b.TrustAll()
	b.Goes(st.URL+deepLink, inLine)
	eventually(t, "Apache gives up", func() bool { return time.Since(begun) > longWait })
	st.Serve(1)
	b.Shows("#path", "/")
	who := b.Text("#who")
	b.Do(chromedp.Navigate(st.URL + deepLink))
	b.Shows("#path", deepLink)
	if again := b.Text("#who"); again != who {
		t.Errorf("another page is for %q, want %q", again, who)
	}
	b.Do(chromedp.Navigate(st.URL + "/leave"))
	b.Until(`document.title === "Goodbye"`)
	b.Goes(st.URL+"/", visitEnded)
	b.Presses()
	b.Sees(inLine)
	st.Serve(1)
	b.Shows("#path", "/")
	if again := b.Text("#who"); again == who {
		t.Errorf("another visit is the same user %q", who)
	}
	b.Behaved(0, st.Issuer, st.URL)
}

// apache returns Debian's Apache as a relying party.
func apache(t *testing.T) relyingParty {
	t.Helper()
	const install = "apt-get install apache2 libapache2-mod-auth-openidc"
	program := program(t, "/usr/sbin/apache2", install)
	if _, err := os.Stat(apacheModules + "/mod_auth_openidc.so"); err != nil {
		skipOrFail(t, "mod_auth_openidc is not here: %s", install)
	}
	return relyingParty{
		Callback: "/cb",
		Client:   "preset: mod_auth_openidc",
		Refused:  "login_required",
		Late:     "This is due to a timeout",
		Cannot: map[string]string{
			"pictures take no place and log in silently later": "it begins no login for parts of a page, but answers 401 by itself",
			"refresh tokens keep a visit for as long as the room allows": "when the end has come and refreshing fails, 2.4.12 ignores that " +
				"or, with logout_on_error, shows that the visitor is logged out but passes the request on to the site",
		},
		Start: func(t *testing.T, s relyingPartySettings) {
			startApache(t, program, s)
		},
	}
}

func startApache(t *testing.T, program string, s relyingPartySettings) {
	t.Helper()
	dir, err := os.MkdirTemp("", "anteroom-apache-") //nolint:usetesting // Apache's workers are another user, who can't read below t.TempDir.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(filepath.Join(dir, "error.log")); err == nil && t.Failed() {
			t.Logf("Apache's error log:\n%s", text)
		}
		_ = os.RemoveAll(dir)
	})
	site := startGuardedSite(t,
		func(r *http.Request) string { return r.Header.Get("OIDC_CLAIM_sub") },
		func(*http.Request) string { return "/cb?logout=" + url.QueryEscape(s.URL()+"/goodbye") })
	var config strings.Builder
	err = apacheConfig.Execute(&config, struct {
		relyingPartySettings
		Dir, ModuleDir, Site string
		Modules              []string
		Seconds              int
	}{
		s, dir, apacheModules, site,
		[]string{"mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "proxy", "proxy_http"},
		int(s.Patience.Seconds()),
	})
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := os.ReadFile(s.Authority.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"apache.conf": config.String(), "authority.pem": string(trusted)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	startProcess(t, s.Address, exec.Command(program, "-f", filepath.Join(dir, "apache.conf"), "-D", "FOREGROUND"))
}
