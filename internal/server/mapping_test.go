package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A client with reauth: requeue sends an admitted visitor to the end of the line,
// after a page that says so.
func TestPromptLoginOfARequeuingClientMeansTheEndOfTheLine(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	first := b.loginOf("strict", "prompt", "login")
	s.serveOne()
	b.poll(first)
	got, status := b.redeem("strict", b.code(b.get(first.Request.URL.String())))
	if status != http.StatusOK {
		t.Fatalf("the first login answers %d", status) // Who just came through the line isn't sent back.
	}
	s.browser().login() // Somebody else joins meanwhile.
	s.turn(2 * time.Second)
	p := b.loginOf("strict", "prompt", "login")
	self := p.Request.URL.String()
	if p.StatusCode != http.StatusOK || !strings.Contains(p.text, `value="requeue"`) {
		t.Fatalf("the second login gets %d\n%s", p.StatusCode, p.text)
	}
	admitted := func() bool {
		t.Helper()
		info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
		return info.StatusCode == http.StatusOK
	}
	// Neither a link, nor another site, nor the milder button does anything.
	b.get(self + "&action=requeue")
	b.do(http.MethodPost, self, url.Values{"action": {"requeue"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}})
	b.do(http.MethodPost, self, url.Values{"action": {"confirm"}}, nil)
	// Confirming at another client moves auth_time, and is not standing in line.
	b.redeem("shop", b.code(b.login()))
	s.turn(2 * time.Second)
	other := b.login("prompt", "login")
	b.do(http.MethodPost, other.Request.URL.String(), url.Values{"action": {"requeue"}}, nil) // Not what this client asks.
	b.do(http.MethodPost, other.Request.URL.String(), url.Values{"action": {"confirm"}}, nil)
	b.code(b.get(other.Request.URL.String()))
	if again := b.get(self); !strings.Contains(again.text, `value="requeue"`) || !admitted() {
		t.Fatalf("without the button: admitted %v, %d\n%s", admitted(), again.StatusCode, again.text)
	}

	for range 2 { // Pressing it twice takes one place.
		b.do(http.MethodPost, self, url.Values{"action": {"requeue"}}, http.Header{"Sec-Fetch-Site": {"same-origin"}})
		if admitted() {
			t.Error("the visit goes on")
		}
		if at := b.waits(b.get(self)); at.Position != 3 || at.State != "waiting" {
			t.Errorf("the visitor stands at %+v", at)
		}
	}
	s.serveOne()
	s.serveOne()
	s.turn(time.Second) // The door spreads those who are served together.
	b.poll(p)
	if _, status := b.redeem("strict", b.code(b.get(self))); status != http.StatusOK {
		t.Errorf("the login that demanded it answers %d", status)
	}
}

// prompt=none never takes a place, in an open room either.
func TestPromptNoneTakesNoPlace(t *testing.T) {
	for _, inlet := range []string{"{kind: open}", "{kind: manual}"} {
		s := newSite(t, "memory:", inlet)
		at, err := s.browser().login("prompt", "none").Location()
		if err != nil {
			t.Fatal(err)
		}
		if at.Query().Get("error") != "login_required" || s.dealt() != 0 {
			t.Errorf("%s: sent to %s, %d places dealt", inlet, at, s.dealt())
		}
	}
}

// Logging out ends a visit, never a waiting place.
func TestLoggingOutKeepsAWaitingPlace(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.login()
	before := b.waits(p).Position
	b.get("/logout")
	b.do(http.MethodPost, "/logout", url.Values{"confirm": {"yes"}}, nil)
	if at := b.waits(b.get(p.Request.URL.String())); at.Position != before || at.State != "waiting" {
		t.Errorf("the visitor stands at %+v, before at %d", at, before)
	}
}

// A confirmation moves auth_time on, so that the client sees that there was one.
func TestAConfirmationMovesAuthTimeByAWholeSecond(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	first, _ := b.redeem("shop", b.code(b.login()))
	s.turn(time.Second)
	p := b.login("prompt", "login")
	if !strings.Contains(p.text, `value="confirm"`) {
		t.Fatalf("no question: %d\n%s", p.StatusCode, p.text)
	}
	b.do(http.MethodPost, p.Request.URL.String(), url.Values{"action": {"confirm"}}, nil)
	second, _ := b.redeem("shop", b.code(b.get(p.Request.URL.String())))
	if last, now := authTime(t, first.IDToken), authTime(t, second.IDToken); now < last+1 {
		t.Errorf("auth_time was %d and is %d", last, now)
	}
}

func authTime(t *testing.T, idToken string) int64 {
	t.Helper()
	var claims struct {
		AuthTime int64 `json:"auth_time"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(idToken, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.AuthTime
}

// With the real keys and the real line: signed access tokens and a sub that
// outlives the visit.
func TestASignedAccessTokenAndABrowsersSub(t *testing.T) {
	for name, store := range map[string]string{"memory": "memory:", "bolt": bolt(t)} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, store, "{kind: open}")
			b := s.browser()
			introspect := func(token string) (answer struct {
				Active   bool
				Sub, Aud string
			},
			) {
				t.Helper()
				got := s.browser().do(http.MethodPost, "/introspect",
					url.Values{"token": {token}, "client_id": {"forum"}, "client_secret": {secret}}, nil)
				if err := json.Unmarshal([]byte(got.text), &answer); err != nil {
					t.Fatalf("%v: %d %s", err, got.StatusCode, got.text)
				}
				return answer
			}
			first, _ := b.redeem("forum", b.code(b.loginOf("forum")))
			before := introspect(first.AccessToken)
			if strings.Count(first.AccessToken, ".") != 2 || !before.Active || before.Aud != issuer || len(before.Sub) != 26 {
				t.Errorf("token %q, introspection %+v", first.AccessToken, before)
			}
			b.get("/logout?id_token_hint=" + first.IDToken)
			if got := introspect(first.AccessToken); got.Active {
				t.Errorf("after the visit: %+v", got)
			}
			s.turn(2 * time.Second)
			second, _ := b.redeem("forum", b.code(b.loginOf("forum")))
			renewed, status := s.browser().token("forum", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.RefreshToken}})
			if got := introspect(renewed.AccessToken); status != http.StatusOK || got != before {
				t.Errorf("the next visit: status %d, %+v, before %+v", status, got, before)
			}
		})
	}
}
