package server_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAVisitorOfAnOpenRoomNeverSeesThePage(t *testing.T) {
	b := newSite(t, "memory:", "{kind: open}").browser()
	got, status := b.redeem("shop", b.code(b.login()))
	if status != http.StatusOK || got.IDToken == "" || got.AccessToken == "" {
		t.Fatalf("redeeming answers %d %+v", status, got)
	}
	info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	if info.StatusCode != http.StatusOK || !strings.Contains(info.text, `"queue_position":1`) {
		t.Errorf("userinfo answers %d %s", info.StatusCode, info.text)
	}
}

func TestAVisitorWaitsAndGetsIn(t *testing.T) {
	for name, store := range map[string]string{"memory": "memory:", "bolt": bolt(t)} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, store, "{kind: manual}")
			first, second := s.browser(), s.browser()
			p1, p2 := first.login(), second.login()
			if got := first.waits(p1); got.Position != 1 || got.State != "waiting" || got.Ahead != 0 {
				t.Errorf("the first stands at %+v", got)
			}
			if got := second.waits(p2); got.Position != 2 || got.Ahead != 1 {
				t.Errorf("the second stands at %+v", got)
			}
			s.serveOne()
			if got := first.poll(p1); got.State != "served" {
				t.Errorf("after serving one the first is %q", got.State)
			}
			if got := second.poll(p2); got.State != "waiting" || got.Serving != 1 {
				t.Errorf("after serving one the second is %+v", got)
			}
			got, status := first.redeem("shop", first.code(first.get(p1.Request.URL.String())))
			if status != http.StatusOK || got.IDToken == "" {
				t.Errorf("redeeming answers %d %+v", status, got)
			}
			second.waits(second.get(p2.Request.URL.String()))
		})
	}
}

// I2: reloading, another tab, another client and coming back tomorrow keep the
// place.
func TestAPlaceIsKept(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	s.browser().login()
	b := s.browser()
	p := b.login()
	if got := b.waits(p).Position; got != 2 {
		t.Fatalf("position is %d, want 2", got)
	}
	for _, again := range []struct {
		after string
		visit func() page
	}{
		{"a reload", func() page { return b.get(p.Request.URL.String()) }},
		{"another tab", func() page { return b.login() }},
		{"another client's login", func() page { return b.loginOf("shop-too") }},
		{"a week", func() page { s.turn(7 * 24 * time.Hour); return b.login() }},
	} {
		if got := b.waits(again.visit()).Position; got != 2 {
			t.Errorf("after %s the position is %d, want 2", again.after, got)
		}
	}
}

// I5: a restart loses no place and no session.
func TestARestartKeepsPlacesAndSessions(t *testing.T) {
	s := newSite(t, bolt(t), "{kind: manual}")
	inside, waiting := s.browser(), s.browser()
	inside.login()
	p := waiting.login()
	s.serveOne()
	got, status := inside.redeem("shop", inside.code(inside.login()))
	if status != http.StatusOK {
		t.Fatalf("redeeming answers %d", status)
	}
	s.stop()
	s.start()
	waiting.http.CloseIdleConnections()
	inside.http.CloseIdleConnections()
	if at := waiting.waits(waiting.get(p.Request.URL.String())); at.Position != 2 {
		t.Errorf("after the restart the position is %d, want 2", at.Position)
	}
	inside.code(inside.login("prompt", "none"))
	info := inside.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	if info.StatusCode != http.StatusOK {
		t.Errorf("after the restart userinfo answers %d %s", info.StatusCode, info.text)
	}
	if at := s.browser(); at.waits(at.login()).Position != 3 {
		t.Error("the next position isn't 3")
	}
}

func TestATurnThatIsNotTakenUpExpiresAndAButtonJoinsAgain(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.login()
	s.serveOne()
	s.turn(15*time.Minute + time.Second)
	if got := b.poll(p).State; got != "expired" {
		t.Errorf("the state is %q, want expired", got)
	}
	again := b.get(p.Request.URL.String())
	if again.StatusCode != http.StatusOK || !strings.Contains(again.text, `value="join"`) {
		t.Fatalf("no button to join again: %d\n%s", again.StatusCode, again.text)
	}
	onward := b.do(http.MethodPost, p.Request.URL.String(), url.Values{"action": {"join"}},
		http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}}) // As browsers do from a page without referrer.
	if onward.StatusCode != http.StatusOK || !strings.HasPrefix(onward.Header.Get("Refresh"), "0; url=/wait?") {
		t.Fatalf("the button answers %d, Refresh %q", onward.StatusCode, onward.Header.Get("Refresh"))
	}
	b.do(http.MethodPost, p.Request.URL.String(), url.Values{"action": {"join"}}, nil) // Pressed twice.
	if got := b.waits(b.get(p.Request.URL.String())).Position; got != 2 {
		t.Errorf("the new position is %d, want 2", got)
	}
}

// I9: a place is good for one session.
func TestAnEndedVisitMeansTheEndOfTheLine(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	b.login()
	s.serveOne()
	got, _ := b.redeem("shop", b.code(b.login()))
	out := b.get("/logout?id_token_hint=" + got.IDToken)
	if out.StatusCode != http.StatusOK {
		t.Fatalf("logging out answers %d %s", out.StatusCode, out.text)
	}
	info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	if info.StatusCode != http.StatusUnauthorized {
		t.Errorf("after logging out userinfo answers %d", info.StatusCode)
	}
	p := b.login()
	if !strings.Contains(p.text, `value="join"`) {
		t.Errorf("a spent place gives no button to join again: %d\n%s", p.StatusCode, p.text)
	}
}

func TestAResetEndsTheLineOfWaitingVisitors(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.login()
	if status := s.manage(http.MethodPost, "/private/reset_initial_state", `{"event_id":"sale"}`, nil); status != http.StatusOK {
		t.Fatalf("the reset answers %d", status)
	}
	if got := b.poll(p).State; got != "expired" {
		t.Errorf("the poll says %q, want expired", got)
	}
	if again := b.get(p.Request.URL.String()); !strings.Contains(again.text, `value="join"`) {
		t.Errorf("no button to join again: %d\n%s", again.StatusCode, again.text)
	}
}

func TestASecondClientOfTheRoomNeedsNoSecondWait(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	b.login()
	s.serveOne()
	b.code(b.login())
	if got, status := b.redeem("shop-too", b.code(b.loginOf("shop-too"))); status != http.StatusOK || got.IDToken == "" {
		t.Errorf("the second client gets %d %+v", status, got)
	}
	b.waits(b.loginOf("elsewhere")) // Another room is another line.
}

// A copied place admits one person: from the claim on, codes need the session
// cookie.
func TestACopiedPlaceIsAskedToContinueHere(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	owner, copyist := s.browser(), s.browser()
	p := owner.login()
	at, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	copyist.jar.SetCookies(at, owner.jar.Cookies(at)) // All that there is before the claim.
	s.serveOne()
	got, _ := owner.redeem("shop", owner.code(owner.get(p.Request.URL.String())))
	asked := copyist.get(p.Request.URL.String())
	if asked.StatusCode != http.StatusOK || !strings.Contains(asked.text, `value="continue"`) {
		t.Fatalf("the copy gets %d\n%s", asked.StatusCode, asked.text)
	}
	copyist.do(http.MethodPost, p.Request.URL.String(), url.Values{"action": {"continue"}}, nil)
	copyist.code(copyist.login())
	if moved := owner.login(); moved.StatusCode != http.StatusOK || !strings.Contains(moved.text, `value="continue"`) {
		t.Errorf("the first holder is still let in: %d", moved.StatusCode)
	}
	info := owner.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	if info.StatusCode != http.StatusOK {
		t.Errorf("moving the session ended its tokens: %d", info.StatusCode)
	}
}

func TestPromptLoginOfAnAdmittedVisitorAsksForConfirmation(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	if _, status := b.redeem("shop", b.code(b.login("prompt", "login"))); status != http.StatusOK {
		t.Fatalf("the first login answers %d", status) // Who just came in isn't asked again.
	}
	s.turn(2 * time.Second)
	p := b.login("prompt", "login")
	if p.StatusCode != http.StatusOK || !strings.Contains(p.text, `value="confirm"`) {
		t.Fatalf("the second login gets %d\n%s", p.StatusCode, p.text)
	}
	b.do(http.MethodPost, p.Request.URL.String(), url.Values{"action": {"confirm"}}, nil)
	b.code(b.get(p.Request.URL.String()))
}

// Slots are freed by those who hand them out: the relying parties. A visitor who
// logs out by cookie alone, with tokens of a client still good, keeps the slot
// until the last of them has run out.
func TestASlotIsFreedOnceNoClientHoldsATokenOfTheVisit(t *testing.T) {
	for name, test := range map[string]struct {
		second bool // Whether a second client has logged in as well.
		hint   bool // Whether the first client logs the visitor out, or the visitor does.
		frees  bool
	}{
		"the only client logs out":             {false, true, true},
		"one of two clients logs out":          {true, true, false},
		"the visitor logs out by cookie alone": {false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "memory:", "{kind: capacity, max: 1}")
			inside, next := s.browser(), s.browser()
			got, _ := inside.redeem("shop", inside.code(inside.login()))
			if test.second {
				inside.redeem("shop-too", inside.code(inside.loginOf("shop-too")))
			}
			p := next.login()
			if at := next.waits(p); at.State != "waiting" {
				t.Fatalf("the second visitor is %q", at.State)
			}
			if test.hint {
				inside.get("/logout?id_token_hint=" + got.IDToken)
			} else {
				asked := inside.get("/logout")
				inside.do(http.MethodPost, "/logout", fields(asked.text), nil)
			}
			if inside.login("prompt", "none").Header.Get("Location") == "" {
				t.Error("no answer to prompt=none")
			}
			if frees := next.poll(p).State == "served"; frees != test.frees {
				t.Errorf("the slot is free: %v, want %v", frees, test.frees)
			}
			s.turn(15*time.Minute + 2*time.Second)
			s.until("free", func() bool { return next.poll(p).State == "served" })
		})
	}
}

// A client that never releases a slot keeps it for as long as the session would
// have lived, whoever ends the visit, and by whichever way.
func TestASlotThatIsNeverReleasedLastsAsLongAsTheSession(t *testing.T) {
	for name, ends := range map[string]func(inside *browser, got tokens) page{
		"a logout": func(inside *browser, got tokens) page { return inside.get("/logout?id_token_hint=" + got.IDToken) },
		"a revocation": func(inside *browser, got tokens) page {
			return inside.do(http.MethodPost, "/revoke", url.Values{"token": {got.AccessToken}, "client_id": {"shop"}, "client_secret": {secret}}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "memory:", "{kind: capacity, max: 1}") // Sessions of an hour.
			s.restart(shopWith("release: never"))
			inside, next := s.browser(), s.browser()
			got, _ := inside.redeem("shop", inside.code(inside.login()))
			p := next.login()
			if at := ends(inside, got); at.StatusCode != http.StatusOK {
				t.Fatalf("answers %d\n%s", at.StatusCode, at.text)
			}
			s.turn(59 * time.Minute)
			if at := next.poll(p); at.State != "waiting" {
				t.Errorf("before the session would have ended the next visitor is %q", at.State)
			}
			s.turn(2 * time.Minute)
			s.until("free", func() bool { return next.poll(p).State == "served" })
		})
	}
}

// fields returns the hidden fields of a page's form.
func fields(page string) url.Values {
	form := url.Values{}
	for _, input := range strings.Split(page, `<input type="hidden" name="`)[1:] {
		name, rest, _ := strings.Cut(input, `" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		form.Set(name, html.UnescapeString(value))
	}
	return form
}
