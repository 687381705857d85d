package albsim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/anteroom-dev/anteroom/e2e/albsim"
	"github.com/anteroom-dev/anteroom/e2e/stage"
)

const (
	home     = "https://shop.example.com/"
	deepLink = home + "sale?size=9&colour=b%2Fw"
	callback = home + "oauth2/idpresponse"
	landing  = home + "goodbye" // open to everybody
	// secret has all that the encodings of the two ways of authentication treat
	// differently.
	secret = "s3cr+t/x=%41"
)

// shop is a site behind a load balancer, in front of which there is a line.
type shop struct {
	*testing.T
	*stage.Stage

	mu      sync.Mutex
	reasons []albsim.Reason // of the access log
	seen    []http.Header   // of the requests that reached the application
}

// openShop puts a shop on a stage whose room has the given keys. The host names
// besides shop.example.com are further names of redirect URIs.
func openShop(t *testing.T, room string, names ...string) *shop {
	t.Helper()
	uris := []string{fmt.Sprintf("%q", callback)}
	for _, name := range names {
		uris = append(uris, fmt.Sprintf("%q", "https://"+name+"/oauth2/idpresponse"))
	}
	return &shop{T: t, Stage: stage.Start(t, fmt.Sprintf(`
rooms: [{id: sale, %s}]
clients: [{id: shop, secret_sha256: %s, room: sale, %s, redirect_uris: [%s], post_logout_redirect_uris: [%q]}]
`, room, stage.Hash(secret), keysOfALB, strings.Join(uris, ", "), landing))}
}

// balance puts a load balancer in front of the application, under a host name.
func (s *shop) balance(host string, change func(*albsim.Config)) *albsim.LoadBalancer {
	s.Helper()
	config := albsim.Config{
		Issuer: stage.Issuer, AuthorizationEndpoint: stage.Issuer + "/authorize",
		TokenEndpoint: stage.Issuer + "/token", UserInfoEndpoint: stage.Issuer + "/userinfo",
		ClientID: "shop", ClientSecret: secret, Target: s.application(),
		Client: s.Client(), Now: s.Now, AccessLog: s.note,
	}
	if change != nil {
		change(&config)
	}
	lb, err := albsim.New(config)
	if err != nil {
		s.Fatal(err)
	}
	// Another rule of the listener: the landing page needs no login.
	rules := http.NewServeMux()
	rules.HandleFunc("/goodbye", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("goodbye")) })
	rules.Handle("/", lb)
	s.Host(host, rules)
	return lb
}

// application is what the load balancer protects.
func (s *shop) application() http.Handler {
	app := http.NewServeMux()
	app.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, r.Header)
		_, _ = fmt.Fprintf(w, "welcome to %s", r.URL.RequestURI())
	})
	// As AWS tells applications to log out.
	app.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		for _, cookie := range r.Cookies() {
			if strings.HasPrefix(cookie.Name, "AWSELBAuthSessionCookie-") {
				http.SetCookie(w, &http.Cookie{Name: cookie.Name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true})
			}
		}
		if r.URL.Query().Has("revoke") {
			s.revoke(r.Header.Get("x-amzn-oidc-accesstoken"))
		}
		q := url.Values{"client_id": {"shop"}, "post_logout_redirect_uri": {landing}}
		http.Redirect(w, r, stage.Issuer+"/logout?"+q.Encode(), http.StatusFound)
	})
	return app
}

// revoke ends the login to which a token belongs, as an application may that
// shares the load balancer's credentials.
func (s *shop) revoke(token string) {
	answer, err := s.Client().PostForm(stage.Issuer+"/revoke",
		url.Values{"token": {token}, "client_id": {"shop"}, "client_secret": {secret}})
	if err != nil {
		s.Error(err)
		return
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.Errorf("revoking answers %d", answer.StatusCode)
	}
}

// note takes down the access log.
func (s *shop) note(status int, reason albsim.Reason, cause error) {
	s.Logf("load balancer: %d %s: %v", status, reason, cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reasons = append(s.reasons, reason)
}

// complained returns the access log since it was last asked for.
func (s *shop) complained() []albsim.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.reasons = nil }()
	return s.reasons
}

// last returns the header of the last request that reached the application.
func (s *shop) last() http.Header {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		s.Fatal("no request has reached the application")
	}
	return s.seen[len(s.seen)-1]
}

// welcomed fails the test unless a page is the application's, at the given address.
func (s *shop) welcomed(p stage.Page, at string) {
	s.Helper()
	if p.URL.String() != at || p.Status != http.StatusOK || !strings.HasPrefix(p.Text, "welcome") {
		s.Fatalf("not welcomed at %s: %d %s\n%s", at, p.Status, p.URL.Redacted(), p.Text)
	}
}

// refused fails the test unless the load balancer answered with a status and its
// access log has the reason.
func (s *shop) refused(p stage.Page, status int, reason albsim.Reason) {
	s.Helper()
	if got := s.complained(); p.Status != status || !slices.Contains(got, reason) {
		s.Errorf("answered %d, log %q; want %d, %s", p.Status, got, status, reason)
	}
}

// deliveries returns the addresses on a way by which codes were delivered.
func deliveries(p stage.Page) []string {
	return slices.DeleteFunc(slices.Clone(p.Hops), func(hop string) bool { return !strings.Contains(hop, "/oauth2/idpresponse?") })
}

// stateOf returns the state in an address.
func stateOf(t *testing.T, address string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return at.Query().Get("state")
}
