package albsim_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/e2e/albsim"
	"github.com/anteroom-dev/anteroom/e2e/stage"
)

// enter lets a visitor in who has just come.
func (s *shop) enter(visitor *stage.Browser) {
	s.Helper()
	p := visitor.Go(home)
	if p.URL.Host == "wait.example.com" {
		s.Serve("sale", 1)
		p = visitor.Reload(p)
	}
	s.welcomed(p, home)
}

// The load balancer refreshes each time the access token has run out, and so the
// visit goes on as long as the visitor uses the site, and no longer than the room
// allows.
func TestTheSessionLastsAsLongAsTheVisit(t *testing.T) {
	for _, auth := range []albsim.TokenAuth{albsim.ClientSecretPost, albsim.ClientSecretBasic} {
		t.Run(string(auth), func(t *testing.T) {
			s := openShop(t, "inlet: {kind: manual}, session_ttl: 30m, session_max: 60m")
			s.balance("shop.example.com", func(c *albsim.Config) { c.TokenAuth = auth })
			visitor := s.Browser()
			s.enter(visitor)
			before := s.last()
			for range 3 { // To 48 of 60 minutes.
				s.Turn(16 * time.Minute)
				p := visitor.Go(deepLink)
				s.welcomed(p, deepLink)
				if len(p.Hops) != 1 {
					t.Fatalf("the visitor was sent around: %q", p.Hops)
				}
			}
			if now := s.last(); now.Get("x-amzn-oidc-accesstoken") == before.Get("x-amzn-oidc-accesstoken") ||
				now.Get("x-amzn-oidc-identity") != before.Get("x-amzn-oidc-identity") {
				t.Error("after refreshing: the same access token, or another identity")
			}
			s.Turn(16 * time.Minute) // Past session_max.
			p := visitor.Go(deepLink)
			if got := s.complained(); !slices.Contains(got, albsim.AuthInvalidGrantError) {
				t.Errorf("the refresh did not fail: %q", got)
			}
			// The place is spent: coming again is the end of the line, by a button.
			p = visitor.Press(p, "action")
			if place := visitor.Waits(p); place.Position != 2 || place.State != "waiting" {
				t.Errorf("the visitor stands at %+v", place)
			}
			s.Serve("sale", 1)
			s.welcomed(visitor.Reload(p), deepLink)
		})
	}
}

// The nodes of a load balancer know nothing of each other: all requests of a page
// may refresh at the same moment with the same token, and again with those that
// come out of it.
func TestManyRequestsRefreshAtOnce(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	visitor := s.Browser()
	s.enter(visitor)
	for range 2 {
		s.Turn(16 * time.Minute)
		var requests sync.WaitGroup
		pages := make([]stage.Page, 20)
		for i := range pages {
			requests.Go(func() { pages[i] = visitor.Open(deepLink) })
		}
		requests.Wait()
		for _, p := range pages {
			s.welcomed(p, deepLink)
		}
	}
	if got := s.complained(); got != nil {
		t.Errorf("the access log has %q", got)
	}
}

// A session that ends at the load balancer alone is a new login without a page.
func TestANewLoginOfAnAdmittedVisitorIsSilent(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", func(c *albsim.Config) { c.SessionTimeout = 10 * time.Minute })
	visitor := s.Browser()
	s.enter(visitor)
	s.Turn(10 * time.Minute)
	p := visitor.Go(deepLink)
	s.welcomed(p, deepLink)
	for _, hop := range p.Hops {
		if strings.HasPrefix(hop, stage.Issuer+"/wait") {
			t.Errorf("an admitted visitor was sent to the line: %q", p.Hops)
		}
	}
}

// Keys that turn between login and refresh matter to nobody.
func TestRotatedKeysEndNoSession(t *testing.T) {
	s := openShop(t, "inlet: {kind: open}")
	s.balance("shop.example.com", func(c *albsim.Config) { c.ValidateSignature = true })
	early, late := s.Browser(), s.Browser()
	s.enter(early)
	s.RotateKeys()
	s.Turn(16 * time.Minute)
	s.welcomed(early.Go(deepLink), deepLink)
	s.enter(late)
	if got := s.complained(); got != nil {
		t.Errorf("the access log has %q", got)
	}
}

// The application expires the load balancer's cookies and sends the browser to
// /logout, where the visitor is asked: the application never sees the ID token that
// would be a hint. The slot is free at once if the application revokes the access
// token as well, else when that has run out.
func TestLoggingOutFreesTheSlot(t *testing.T) {
	for name, test := range map[string]struct {
		path   string
		atOnce bool
	}{
		"the application revokes the token": {"logout?revoke", true},
		"the application only redirects":    {"logout", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t, "inlet: {kind: capacity, max: 1}")
			s.balance("shop.example.com", nil)
			inside, next := s.Browser(), s.Browser()
			s.enter(inside)
			waiting := next.Go(deepLink)
			if place := next.Waits(waiting); place.State != "waiting" {
				t.Fatalf("the next visitor is %q", place.State)
			}
			p := inside.Go(home + test.path)
			if !test.atOnce {
				p = inside.Press(p, "confirm")
			}
			if p.URL.Host != "wait.example.com" || p.Status != http.StatusOK {
				t.Fatalf("logging out ends at %s with %d", p.URL.Host, p.Status)
			}
			if !strings.Contains(p.Text, `href="`+landing+`"`) {
				t.Errorf("no link to the landing page\n%s", p.Text)
			}
			for _, cookie := range inside.Cookies(home) {
				if cookie.Name != "AWSALBAuthNonce" {
					t.Errorf("the cookie %s is still there", cookie.Name)
				}
			}
			if !test.atOnce {
				next.Waits(next.Reload(waiting))
				s.Turn(15*time.Minute + 2*time.Second)
			}
			place := next.Waits(waiting)
			for deadline := time.Now().Add(10 * time.Second); place.State != "served" && time.Now().Before(deadline); {
				place = next.Waits(waiting)
			}
			if place.State != "served" {
				t.Errorf("the slot is not free: %+v", place)
			}
			again := inside.Go(home)
			if again.URL.Host != "wait.example.com" || again.Status != http.StatusOK {
				t.Errorf("after logging out the site answers %d at %s", again.Status, again.URL.Host)
			}
		})
	}
}

func TestARuleMayAllowOrDenyInsteadOfAuthenticating(t *testing.T) {
	s := openShop(t, "inlet: {kind: open}", "allow.example.com", "deny.example.com", "was-in.example.com")
	for host, on := range map[string]albsim.OnUnauthenticatedRequest{
		"allow.example.com": albsim.Allow, "deny.example.com": albsim.Deny,
	} {
		s.balance(host, func(c *albsim.Config) { c.OnUnauthenticatedRequest = on })
	}
	visitor := s.Browser()
	s.welcomed(visitor.Open("https://allow.example.com/"), "https://allow.example.com/")
	if got := s.last().Get("x-amzn-oidc-identity"); got != "" {
		t.Errorf("who is not logged in has the identity %q", got)
	}
	if p := visitor.Open("https://deny.example.com/"); p.Status != http.StatusUnauthorized {
		t.Errorf("deny answers %d", p.Status)
	}
	// Somebody whose session has run out is sent to log in, with deny as well.
	rule := s.balance("was-in.example.com", func(c *albsim.Config) { c.SessionTimeout = time.Minute })
	s.welcomed(visitor.Go("https://was-in.example.com/"), "https://was-in.example.com/")
	s.Turn(time.Minute)
	r := httptest.NewRequest(http.MethodGet, "https://was-in.example.com/", nil)
	for _, cookie := range visitor.Cookies("https://was-in.example.com/") {
		r.AddCookie(cookie)
	}
	answer := httptest.NewRecorder()
	rule.With(albsim.Deny).ServeHTTP(answer, r)
	if answer.Code != http.StatusFound {
		t.Errorf("a session that has run out is answered %d", answer.Code)
	}
	// HTTP/1.0 needs no Host, but a redirect URI does.
	r.Host = ""
	answer = httptest.NewRecorder()
	rule.ServeHTTP(answer, r)
	if got := s.complained(); answer.Code != http.StatusUnauthorized || !slices.Contains(got, albsim.AuthMissingHostHeader) {
		t.Errorf("without Host: %d, log %q", answer.Code, got)
	}
}

// A client of the application can't say who it is.
func TestHeadersOfTheClientAreDropped(t *testing.T) {
	s := openShop(t, "inlet: {kind: open}", "allow.example.com")
	s.balance("allow.example.com", func(c *albsim.Config) { c.OnUnauthenticatedRequest = albsim.Allow })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://allow.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x-amzn-oidc-identity", "x-amzn-oidc-data", "x-amzn-oidc-other"} {
		r.Header.Set(name, "me")
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	for name := range s.last() {
		if s.last().Get(name) == "me" {
			t.Errorf("%s got through", name)
		}
	}
}
