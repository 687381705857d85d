//go:build e2e

package e2e_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The words by which the certification suite closes a module. A failure has
// none here: it fails the test.
const (
	resultPassed = "PASSED"
	// resultReview asks a person to look at the picture of a page.
	resultReview  = "REVIEW"
	resultSkipped = "SKIPPED"
	resultWarning = "WARNING"
	// resultExcluded is a module that is no part of the plan for clients that are
	// registered by hand.
	resultExcluded = "EXCLUDED"
)

// A row of a plan says which module must end how. Warnings are those that can't
// be avoided, each with its reason.
type planRow struct {
	name     string
	run      func(*module)
	result   string
	warnings []string
}

// basicPlan is the plan oidcc-basic-certification-test-plan, with the variants
// server_metadata=discovery and client_registration=static_client. The form post
// plan has the same modules.
func basicPlan() []planRow {
	return []planRow{
		{name: "oidcc-server", run: happy(), result: resultPassed},
		{name: "oidcc-response-type-missing", run: responseTypeMissing, result: resultPassed},
		{name: "oidcc-idtoken-signature", result: resultExcluded}, // checked of every ID token
		{name: "oidcc-idtoken-unsigned", result: resultExcluded},
		{name: "oidcc-userinfo-get", run: happy(), result: resultPassed},
		{name: "oidcc-userinfo-post-header", run: userinfoBy(false), result: resultPassed},
		{name: "oidcc-userinfo-post-body", run: userinfoBy(true), result: resultPassed},
		{name: "oidcc-ensure-request-without-nonce-succeeds-for-code-flow", run: withoutNonce, result: resultPassed},
		// There is no user data, and scopes_supported says so.
		{name: "oidcc-scope-profile", run: scopes("profile"), result: resultSkipped},
		{name: "oidcc-scope-email", run: scopes("email"), result: resultSkipped},
		{name: "oidcc-scope-address", run: scopes("address"), result: resultSkipped},
		{name: "oidcc-scope-phone", run: scopes("phone"), result: resultSkipped},
		{name: "oidcc-scope-all", run: scopes("profile", "email", "address", "phone"), result: resultSkipped},
		{name: "oidcc-alternate-happy-flow", run: alternateHappyFlow, result: resultSkipped},
		{name: "oidcc-display-page", run: happy("display", "page"), result: resultPassed},
		{name: "oidcc-display-popup", run: happy("display", "popup"), result: resultPassed},
		{name: "oidcc-prompt-login", run: again(time.Second, true, nil, []string{"prompt", "login"}), result: resultReview},
		{name: "oidcc-prompt-none-not-logged-in", run: promptNoneNotLoggedIn, result: resultPassed},
		{name: "oidcc-prompt-none-logged-in", run: again(0, false, nil, []string{"prompt", "none"}), result: resultPassed},
		{name: "oidcc-max-age-1", run: again(2*time.Second, true, nil, []string{"max_age", "1"}), result: resultReview},
		{name: "oidcc-max-age-10000", run: again(time.Second, false, []string{"max_age", "15000"}, []string{"max_age", "10000"}), result: resultPassed},
		{name: "oidcc-ensure-request-with-unknown-parameter-succeeds", run: happy("extra", "foobar"), result: resultPassed},
		{name: "oidcc-id-token-hint", run: again(0, false, nil, []string{"prompt", "none", "id_token_hint", "of the first"}), result: resultPassed},
		{name: "oidcc-login-hint", run: happy("login_hint", "buffy@127.0.0.2"), result: resultPassed},
		{name: "oidcc-ui-locales", run: happy("ui_locales", "se"), result: resultPassed},
		{name: "oidcc-claims-locales", run: happy("claims_locales", "se"), result: resultPassed},
		// A place in a line is no authentication of any assurance: to claim one
		// that was asked for would be a lie.
		{
			name: "oidcc-ensure-request-with-acr-values-succeeds", run: acrValues,
			result: resultWarning, warnings: []string{"no acr that was asked for"},
		},
		{name: "oidcc-codereuse", run: codeReuse(0), result: resultPassed},
		{name: "oidcc-codereuse-30seconds", run: codeReuse(30 * time.Second), result: resultPassed},
		{name: "oidcc-ensure-registered-redirect-uri", run: registeredRedirectURI, result: resultReview},
		{name: "oidcc-ensure-post-request-succeeds", run: postRequest, result: resultPassed},
		{name: "oidcc-server-client-secret-post", run: secretInBody, result: resultPassed},
		{name: "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", result: resultExcluded},
		{name: "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", run: requestObject, result: resultSkipped},
		// A visitor has no name.
		{name: "oidcc-claims-essential", run: claimsEssential, result: resultWarning, warnings: []string{"no name in userinfo"}},
		{name: "oidcc-ensure-request-object-with-redirect-uri", run: requestObjectWithRedirectURI, result: resultReview},
		{name: "oidcc-refresh-token", run: refreshToken, result: resultPassed},
		{name: "oidcc-ensure-request-with-valid-pkce-succeeds", run: withPKCE, result: resultPassed},
	}
}

// logoutPlan is the plan oidcc-rp-initiated-logout-certification-test-plan, with
// response_type=code.
func logoutPlan() []planRow {
	const registered = suiteLogoutReturn
	return []planRow{
		{name: "oidcc-rp-initiated-logout-discovery-endpoint-verification", run: logoutDiscovery, result: resultPassed},
		{name: "oidcc-rp-initiated-logout", run: logoutReturns(suiteState), result: resultPassed},
		{name: "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", run: logoutStays(sameHint, suiteOrigin+"/elsewhere", suiteState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-modified-id-token-hint", run: logoutStays(unsignedHint, registered, suiteState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-no-id-token-hint", run: logoutStays(noHint, registered, suiteState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-no-params", run: logoutStays(noHint, "", noState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-no-post-logout-redirect-uri", run: logoutStays(sameHint, "", suiteState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-no-state", run: logoutReturns(noState), result: resultPassed},
		{name: "oidcc-rp-initiated-logout-only-state", run: logoutStays(noHint, "", suiteState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", run: logoutStays(sameHint, registered+"?foo=bar", suiteState), result: resultReview},
		{name: "oidcc-rp-initiated-logout-bad-id-token-hint", run: logoutStays(clientsHint, registered, suiteState), result: resultReview},
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	certify(t, false, basicPlan())
}

func TestFormPostBasic(t *testing.T) {
	t.Parallel()
	certify(t, true, basicPlan())
}

func TestRPInitiatedLogout(t *testing.T) {
	t.Parallel()
	certify(t, false, logoutPlan())
}

func TestConfig(t *testing.T) {
	t.Parallel()
	certify(t, false, []planRow{
		{name: "oidcc-discovery-endpoint-verification", run: (*module).checkMetadata, result: resultPassed},
	})
}

// certify runs all modules of a plan at once, each in an open room and in one
// with a line.
func certify(t *testing.T, formPost bool, plan []planRow) {
	t.Helper()
	open, live := newSuite(t, false, formPost), newSuite(t, true, formPost)
	var running sync.WaitGroup
	defer running.Wait()
	for _, row := range plan {
		running.Go(func() {
			t.Run(row.name, func(t *testing.T) {
				var both sync.WaitGroup
				defer both.Wait()
				both.Go(func() { t.Run("open", func(t *testing.T) { open.runs(t, row) }) })
				both.Go(func() { t.Run("live", func(t *testing.T) { live.runs(t, row) }) })
			})
		})
	}
}

// runs runs one module and compares how it ends with what the row says.
func (s *suite) runs(t *testing.T, row planRow) {
	m := s.newModule(t)
	if row.result == resultExcluded {
		if m.metadata["registration_endpoint"] != nil {
			t.Error("clients can register themselves, so the plan has this module")
		}
		return
	}
	row.run(m)
	slices.Sort(m.warnings)
	got := planRow{result: m.Result(), warnings: slices.Compact(m.warnings)}
	want := planRow{result: row.result, warnings: row.warnings}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(planRow{})); diff != "" {
		t.Errorf("the module ends otherwise (-want +got):\n%s", diff)
	}
	if m.loggedIn && s.live != (m.browser.waits > 0) {
		t.Errorf("the browser saw the waiting page %d times", m.browser.waits)
	}
}
