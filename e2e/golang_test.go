//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// forgotten is what the site below gosite says of a login after its time-out,
// which the libraries leave to their user.
const forgotten = "this login has been forgotten"

func TestGoOIDC(t *testing.T) {
	t.Parallel()
	playScenarios(t, relyingParty{
		Callback: "/callback",
		Client:   `reinitiate_url: "{origin}/"`,
		Refused:  "login_required",
		Late:     forgotten,
		Start:    goSite(t, "go-oidc"),
	})
}

// TestDexConnector plays with Dex's connector in a small site that does what Dex
// does with it: Dex itself would bring its storage and its pages, none of which
// the provider sees.
func TestDexConnector(t *testing.T) {
	t.Parallel()
	const noHint = "its logout has no id_token_hint: it asks, and frees the slot later"
	site := relyingParty{
		Callback: "/callback",
		Client:   "preset: dex\n" + `reinitiate_url: "{origin}/"`,
		Refused:  "login_required",
		Late:     forgotten,
		Cannot: map[string]string{
			"logging out lets the next visitor in": noHint,
			"keys change between login and logout": noHint,
		},
		Start: goSite(t, "dex"),
	}
	playScenarios(t, site)
	t.Run("the preset alone lets it refresh, though it asks for no offline access", func(t *testing.T) {
		t.Parallel()
		st := newStage(t, site, scenario{
			Room:   "inlet: {kind: manual}, session_ttl: 4s, session_max: 9s",
			Client: "access_token_ttl: 2s", Refreshes: true,
		})
		refreshUntilTheEnd(t, st)
	})
	t.Run("logging out asks first and lets the next visitor in when the tokens have run out", func(t *testing.T) {
		t.Parallel()
		st := newStage(t, site, scenario{Room: "inlet: {kind: capacity, max: 1}", Client: "access_token_ttl: 3s"})
		first, second := st.fill()
		before := st.keys()
		st.Run("keys", "rotate", "--now")
		if after := st.keys(); after <= before {
			t.Fatalf("got %d keys published after the rotation, want more than %d", after, before)
		}
		first.Goes(st.URL + "/leave")
		first.Presses()
		if link := fmt.Sprintf("<a class=\"button\" href=%q>", st.URL+"/goodbye"); !strings.Contains(first.Page.body, link) {
			t.Errorf("there should be a link to go on, but the browser is at %s\nafter\n%s", first, first.Way())
		}
		second.Waits()
		st.Inside(second, deepLink)
	})
}

// goSite returns what starts the site below gosite with one of its libraries.
func goSite(t *testing.T, library string) func(*testing.T, relyingPartySettings) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "gosite")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "gosite", "-o", program)
	if out, err := build.CombinedOutput(); err != nil {
		skipOrFail(t, "the site does not build: %v\n%s", err, out)
	}
	return func(t *testing.T, s relyingPartySettings) {
		t.Helper()
		site := exec.Command(program)
		site.Env = append(os.Environ(),
			"SSL_CERT_FILE="+s.Authority.File,
			"SITE_LIBRARY="+library,
			"SITE_ADDRESS="+s.Address,
			"SITE_URL="+s.URL(),
			"SITE_ISSUER="+s.Issuer,
			"SITE_CLIENT_ID="+s.ClientID,
			"SITE_CLIENT_SECRET="+s.Secret,
			"SITE_REFRESHES="+strconv.FormatBool(s.Refreshes),
			"SITE_PATIENCE="+strconv.Itoa(int(s.Patience.Seconds())),
		)
		startProcess(t, s.Address, site)
	}
}
