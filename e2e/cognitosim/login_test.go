package cognitosim_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/e2e/cognitosim"
	"github.com/anteroom-dev/anteroom/e2e/stage"
)

func TestAnOpenRoomMakesAUserWithoutAPage(t *testing.T) {
	h := openHall(t, "inlet: {kind: open}", "", nil)
	p := h.Browser().Go(loginURL)
	claims := h.welcomed(p)
	if !strings.HasPrefix(claims.Username, "WaitingRoom_") || !claims.Verified ||
		!strings.HasSuffix(claims.Email, "@visitors.invalid") {
		t.Errorf("the pool says %+v", claims)
	}
	if len(claims.Identities) != 1 || "WaitingRoom_"+claims.Identities[0].UserID != claims.Username || claims.Identities[0].ProviderType != "OIDC" {
		t.Errorf("the identities are %+v", claims.Identities)
	}
	if len(p.Hops) > 20 {
		t.Errorf("%d redirects are more than a pool follows", len(p.Hops))
	}
}

// The requests are those that captures of the real service show.
func TestTheRequestsAreTheCapturedOnes(t *testing.T) {
	h := openHall(t, "inlet: {kind: open}", "", nil)
	h.wire.taken() // The discovery.
	p := h.Browser().Go(loginURL)
	h.welcomed(p)
	authorize := regexp.MustCompile(`^https://wait\.example\.com/authorize\?client_id=pool` +
		`&redirect_uri=https%3A%2F%2Fhall\.auth\.eu-west-1\.amazoncognito\.com%2Foauth2%2Fidpresponse` +
		`&scope=openid&response_type=code&state=H4sI[A-Za-z0-9_-]+\.H4sI[A-Za-z0-9_-]+\.3$`)
	if !authorize.MatchString(p.Hops[2]) {
		t.Errorf("the authorization request is %s", p.Hops[2])
	}
	got := h.wire.taken()
	if diff := cmp.Diff([]string{"POST /token", "GET /.well-known/jwks.json", "GET /userinfo"}, lines(got)); diff != "" {
		t.Fatalf("requests (-want +got):\n%s", diff)
	}
	token := got[0]
	want := http.Header{
		"Content-Type":    {"application/x-www-form-urlencoded; charset=UTF-8"},
		"Accept-Encoding": {"gzip,deflate"}, "User-Agent": {"Amazon/Cognito"},
	}
	if diff := cmp.Diff(want, token.header); diff != "" {
		t.Errorf("header of the token request (-want +got):\n%s", diff)
	}
	form := regexp.MustCompile(`^grant_type=authorization_code&client_id=pool&redirect_uri=[^&]+&client_secret=s3cr%2Bt%2Fx%3D%2541s3cretS3cretS3cretS3cret&code=[^&]+$`)
	if !form.MatchString(token.body) {
		t.Errorf("the token request is %s", token.body)
	}
}

func TestAVisitorWhoWaitsForLessThanFiveMinutesComesBackToThePool(t *testing.T) {
	h := openHall(t, "inlet: {kind: manual}", "", nil)
	visitor := h.Browser()
	p := visitor.Go(loginURL)
	visitor.Waits(p)
	h.Turn(4 * time.Minute)
	h.Serve("sale", 1)
	p = visitor.Reload(p)
	h.welcomed(p)
	if begun := hopsTo(p, loginURL); begun != 0 {
		t.Errorf("the login began afresh: %q", p.Hops)
	}
}

// The pool forgets its login after five minutes, and with it the application's. So
// a visitor whose turn comes later begins again at the application, and is let in
// without a page.
func TestAVisitorWhoWaitsLongerBeginsAgainAtTheApplication(t *testing.T) {
	for _, wait := range []time.Duration{4*time.Minute + 31*time.Second, time.Hour, 26 * time.Hour} {
		t.Run(wait.String(), func(t *testing.T) {
			h := openHall(t, "inlet: {kind: manual}", "", nil)
			visitor := h.Browser()
			p := visitor.Go(loginURL)
			old := p.Hops[2]
			h.Turn(wait)
			visitor.Waits(visitor.Reload(p))
			h.Serve("sale", 1)
			p = visitor.Reload(p)
			h.welcomed(p)
			if begun, delivered := hopsTo(p, loginURL), hopsTo(p, pool+"/oauth2/idpresponse?"); begun != 1 || delivered != 1 {
				t.Errorf("begun %d times, %d codes delivered: %q", begun, delivered, p.Hops)
			}
			if strings.Contains(strings.Join(p.Hops, "\n"), query(t, old).Get("state")) {
				t.Error("the old state was used")
			}
			if users, dealt := len(h.pool.Users()), h.Dealt("sale"); users != 1 || dealt != 1 {
				t.Errorf("%d users, %d places", users, dealt)
			}
		})
	}
}

// The simulator must be as strict as the real one for the test above to prove
// anything.
func TestACodeThatComesTooLateEndsOnAPageOfThePool(t *testing.T) {
	h := openHall(t, "inlet: {kind: manual}", "", nil)
	visitor := h.Browser()
	p := visitor.Go(loginURL)
	h.Serve("sale", 1)
	delivery := visitor.Open(p.URL.String()).Header.Get("Location")
	h.Turn(5*time.Minute + time.Second)
	if p := visitor.Go(delivery); p.URL.Host != poolDomain || !strings.Contains(p.Text, "Something went wrong") {
		t.Errorf("ends at %s with %d\n%s", p.URL.Host, p.Status, p.Text)
	}
}

// Both tabs hold one place and are one user. The pool lets the one in that came
// last; the other begins again at the application.
func TestTwoTabsAreOneUser(t *testing.T) {
	h := openHall(t, "inlet: {kind: manual}", "", nil)
	visitor := h.Browser()
	first, second := visitor.Go(loginURL), visitor.Go(loginURL)
	h.Serve("sale", 1)
	h.welcomed(visitor.Reload(second))
	visitor.Reload(first)
	h.welcomed(visitor.Go(loginURL))
	if users, dealt := len(h.pool.Users()), h.Dealt("sale"); users != 1 || dealt != 1 {
		t.Errorf("%d users, %d places", users, dealt)
	}
}

// Nobody knows how the real one asks for attributes by POST, nor whether it sends a
// nonce: all ways work.
func TestWhateverThePoolDoesWhereNobodyKnows(t *testing.T) {
	for name, change := range map[string]func(*cognitosim.Config){
		"attributes by POST, token in the header": func(c *cognitosim.Config) { c.AttributesRequestMethod = cognitosim.MethodPOST },
		"attributes by POST, token in the form": func(c *cognitosim.Config) {
			c.AttributesRequestMethod, c.TokenInForm = cognitosim.MethodPOST, true
		},
		"a nonce":          func(c *cognitosim.Config) { c.SendNonce = true },
		"all those scopes": func(c *cognitosim.Config) { c.AuthorizeScopes = "openid email profile phone" },
	} {
		t.Run(name, func(t *testing.T) {
			h := openHall(t, "inlet: {kind: open}", "", change)
			h.welcomed(h.Browser().Go(loginURL))
		})
	}
}

// Keys that turn while visitors log in: the pool fetches them for each login.
func TestRotatedKeysStopNobody(t *testing.T) {
	h := openHall(t, "inlet: {kind: open}", "", nil)
	for range 2 {
		h.wire.taken()
		h.welcomed(h.Browser().Go(loginURL))
		if got := lines(h.wire.taken()); len(got) != 3 || got[1] != "GET /.well-known/jwks.json" {
			t.Errorf("requests %q", got)
		}
		h.RotateKeys()
	}
}

// A pool takes ID tokens with an elliptic signature as well.
func TestAPoolTakesES256(t *testing.T) {
	h := openHall(t, "inlet: {kind: open}", "id_token_alg: ES256", nil)
	h.welcomed(h.Browser().Go(loginURL))
}

// A user of the pool costs money. By default each visit is one; with subject:
// browser each browser is.
func TestABrowserMayBeOneUserForEver(t *testing.T) {
	for client, want := range map[string]int{"subject: visit": 2, "subject: browser": 1} {
		t.Run(client, func(t *testing.T) {
			h := openHall(t, "inlet: {kind: open}, session_ttl: 10m", client, nil)
			visitor := h.Browser()
			h.welcomed(visitor.Go(loginURL))
			h.Turn(11 * time.Minute)
			h.welcomed(visitor.Go(loginURL)) // In an open room a new place is taken at once.
			if got := len(h.pool.Users()); got != want {
				t.Errorf("%d users, want %d", got, want)
			}
		})
	}
}

// The pool's logout never reaches the provider, so the visit goes on and the next
// login is silent, until the application sends the visitor to the provider's logout
// as well.
func TestLoggingOutOfThePoolAloneEndsNoVisit(t *testing.T) {
	h := openHall(t, "inlet: {kind: manual}", "", nil)
	visitor := h.Browser()
	p := visitor.Go(loginURL)
	h.Serve("sale", 1)
	h.welcomed(visitor.Reload(p))
	h.wire.taken()
	out := visitor.Go(pool + "/logout?client_id=app&logout_uri=" + url.QueryEscape(home+"goodbye"))
	if got := lines(h.wire.taken()); out.Text != "goodbye" || got != nil {
		t.Errorf("logging out ends with %q, after the requests %q", out.Text, got)
	}
	h.welcomed(visitor.Go(loginURL))
	asked := visitor.Go(stage.Issuer + "/logout?client_id=pool")
	visitor.Press(asked, "confirm")
	if p := visitor.Go(loginURL); p.URL.Host != "wait.example.com" {
		t.Errorf("after both logouts the visitor is at %s", p.URL.Host)
	}
}

// query returns the parameters of an address.
func query(t *testing.T, address string) url.Values {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return at.Query()
}

// hopsTo counts the addresses on a way that begin with a prefix.
func hopsTo(p stage.Page, prefix string) (n int) {
	for _, hop := range p.Hops {
		if strings.HasPrefix(hop, prefix) {
			n++
		}
	}
	return n
}
