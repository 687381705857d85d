package albsim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/e2e/albsim"
)

// After 15 minutes the load balancer refuses the code, whoever brings it. So the
// visitor whose turn comes later starts at the site again and is let in without a
// page. Which page of the site it was is forgotten on this way alone.
func TestAVisitorWhoWaitsLongerThanTheLoadBalancerGetsInAfresh(t *testing.T) {
	for name, test := range map[string]struct {
		wait   time.Duration
		afresh bool
	}{
		"well before the end":                    {14 * time.Minute, false},
		"less than half a minute before the end": {14*time.Minute + 31*time.Second, true},
		"long after the end":                     {90 * time.Minute, true},
		"on the next day":                        {26 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t, "inlet: {kind: manual}")
			s.balance("shop.example.com", nil)
			visitor := s.Browser()
			p := visitor.Go(deepLink)
			first := stateOf(t, p.Hops[1])
			s.Turn(test.wait)
			visitor.Waits(visitor.Reload(p))
			s.Serve("sale", 1)
			p = visitor.Reload(p)
			end := deepLink
			if test.afresh {
				end = home
			}
			s.welcomed(p, end)
			delivered := deliveries(p)
			if len(delivered) != 1 || (stateOf(t, delivered[0]) == first) == test.afresh {
				t.Errorf("codes were delivered by %q", delivered)
			}
			if got := s.complained(); got != nil {
				t.Errorf("the access log has %q", got)
			}
			if dealt := s.Dealt("sale"); dealt != 1 {
				t.Errorf("%d places were dealt", dealt)
			}
		})
	}
}

// Without starting afresh the load balancer would show its error to everybody who
// has waited for more than 15 minutes: the simulator must be as strict as that for
// the test above to prove anything.
func TestACodeThatComesTooLateIsRefused(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	s.Serve("sale", 1)
	delivery := visitor.Open(p.URL.String()).Header.Get("Location")
	s.Turn(15*time.Minute + time.Second)
	s.refused(visitor.Open(delivery), http.StatusUnauthorized, albsim.AuthInvalidStateParam)
}

// With prompt=login in each request, as in AWS's own example, a late visitor is not
// asked to confirm either: there was no login yet.
func TestStartingAfreshWithPromptLoginAsksNothing(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", func(c *albsim.Config) {
		c.AuthenticationRequestExtraParams = []albsim.Param{{"prompt", "login"}}
	})
	visitor := s.Browser()
	p := visitor.Go(deepLink)
	s.Turn(time.Hour)
	s.Serve("sale", 1)
	s.welcomed(visitor.Reload(p), home)
}

// Each host name is started afresh by itself.
func TestStartingAfreshKeepsTheHostName(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}", "www.shop.example.com")
	s.balance("www.shop.example.com", nil)
	visitor := s.Browser()
	p := visitor.Go("https://www.shop.example.com/sale")
	s.Turn(time.Hour)
	s.Serve("sale", 1)
	s.welcomed(visitor.Reload(p), "https://www.shop.example.com/")
}

// A tab of yesterday and one of now: both get in, and nobody loses the place.
func TestATabOfYesterdayGetsInBesideANewOne(t *testing.T) {
	s := openShop(t, "inlet: {kind: manual}")
	s.balance("shop.example.com", nil)
	visitor := s.Browser()
	old := visitor.Go(deepLink)
	s.Turn(20 * time.Minute)
	fresh := visitor.Go(deepLink)
	s.Serve("sale", 1)
	s.welcomed(visitor.Reload(fresh), deepLink)
	s.welcomed(visitor.Reload(old), home)
	if dealt := s.Dealt("sale"); dealt != 1 {
		t.Errorf("%d places were dealt", dealt)
	}
}
