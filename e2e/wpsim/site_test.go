package wpsim_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/e2e/stage"
	"github.com/anteroom-dev/anteroom/e2e/wpsim"
)

const (
	home     = "https://blog.example.com"
	deepLink = home + "/sale/?size=9&colour=b%2Fw"
	callback = home + "/wp-admin/admin-ajax.php?action=openid-connect-authorize"
	// secret has all that a careless form would change.
	secret = "s3cr+t/x=%41"
)

// blog is a WordPress site with a line in front.
type blog struct {
	*testing.T
	*stage.Stage
	site *wpsim.Site

	mu       sync.Mutex
	requests []*http.Request // to the provider
	bodies   []string
	tokens   string // the last answer of the token endpoint
	spoil    bool   // whether a GET of userinfo is answered with something else
}

// openBlog puts a site on a stage. The room and the client have the given keys
// besides those that they must have.
func openBlog(t *testing.T, room, client string, change func(*wpsim.Config)) *blog {
	t.Helper()
	b := &blog{T: t, Stage: stage.Start(t, fmt.Sprintf(`
rooms: [{id: sale, %s}]
clients:
  - {id: wp, secret_sha256: %s, room: sale, preset: wordpress, redirect_uris: [%q], post_logout_redirect_uris: [%q], %s}
`, room, stage.Hash(secret), callback, home, client))}
	c := wpsim.Config{
		URL: home, ClientID: "wp", ClientSecret: secret, LoginEndpoint: stage.Issuer + "/authorize",
		TokenEndpoint: stage.Issuer + "/token", UserinfoEndpoint: stage.Issuer + "/userinfo",
		EndSessionEndpoint: stage.Issuer + "/logout",
		Client:             &http.Client{Transport: wire{b, b.Transport()}}, Now: b.Now,
	}
	if change != nil {
		change(&c)
	}
	b.site = wpsim.New(c)
	b.Host("blog.example.com", b.site)
	return b
}

// wire takes down what the site asks of the provider.
type wire struct {
	blog *blog
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.blog.mu.Lock()
	defer w.blog.mu.Unlock()
	w.blog.requests = append(w.blog.requests, r)
	w.blog.bodies = append(w.blog.bodies, string(body))
	switch {
	case r.URL.Path == "/token":
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		w.blog.tokens = string(text)
		answer.Body = io.NopCloser(bytes.NewReader(text))
	case w.blog.spoil && r.Method == http.MethodGet:
		answer.Body = io.NopCloser(strings.NewReader("<html>not today</html>"))
	}
	return answer, nil
}

// welcomed fails the test unless a page is the site's, at the given address.
func (b *blog) welcomed(p stage.Page, at string) {
	b.Helper()
	if p.URL.String() != at || p.Status != http.StatusOK || !strings.HasPrefix(p.Text, "Howdy, ") {
		b.Fatalf("not welcomed at %s: %d %s%s\n%s", at, p.Status, p.URL.Host, p.URL.Path, p.Text)
	}
}

func TestAnOpenRoomMakesAUserWithoutAPage(t *testing.T) {
	b := openBlog(t, "inlet: {kind: open}", "", nil)
	b.welcomed(b.Browser().Go(deepLink), deepLink)
	for sub, user := range b.site.Users() {
		if user.Email != sub+"@visitors.invalid" || user.Login != sub {
			t.Errorf("the user is %+v", user)
		}
	}
	if strings.Contains(b.tokens, "refresh_token") {
		t.Error("the site got a refresh token, with which it can do nothing")
	}
}

// The requests are those that were seen with the real plugin.
func TestTheRequestsAreThePlugins(t *testing.T) {
	b := openBlog(t, "inlet: {kind: open}", "", nil)
	p := b.Browser().Go(deepLink)
	b.welcomed(p, deepLink)
	authorize := regexp.MustCompile(`^https://wait\.example\.com/authorize\?response_type=code&scope=openid&client_id=wp` +
		`&state=[0-9a-f]{32}&redirect_uri=https%3A%2F%2Fblog\.example\.com%2Fwp-admin%2Fadmin-ajax\.php%3Faction%3Dopenid-connect-authorize$`)
	if !authorize.MatchString(p.Hops[2]) {
		t.Errorf("the authorization request is %s", p.Hops[2])
	}
	if len(b.requests) != 2 || b.requests[0].URL.Path != "/token" || b.requests[1].Method != http.MethodGet {
		t.Fatalf("%d requests", len(b.requests))
	}
	form := regexp.MustCompile(`^code=[^&]+&client_id=wp&client_secret=s3cr%2Bt%2Fx%3D%2541&redirect_uri=[^&]+` +
		`%3Faction%3Dopenid-connect-authorize&grant_type=authorization_code&scope=openid$`)
	if !form.MatchString(b.bodies[0]) {
		t.Errorf("the token request is %s", b.bodies[0])
	}
	want := http.Header{
		"Accept": {"*/*"}, "Content-Type": {"application/x-www-form-urlencoded"},
		"Referer": {stage.Issuer + "/token"}, "User-Agent": {"WordPress/6.1.9; " + home},
	}
	if diff := cmp.Diff(want, b.requests[0].Header); diff != "" {
		t.Errorf("header of the token request (-want +got):\n%s", diff)
	}
}

// The Host header is no place to take an issuer from: the plugin leaves the port
// out, and whoever wants to can put anything there.
func TestAWrongHostChangesNothing(t *testing.T) {
	b := openBlog(t, "inlet: {kind: open}", "", func(c *wpsim.Config) { c.Host = "elsewhere.example.com" })
	b.welcomed(b.Browser().Go(deepLink), deepLink)
}

// Something between site and provider answers the GET with a page.
func TestUserinfoIsAskedAgainByPOST(t *testing.T) {
	b := openBlog(t, "inlet: {kind: open}", "", nil)
	b.spoil = true
	b.welcomed(b.Browser().Go(deepLink), deepLink)
	if last := b.requests[len(b.requests)-1]; last.Method != http.MethodPost || last.URL.Path != "/userinfo" || last.Header.Get("Authorization") == "" {
		t.Errorf("the last request is %s %s", last.Method, last.URL.Path)
	}
}

func TestAVisitorWhoWaitsLessThanThePluginIsBackAtTheDeepLink(t *testing.T) {
	b := openBlog(t, "inlet: {kind: manual}", "", nil)
	visitor := b.Browser()
	p := visitor.Go(deepLink)
	visitor.Waits(p)
	b.Turn(2 * time.Minute)
	b.Serve("sale", 1)
	b.welcomed(visitor.Reload(p), deepLink)
}

// After 180 seconds the plugin shows "Invalid state" and tries nothing more. So the
// visitor whose turn comes later starts at wp-login.php again.
func TestAVisitorWhoWaitsLongerThanThePluginGetsInAfresh(t *testing.T) {
	for _, wait := range []time.Duration{2*time.Minute + 31*time.Second, 20 * time.Minute, 26 * time.Hour} {
		t.Run(wait.String(), func(t *testing.T) {
			b := openBlog(t, "inlet: {kind: manual}", "", nil)
			visitor := b.Browser()
			p := visitor.Go(deepLink)
			b.Turn(wait)
			visitor.Waits(visitor.Reload(p))
			b.Serve("sale", 1)
			p = visitor.Reload(p)
			b.welcomed(p, home+"/")
			again := home + "/wp-login.php?redirect_to=" + url.QueryEscape(home+"/")
			if !slices.Contains(p.Hops, again) {
				t.Errorf("the way was %q, not by %s", p.Hops, again)
			}
			if users, dealt := len(b.site.Users()), b.Dealt("sale"); users != 1 || dealt != 1 {
				t.Errorf("%d users, %d places", users, dealt)
			}
		})
	}
}

// The replay must be as strict as the plugin for the test above to prove anything.
func TestACodeThatComesTooLateEndsOnTheLoginPage(t *testing.T) {
	b := openBlog(t, "inlet: {kind: manual}", "", nil)
	visitor := b.Browser()
	p := visitor.Go(deepLink)
	b.Serve("sale", 1)
	delivery := visitor.Open(p.URL.String()).Header.Get("Location")
	b.Turn(3*time.Minute + time.Second)
	if p := visitor.Go(delivery); !strings.Contains(p.Text, "invalid-state") {
		t.Errorf("ends at %s with %q", p.URL.Path, p.Text)
	}
}

func TestTwoTabsHoldOnePlaceAndAreOneUser(t *testing.T) {
	b := openBlog(t, "inlet: {kind: manual}", "", nil)
	visitor := b.Browser()
	first, second := visitor.Go(deepLink), visitor.Go(home+"/other/")
	if a, c := visitor.Waits(first).Position, visitor.Waits(second).Position; a != 1 || c != 1 {
		t.Errorf("the tabs stand at %d and %d", a, c)
	}
	b.Serve("sale", 1)
	b.welcomed(visitor.Reload(first), deepLink)
	b.welcomed(visitor.Reload(second), home+"/other/")
	if users, dealt := len(b.site.Users()), b.Dealt("sale"); users != 1 || dealt != 1 {
		t.Errorf("%d users, %d places", users, dealt)
	}
}

// WordPress keeps its users for two days, and the ID token with them: it has long
// expired, and its key has been turned away, when it ends the visit without a
// question and frees the slot.
func TestLoggingOutDaysLaterEndsTheVisitAndFreesTheSlot(t *testing.T) {
	b := openBlog(t, "inlet: {kind: capacity, max: 1}, session_ttl: 48h", "", nil)
	inside, next := b.Browser(), b.Browser()
	b.welcomed(inside.Go(deepLink), deepLink)
	waiting := next.Go(deepLink)
	b.RotateKeys()
	b.Turn(40 * time.Hour)
	if place := next.Waits(next.Reload(waiting)); place.State != "waiting" {
		t.Fatalf("the next visitor is %q", place.State)
	}
	p := inside.Go(home + "/wp-login.php?action=logout")
	if len(p.Hops) < 3 || strings.TrimSuffix(p.Hops[2], "/") != home {
		t.Errorf("logging out led %q", p.Hops)
	}
	// Home is behind the line as well, and the place has been used.
	if !strings.Contains(p.Text, `value="join"`) {
		t.Errorf("no button to join again at %s%s: %d", p.URL.Host, p.URL.Path, p.Status)
	}
	b.welcomed(next.Reload(waiting), home+"/")
}

// WordPress does not hear of the end of a visit; the next login does.
func TestAVisitThatIsOverMeansTheLineAtTheNextLogin(t *testing.T) {
	b := openBlog(t, "inlet: {kind: manual}, session_ttl: 10m", "", nil)
	visitor := b.Browser()
	p := visitor.Go(deepLink)
	b.Serve("sale", 1)
	b.welcomed(visitor.Reload(p), deepLink)
	b.Turn(time.Hour)
	b.welcomed(visitor.Go(deepLink), deepLink)
	b.Turn(48 * time.Hour)
	p = visitor.Press(visitor.Go(deepLink), "action")
	if place := visitor.Waits(p); place.Position != 2 {
		t.Errorf("the visitor stands at %+v", place)
	}
}

// By default each visit is a user; with subject: browser each browser is.
func TestABrowserMayBeOneUserForEver(t *testing.T) {
	for client, want := range map[string]int{"subject: visit": 2, "subject: browser": 1} {
		t.Run(client, func(t *testing.T) {
			b := openBlog(t, "inlet: {kind: open}", client, nil)
			visitor := b.Browser()
			b.welcomed(visitor.Go(deepLink), deepLink)
			b.welcomed(visitor.Go(home+"/wp-login.php?action=logout"), home+"/") // In again at once, in another visit.
			if got := len(b.site.Users()); got != want {
				t.Errorf("%d users, want %d", got, want)
			}
		})
	}
}

// What the login page shows of this provider's refusals.
func TestRefusalsEndOnTheLoginPage(t *testing.T) {
	for _, test := range []struct {
		name, client, want string
		change             func(*wpsim.Config)
	}{
		{"another secret", "", "invalid_client", func(c *wpsim.Config) { c.ClientSecret = "wrong" }},
		{"no claims", "claims: {}", "incomplete-user-claim", nil},
		{"a name that everybody has", `claims: {email: "{sub}@visitors.invalid", preferred_username: guest}`, "failed-user-creation", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := openBlog(t, "inlet: {kind: open}", test.client, test.change)
			b.Browser().Go(deepLink)
			if p := b.Browser().Go(deepLink); !strings.Contains(p.Text, test.want) {
				t.Errorf("the login page shows %q, want %q", p.Text, test.want)
			}
		})
	}
	b := openBlog(t, "inlet: {kind: open}", "", nil)
	if p := b.Browser().Go(callback + "&error=access_denied&state=x"); !strings.Contains(p.Text, "unknown-error") {
		t.Errorf("an error shows %q", p.Text)
	}
}
