//go:build e2e

package e2e_test

import (
	"maps"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// noSuchKey is what openid-client says, and all that is built on it, of a token
// signed by a key that it doesn't know. It fetches keys once a minute at most.
const noSuchKey = "no applicable keys found"

// oneLogin is why a relying party answers few of several requests that log in at
// the same moment.
const oneLogin = "it remembers one login of a browser, of which the last begun wins"

// TestOpenIDClient sends its secret in the body of the token request, as the
// library does unless told otherwise.
func TestOpenIDClient(t *testing.T) {
	t.Parallel()
	site := relyingParty{
		Callback: "/callback",
		Client:   `reinitiate_url: "{origin}/"`,
		Refused:  "login_required",
		Late:     "this login has been forgotten",
	}
	t.Run("as it is by default", func(t *testing.T) {
		t.Parallel()
		site := site
		site.Start = nodeSite(t, "openid_client_site.mjs")
		playScenarios(t, site)
	})
	t.Run("checking signatures", func(t *testing.T) {
		t.Parallel()
		site := site
		site.UnknownKey = noSuchKey
		site.Start = nodeSite(t, "openid_client_site.mjs", "SITE_CHECKS_SIGNATURES=yes")
		playScenarios(t, site)
	})
}

// TestExpressOpenIDConnect by default posts ID tokens to the site, which has no
// secret then.
func TestExpressOpenIDConnect(t *testing.T) {
	t.Parallel()
	site := relyingParty{
		Callback:    "/callback",
		Client:      `reinitiate_url: "{origin}/"`,
		Refused:     "login_required",
		Overwritten: "invalid response encountered",
		Cannot: map[string]string{
			"a login beyond the time-out fails and can be tried again": "a login that has begun is kept in a cookie until the browser ends",
			"five tabs at once take one place and all get in":          oneLogin,
			"five requests at once all log in again":                   oneLogin,
			"pictures take no place and log in silently later":         oneLogin,
		},
	}
	t.Run("as it is by default", func(t *testing.T) {
		t.Parallel()
		site := site
		site.Client += "\nresponse_types: [id_token]"
		site.UnknownKey = noSuchKey
		site.Start = nodeSite(t, "express_openid_connect_site.mjs")
		site.Cannot = maps.Clone(site.Cannot)
		site.Cannot["a secret full of signs arrives as it is"] = "it sends no secret"
		site.Cannot["refresh tokens keep a visit for as long as the room allows"] = "it gets an ID token and nothing else"
		playScenarios(t, site)
	})
	t.Run("with a code", func(t *testing.T) {
		t.Parallel()
		site := site
		site.Start = nodeSite(t, "express_openid_connect_site.mjs", "SITE_USES_CODE=yes")
		playScenarios(t, site)
		playTabsInAnyOrder(t, site)
	})
}

// The page that posts the ID token presses its own button under a policy of its
// own, and the site's cookies have to come along with what another site posts.
func TestBrowserPostsAnIDToken(t *testing.T) {
	t.Parallel()
	site := relyingParty{
		Callback: "/callback", Client: "response_types: [id_token]",
		Start: nodeSite(t, "express_openid_connect_site.mjs"),
	}
	st := newStage(t, site, scenario{Room: "inlet: {kind: manual}"})
	b := newBrowser(t)
	b.TrustAll()
	b.Goes(st.URL+deepLink, inLine)
	st.Serve(1)
	b.Shows("#path", deepLink)
	b.Do(chromedp.Navigate(st.URL + "/leave"))
	b.Until(`document.title === "Goodbye"`)
	b.Goes(st.URL+"/", visitEnded)
	b.Behaved(0, st.Issuer, st.URL)
}

// TestAuthExpress sends neither state nor nonce.
func TestAuthExpress(t *testing.T) {
	t.Parallel()
	site := relyingParty{
		Callback:    "/auth/callback/anteroom",
		Client:      `reinitiate_url: "{origin}/"`,
		Refused:     "Try signing in with a different account",
		Late:        "There is a problem with the server configuration",
		Overwritten: "There is a problem with the server configuration",
		Cannot: map[string]string{
			"five tabs at once take one place and all get in":            oneLogin,
			"five requests at once all log in again":                     oneLogin,
			"pictures take no place and log in silently later":           oneLogin,
			"refresh tokens keep a visit for as long as the room allows": "it has no refreshing: its guide has the site send such requests by itself",
		},
		Start: nodeSite(t, "auth_express_site.mjs"),
	}
	playScenarios(t, site)
	playTabsInAnyOrder(t, site)
}

// playTabsInAnyOrder shows how two tabs get in at a relying party that remembers
// one login of a browser: each starts afresh, so that no login lasts long enough
// to be replaced.
func playTabsInAnyOrder(t *testing.T, site relyingParty) {
	t.Helper()
	t.Run("with a short transaction_ttl two tabs get in in any order", func(t *testing.T) {
		t.Parallel()
		st := newStage(t, site, scenario{Room: "inlet: {kind: manual}", TransactionTTL: 3 * time.Second})
		one := st.NewBrowser()
		two := one.NewTab()
		one.Goes(st.URL + "/one")
		two.Goes(st.URL + "/two")
		st.InLine(two)
		begun := time.Now()
		eventually(t, "the logins are too old", func() bool { return time.Since(begun) > 2500*time.Millisecond })
		st.Serve(1)
		one.Reloads()
		two.Reloads()
		if a, b := st.Inside(one, "/"), st.Inside(two, "/"); a != b {
			t.Errorf("the tabs are %q and %q", a, b)
		}
	})
}

// nodeSite returns what starts one of the sites below testdata, with settings
// beyond those that all have.
func nodeSite(t *testing.T, script string, settings ...string) func(*testing.T, relyingPartySettings) {
	t.Helper()
	node := program(t, "node", "install Node.js")
	if _, err := os.Stat("node_modules/express"); err != nil {
		skipOrFail(t, "the packages are not here: run `npm --prefix e2e ci`: %v", err)
	}
	return func(t *testing.T, s relyingPartySettings) {
		t.Helper()
		site := exec.Command(node, "testdata/"+script)
		site.Env = append(os.Environ(),
			"NODE_EXTRA_CA_CERTS="+s.Authority.File,
			"SITE_ADDRESS="+s.Address,
			"SITE_URL="+s.URL(),
			"SITE_ISSUER="+s.Issuer,
			"SITE_CLIENT_ID="+s.ClientID,
			"SITE_CLIENT_SECRET="+s.Secret,
			"SITE_REFRESHES="+strconv.FormatBool(s.Refreshes),
			"SITE_PATIENCE="+strconv.Itoa(int(s.Patience.Seconds())),
		)
		site.Env = append(site.Env, settings...)
		startProcess(t, s.Address, site)
	}
}
