//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// oneCookie is why a relying party answers few of several requests that log in at
// the same moment.
const oneCookie = "the logins that have begun are in one cookie, of which the last answer wins"

// TestAuthlibWithFlask uses the distribution's own interpreter, because its
// packages are for no other.
func TestAuthlibWithFlask(t *testing.T) {
	t.Parallel()
	const install = "apt-get install python3 python3-authlib python3-flask python3-requests"
	python := program(t, "/usr/bin/python3", install)
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import authlib, flask, requests").CombinedOutput(); err != nil {
		skipOrFail(t, "Authlib, Flask or Requests is not here: %s\n%s", install, out)
	}
	playScenarios(t, relyingParty{
		Callback: "/callback",
		Client:   `reinitiate_url: "{origin}/"`,
		Refused:  "login_required",
		Late:     "mismatching_state",
		Cannot: map[string]string{
			"five tabs at once take one place and all get in": oneCookie,
			"five requests at once all log in again":          oneCookie,
		},
		Start: func(t *testing.T, s relyingPartySettings) {
			site := exec.Command(python, "testdata/authlib_site.py")
			site.Env = append(os.Environ(),
				"REQUESTS_CA_BUNDLE="+s.Authority.File,
				"SITE_ADDRESS="+s.Address,
				"SITE_URL="+s.URL(),
				"SITE_ISSUER="+s.Issuer,
				"SITE_CLIENT_ID="+s.ClientID,
				"SITE_CLIENT_SECRET="+s.Secret,
				"SITE_REFRESHES="+strconv.FormatBool(s.Refreshes),
				"SITE_PATIENCE="+strconv.Itoa(int(s.Patience.Seconds())),
			)
			startProcess(t, s.Address, site)
		},
	})
}
