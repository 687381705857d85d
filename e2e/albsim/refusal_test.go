package albsim_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/e2e/albsim"
)

// A visitor who goes back to the callback's address replays a code. The load
// balancer shows its error, and the visitor is in again by opening the site, though
// the tokens of that login have ended.
func TestAReplayedCodeCostsNoPlace(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	s.Serve("sale", 1)
	p = visitor.Reload(p)
	s.welcomed(p, deepLink)
	s.refused(visitor.Go(deliveries(p)[0]), albsim.StatusIdPError, albsim.AuthInvalidGrantError)
	s.Turn(16 * time.Minute) // The refresh finds its login ended; the new one is silent.
	s.welcomed(visitor.Go(deepLink), deepLink)
	if dealt := s.Dealt("sale"); dealt != 1 {
		t.Errorf("%d places were dealt", dealt)
	}
}

// A code that ends up in another browser is worth nothing there, and stays good
// where it belongs.
func TestABrowserWithoutTheCookieSpendsNoCode(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	s.Serve("sale", 1)
	delivery := visitor.Open(p.URL.String()).Header.Get("Location")
	s.refused(s.Browser().Go(delivery), http.StatusUnauthorized, albsim.AuthMissingAWSALBAuthNonce)
	s.welcomed(visitor.Go(delivery), deepLink)
}

func TestTheLoadBalancerRefusesWhatIsNotItsOwn(t *testing.T) {
	s := openShop(t, "inlet: {kind: open}")
	s.balance("shop.example.com", nil)
	for _, test := range []struct {
		name, query string
		reason      albsim.Reason
	}{
		{"no code", "state=x", albsim.AuthMissingCodeParam},
		{"no state", "code=x", albsim.AuthMissingStateParam},
		{"a foreign state", "code=x&state=x", albsim.AuthInvalidStateParam},
		{"an error", "error=access_denied&state=x", albsim.AuthInvalidTokenResponse},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.refused(s.Browser().Open(callback+"?"+test.query), http.StatusUnauthorized, test.reason)
		})
	}
	visitor := s.Browser()
	s.enter(visitor)
	for _, cookie := range visitor.Cookies(home) {
		if cookie.Name == "AWSELBAuthSessionCookie-0" {
			visitor.SetCookies(home, &http.Cookie{Name: cookie.Name, Value: "A" + cookie.Value[1:], Path: "/", Secure: true})
			if cookie.Value[0] == 'A' {
				visitor.SetCookies(home, &http.Cookie{Name: cookie.Name, Value: "B" + cookie.Value[1:], Path: "/", Secure: true})
			}
		}
	}
	s.refused(visitor.Open(home), http.StatusUnauthorized, albsim.AuthInvalidCookie)
}

// What the load balancer makes of a provider's faults, so that operators can read
// its log: the first ones are this provider's own answers, then those of one that
// gets things wrong.
func TestTheLoadBalancerNamesTheProvidersFaults(t *testing.T) {
	names := []string{"secret.example.com", "gone.example.com"}
	s := openShop(t, "inlet: {kind: open}", names...)
	s.balance("secret.example.com", func(c *albsim.Config) { c.ClientSecret = "wrong" })
	s.refused(s.Browser().Go("https://secret.example.com/"), albsim.StatusIdPError, albsim.AuthTokenEpRequestFailed)
	s.balance("gone.example.com", func(c *albsim.Config) { c.TokenEndpoint = "https://gone.invalid/token" })
	s.refused(s.Browser().Go("https://gone.example.com/"), http.StatusInternalServerError, albsim.AuthTokenEpRequestTimeout)

	var wrong atomic.Pointer[provider] // A request that takes long may outlive its test.
	s.Host("wrong.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wrong.Load().ServeHTTP(w, r) }))
	const site = "https://faulty.example.com/"
	s.balance("faulty.example.com", func(c *albsim.Config) {
		c.Issuer, c.AuthorizationEndpoint = wrongIssuer, wrongIssuer+"/authorize"
		c.TokenEndpoint, c.UserInfoEndpoint = wrongIssuer+"/token", wrongIssuer+"/userinfo"
		c.EndpointTimeout = 200 * time.Millisecond
	})
	for _, test := range []struct {
		name   string
		spoil  func(*provider)
		status int
		reason albsim.Reason
	}{
		{"nothing", func(*provider) {}, http.StatusOK, ""},
		{"no ID token", func(p *provider) { delete(p.tokens, "id_token") }, 401, albsim.AuthInvalidTokenResponse},
		{"an empty nonce", func(p *provider) { p.claims["nonce"] = "" }, 401, albsim.AuthInvalidIDToken},
		{"a list of audiences", func(p *provider) { p.claims["aud"] = []string{"shop"} }, 401, albsim.AuthInvalidIDToken},
		{"another audience", func(p *provider) { p.claims["aud"] = "store" }, 401, albsim.AuthInvalidIDToken},
		{"another issuer", func(p *provider) { p.claims["iss"] = "https://else.example.com" }, 401, albsim.AuthInvalidIDToken},
		{"an old ID token", func(p *provider) { p.claims["exp"] = 1 }, 401, albsim.AuthInvalidIDToken},
		{"no sub", func(p *provider) { delete(p.claims, "sub") }, 401, albsim.AuthInvalidIDToken},
		{"no Bearer token", func(p *provider) { p.tokens["token_type"] = "mac" }, 561, albsim.AuthInvalidTokenResponse},
		{"another sub in userinfo", func(p *provider) { p.info["sub"] = "else" }, 561, albsim.AuthInvalidUserinfoResponse},
		{"userinfo that is no object", func(p *provider) { p.info = nil }, 561, albsim.AuthInvalidUserinfoResponse},
		{"userinfo of 11 K", func(p *provider) { p.info["groups"] = strings.Repeat("x", 11<<10) }, 500, albsim.AuthUserinfoResponseSizeExceeded},
		{"userinfo that is down", func(p *provider) { p.down = "/userinfo" }, 561, albsim.AuthUserinfoEpRequestFailed},
		{"tokens that are down", func(p *provider) { p.down = "/token" }, 561, albsim.AuthTokenEpRequestFailed},
		{"tokens that take long", func(p *provider) { p.slow = "/token" }, 500, albsim.AuthTokenEpRequestTimeout},
		{"userinfo that takes long", func(p *provider) { p.slow = "/userinfo" }, 500, albsim.AuthUserinfoEpRequestTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			next := newProvider(s.Now())
			test.spoil(&next)
			wrong.Store(&next)
			p := s.Browser().Go(site)
			got := s.complained()
			if p.Status != test.status || test.reason != "" && !slices.Contains(got, test.reason) {
				t.Errorf("answered %d, log %q; want %d, %s", p.Status, got, test.status, test.reason)
			}
		})
	}
}

// A session of some 10 K takes several cookies, and comes out of them whole.
func TestALargeSessionTakesSeveralCookies(t *testing.T) {
	s := openShop(t, "inlet: {kind: open}")
	large := newProvider(s.Now())
	large.info["groups"] = strings.Repeat("x", 10<<10)
	s.Host("wrong.example.com", &large)
	s.balance("large.example.com", func(c *albsim.Config) {
		c.Issuer, c.AuthorizationEndpoint = wrongIssuer, wrongIssuer+"/authorize"
		c.TokenEndpoint, c.UserInfoEndpoint = wrongIssuer+"/token", wrongIssuer+"/userinfo"
	})
	visitor := s.Browser()
	s.welcomed(visitor.Go("https://large.example.com/"), "https://large.example.com/")
	if got := len(visitor.Cookies("https://large.example.com/")); got < 4 { // The nonce, and three shards at least.
		t.Errorf("%d cookies", got)
	}
	s.welcomed(visitor.Open("https://large.example.com/x"), "https://large.example.com/x")
}

const wrongIssuer = "https://wrong.example.com"

// provider is one that is told what to answer.
type provider struct {
	claims, tokens, info map[string]any
	down, slow           string // the path that answers 503, or too late
}

// newProvider returns one that gets everything right.
func newProvider(now time.Time) provider {
	return provider{
		claims: map[string]any{"iss": wrongIssuer, "sub": "me", "aud": "shop", "exp": now.Add(time.Hour).Unix()},
		tokens: map[string]any{"access_token": "at", "token_type": "bearer", "id_token": "", "expires_in": 60},
		info:   map[string]any{"sub": "me"},
	}
}

// ServeHTTP answers as told.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case p.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case p.slow:
		_, _ = io.Copy(io.Discard, r.Body) // Only then does a server notice that its client has gone.
		<-r.Context().Done()
	case "/authorize":
		q := url.Values{"code": {"c"}, "state": {r.URL.Query().Get("state")}}
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+q.Encode(), http.StatusFound)
	case "/token":
		answer := maps.Clone(p.tokens)
		if _, ok := answer["id_token"]; ok {
			answer["id_token"] = unsigned(p.claims)
		}
		_ = json.NewEncoder(w).Encode(answer)
	case "/userinfo":
		if p.info == nil {
			_, _ = w.Write([]byte(`"me"`))
			return
		}
		_ = json.NewEncoder(w).Encode(p.info)
	}
}

// unsigned returns a token whose signature is worth nothing.
func unsigned(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(fmt.Sprintf("claims: %v", err))
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode(payload) + "." + encode([]byte("signature"))
}
