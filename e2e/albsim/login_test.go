package albsim_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/e2e/albsim"
	"github.com/anteroom-dev/anteroom/e2e/stage"
)

// keysOfALB are the keys of a client that is a load balancer.
const keysOfALB = "preset: alb"

// Whatever the real load balancer does where nobody knows, the visitor gets in and
// back to where the way began.
func TestAnOpenRoomLetsTheVisitorThroughUnseen(t *testing.T) {
	var names []string
	wires := map[string]func(*albsim.Config){}
	for _, auth := range []albsim.TokenAuth{albsim.ClientSecretPost, albsim.ClientSecretBasic} {
		for _, validate := range []bool{false, true} {
			name := fmt.Sprintf("%s-%t.example.com", auth, validate)
			names = append(names, name)
			wires[name] = func(c *albsim.Config) { c.TokenAuth, c.ValidateSignature = auth, validate }
		}
	}
	s := openShop(t, "inlet: {kind: open}", names...)
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			s.balance(name, wire)
			at := "https://" + name + "/sale?size=9&colour=b%2Fw"
			p := s.Browser().Go(at)
			s.welcomed(p, at)
			if got := len(deliveries(p)); got != 1 {
				t.Errorf("%d codes were delivered: %q", got, p.Hops)
			}
		})
	}
}

func TestAVisitorWhoWaitsLessThanTheLoadBalancerIsBackAtTheDeepLink(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	if place := visitor.Waits(p); place.Position != 1 || place.State != "waiting" {
		t.Fatalf("the visitor stands at %+v", place)
	}
	s.Turn(10 * time.Minute)
	visitor.Waits(visitor.Reload(p))
	s.Serve("sale", 1)
	s.welcomed(visitor.Reload(p), deepLink)
	s.welcomed(visitor.Go(home+"cart"), home+"cart") // By the session cookie alone.
	if got := s.complained(); got != nil {
		t.Errorf("the access log has %q", got)
	}
}

// The state is base64 with + / = and long: a provider that decodes and encodes it
// again, or puts it in an address as it is, breaks every login.
func TestTheStateComesBackByteForByte(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	at := home + "sale?q=" + strings.Repeat("long/", 150)
	visitor := s.Browser()
	sent := stateOf(t, visitor.Open(at).Header.Get("Location"))
	if len(sent) < 600 || !strings.Contains(sent, "+") || !strings.Contains(sent, "/") || !strings.HasSuffix(sent, "=") {
		t.Fatalf("the state is too tame to prove anything: %d characters, %q", len(sent), sent)
	}
	p := visitor.Go(at)
	sent = stateOf(t, p.Hops[1])
	s.Serve("sale", 1)
	p = visitor.Reload(p)
	s.welcomed(p, at)
	if got := stateOf(t, deliveries(p)[0]); got != sent {
		t.Errorf("sent state\n%s, got back\n%s", sent, got)
	}
}

// The authorization request and its cookie are what public captures show.
func TestTheAuthorizationRequestIsTheCapturedOne(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", func(c *albsim.Config) {
		c.AuthenticationRequestExtraParams = []albsim.Param{{"prompt", "login"}, {"display", "page"}}
	})
	p := s.Browser().Open(deepLink)
	want := regexp.MustCompile(`^https://wait\.example\.com/authorize\?client_id=shop` +
		`&redirect_uri=https%3A%2F%2Fshop\.example\.com%2Foauth2%2Fidpresponse&response_type=code&scope=openid` +
		`&state=(?:[A-Za-z0-9]|%2B|%2F|%3D)+&prompt=login&display=page$`)
	if got := p.Header.Get("Location"); p.Status != http.StatusFound || !want.MatchString(got) {
		t.Errorf("answered %d, Location %s", p.Status, got)
	}
	cookie := regexp.MustCompile(`^AWSALBAuthNonce=[A-Za-z0-9]{16}; Path=/; Secure; HttpOnly$`)
	if got := p.Header.Get("Set-Cookie"); !cookie.MatchString(got) || p.Header.Get("Server") != "awselb/2.0" {
		t.Errorf("Set-Cookie %q, Server %q", got, p.Header.Get("Server"))
	}
}

// AWS's own example adds prompt=login. A first-time visitor joins as ever; one who
// is admitted is asked to press a button, and is never sent back to the line.
func TestPromptLoginIsNoTrap(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", func(c *albsim.Config) {
		c.AuthenticationRequestExtraParams = []albsim.Param{{"prompt", "login"}, {"display", "page"}}
		c.SessionTimeout = 20 * time.Minute
	})
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	s.Serve("sale", 1)
	s.welcomed(visitor.Reload(p), deepLink)
	s.Turn(20 * time.Minute) // The load balancer's session ends before the visit.
	p = visitor.Go(deepLink)
	s.welcomed(visitor.Press(p, "action"), deepLink)
	if dealt := s.Dealt("sale"); dealt != 1 {
		t.Errorf("%d places were dealt", dealt)
	}
}

// Each host name of a load balancer is a redirect URI of its own, and a session of
// its own at the load balancer, but one visit.
func TestASecondHostNameNeedsNoSecondWait(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}", "www.shop.example.com")
	for _, host := range []string{"shop.example.com", "www.shop.example.com", "old.shop.example.com"} {
		s.balance(host, nil)
	}
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	s.Serve("sale", 1)
	s.welcomed(visitor.Reload(p), deepLink)
	s.welcomed(visitor.Go("https://www.shop.example.com/sale"), "https://www.shop.example.com/sale")
	if dealt := s.Dealt("sale"); dealt != 1 {
		t.Errorf("%d places were dealt", dealt)
	}
	// A name that nobody has registered ends on a page, not at that name.
	p = visitor.Go("https://old.shop.example.com/")
	if p.Status != http.StatusBadRequest || p.URL.Host != "wait.example.com" {
		t.Errorf("a name that isn't registered ends at %s with %d", p.URL.Host, p.Status)
	}
}

// Both tabs hold one place. Which of them the load balancer lets in is up to its
// cookie; a tab that it refuses is in after loading the site again.
func TestTwoTabsHoldOnePlace(t *testing.T) {
	for name, reuse := range map[string]bool{"the nonce cookie is replaced": false, "the nonce cookie is kept": true} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t, "inlet: {kind: manual}")
			s.balance("shop.example.com", func(c *albsim.Config) { c.ReuseNonce = reuse })
			visitor := s.Browser()
			first, second := visitor.Go(deepLink), visitor.Go(home)
			if a, b := visitor.Waits(first), visitor.Waits(second); a.Position != 1 || b.Position != 1 {
				t.Errorf("the tabs stand at %+v and %+v", a, b)
			}
			s.Serve("sale", 1)
			s.welcomed(visitor.Reload(second), home)
			if p := visitor.Reload(first); reuse {
				s.welcomed(p, deepLink)
			} else {
				s.refused(p, http.StatusUnauthorized, albsim.AuthInvalidAWSALBAuthNonce)
			}
			s.welcomed(visitor.Go(deepLink), deepLink)
			if dealt := s.Dealt("sale"); dealt != 1 {
				t.Errorf("%d places were dealt", dealt)
			}
		})
	}
}

// What the application is told, and that nobody else can tell it.
func TestTheApplicationLearnsWhoItIs(t *testing.T) {
	s := openShop(t, "inlet: {kind: open}")
	const keyHost = "public-keys.auth.elb.eu-west-1.amazonaws.com"
	lb := s.balance("shop.example.com", nil)
	s.Host(keyHost, lb.PublicKeys())
	visitor := s.Browser()
	s.welcomed(visitor.Go(home), home)
	header := s.last()
	parts := strings.Split(header.Get("x-amzn-oidc-data"), ".")
	var jwt [3][]byte
	for i, part := range parts {
		var err error
		if jwt[i], err = base64.URLEncoding.DecodeString(part); err != nil || len(part)%4 != 0 {
			t.Fatalf("part %d is not base64url with padding: %v", i, err)
		}
	}
	var head struct{ Alg, Kid, Iss, Client string }
	var claims struct{ Sub string }
	if err := json.Unmarshal(jwt[0], &head); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(jwt[1], &claims); err != nil {
		t.Fatal(err)
	}
	if head.Alg != "ES256" || head.Iss != stage.Issuer || head.Client != "shop" {
		t.Errorf("the header is %s", jwt[0])
	}
	if claims.Sub == "" || claims.Sub != header.Get("x-amzn-oidc-identity") || header.Get("x-amzn-oidc-accesstoken") == "" {
		t.Errorf("the claims are %s, the identity %q", jwt[1], header.Get("x-amzn-oidc-identity"))
	}
	answer, err := s.Client().Get("https://" + keyHost + "/" + head.Kid)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	key, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !verifies(t, key, parts[0]+"."+parts[1], jwt[2]) {
		t.Error("the signature is wrong")
	}
	if size := len(jwt[1]) + len(header.Get("x-amzn-oidc-accesstoken")); size > 1<<10 {
		t.Errorf("claims and access token take %d bytes of the load balancer's 11 K", size)
	}
}

// verifies reports whether a signature is good under a key in PEM.
func verifies(t *testing.T, key []byte, text string, signature []byte) bool {
	t.Helper()
	block, _ := pem.Decode(key)
	if block == nil {
		t.Fatalf("not PEM: %s", key)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	r, v := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(public.(*ecdsa.PublicKey), digest[:], r, v)
}
