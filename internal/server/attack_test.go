package server_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// dealt returns how many positions the room has dealt.
func (s *site) dealt() int64 {
	s.Helper()
	var room struct {
		Dealt int64 `json:"dealt"`
	}
	s.manage(http.MethodGet, "/admin/api/rooms/sale", "", &room)
	return room.Dealt
}

// Only a GET navigation of a browser that keeps cookies joins.
func TestWhatIsNoNavigationTakesNoPlace(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	page := b.login().Request.URL.String()
	before := s.dealt()
	jar := b.http.Jar
	for what, try := range map[string]struct {
		method  string
		header  http.Header
		cookies bool
		want    int
	}{
		"HEAD":                          {http.MethodHead, nil, true, http.StatusOK},
		"a prefetch":                    {http.MethodGet, http.Header{"Sec-Purpose": {"prefetch"}}, true, http.StatusServiceUnavailable},
		"a prerender":                   {http.MethodGet, http.Header{"Sec-Purpose": {"prefetch;prerender"}}, true, http.StatusServiceUnavailable},
		"an image":                      {http.MethodGet, http.Header{"Sec-Fetch-Dest": {"image"}}, true, http.StatusForbidden},
		"a frame":                       {http.MethodGet, http.Header{"Sec-Fetch-Dest": {"iframe"}}, true, http.StatusForbidden},
		"a browser without cookies":     {http.MethodGet, nil, false, http.StatusBadRequest},
		"a method that is none of ours": {http.MethodPut, nil, true, http.StatusMethodNotAllowed},
	} {
		t.Run(what, func(t *testing.T) {
			c := s.browser()
			c.http.Jar = nil
			if try.cookies {
				c.http.Jar = jar
			}
			got := c.do(try.method, page, nil, try.header)
			if got.StatusCode != try.want {
				t.Errorf("answers %d, want %d\n%s", got.StatusCode, try.want, got.text)
			}
			if len(got.Cookies()) > 0 {
				t.Errorf("sets cookies: %v", got.Cookies())
			}
			if after := s.dealt(); after != before {
				t.Errorf("took a place: %d dealt, before %d", after, before)
			}
		})
	}
	fresh := s.browser()
	if p := fresh.do(http.MethodHead, "/authorize?"+mustQuery(page), nil, nil); len(p.Cookies()) > 0 {
		t.Errorf("HEAD /authorize sets cookies: %v", p.Cookies())
	}
}

func mustQuery(page string) string {
	_, query, _ := strings.Cut(page, "?")
	return query
}

// A swapped sealed URL: a link is worth nothing in another browser. For a moment
// the link of a browser that was new is good for another browser at the same
// address and of the same kind, because it may be the same one, which has got
// another cookie since (ADR 0017); that browser gets no more of it than of the
// link to /authorize.
func TestALinkOfAnotherBrowserTakesNoPlace(t *testing.T) {
	for name, test := range map[string]struct {
		known bool          // Whether the browser of the link had been here before.
		agent string        // The user agent of the other.
		after time.Duration // How much later the link is used.
	}{
		"of a browser that was known":                          {known: true},
		"of a new browser, by one of another kind":             {agent: "another/1.0"},
		"of a new browser, by one of the same kind, but later": {after: 91 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "memory:", "{kind: manual}")
			owner, thief := s.browser(), s.browser()
			if test.known {
				owner.do(http.MethodGet, "/authorize?"+otherRoom, nil, http.Header{"User-Agent": {"long/ago"}})
			}
			link := owner.login().Request.URL.String()
			thief.login() // Has cookies of its own.
			s.turn(test.after)
			before := s.dealt()
			header := http.Header{}
			if test.agent != "" {
				header.Set("User-Agent", test.agent)
			}
			if p := thief.do(http.MethodGet, link, nil, header); p.StatusCode != http.StatusBadRequest || p.Header.Get("Refresh") != "" {
				t.Errorf("the link gives %d", p.StatusCode)
			}
			if p := thief.do(http.MethodPost, link, url.Values{"action": {"join"}}, header); p.StatusCode != http.StatusBadRequest {
				t.Errorf("a button on the link gives %d", p.StatusCode)
			}
			if got := thief.get("/wait/status?" + mustQuery(link)); got.StatusCode != http.StatusUnauthorized || got.text != `{"state":"unknown"}` || got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("the poll gives %d %s", got.StatusCode, got.text)
			}
			if after := s.dealt(); after != before {
				t.Errorf("took a place: %d dealt, before %d", after, before)
			}
		})
	}
}

// otherRoom is an authorization request of a client of the other room.
const otherRoom = "client_id=elsewhere&redirect_uri=http%3A%2F%2Fshop.localhost%2Fcallback&response_type=code&scope=openid"

// The link of a new browser doesn't carry the place that was taken with it.
func TestAFreshLinkGivesNobodyThePlaceOfItsBrowser(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	owner, other := s.browser(), s.browser()
	p := owner.login()
	stranger := other.get(p.Request.URL.String()) // Has no cookies at all.
	if stranger.StatusCode != http.StatusBadRequest || s.dealt() != 1 {
		t.Errorf("without cookies the link gives %d, %d places", stranger.StatusCode, s.dealt())
	}
	other.loginOf("elsewhere")
	if at := other.waits(other.get(p.Request.URL.String())); at.Position != 2 {
		t.Errorf("the other stands at %+v", at)
	}
	if at := owner.waits(owner.reload(p)); at.Position != 1 {
		t.Errorf("the owner stands at %+v", at)
	}
}

// I8: input that nobody of ours made is answered clearly and loses nothing.
func TestTamperedInputLosesNothing(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.login()
	b.waits(p)
	link := p.Request.URL.RequestURI()
	for what, bad := range map[string]string{
		"a changed seal":    link[:len(link)-6] + "AAAAAA",
		"a cut seal":        link[:len(link)-20],
		"no seal":           "/wait",
		"an oversized seal": "/wait?login=" + strings.Repeat("A", 20_000),
	} {
		if got := b.get(bad); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s gives %d", what, got.StatusCode)
		}
		status := "/wait/status" + strings.TrimPrefix(bad, "/wait")
		if got := b.get(status); got.StatusCode != http.StatusBadRequest || got.text != `{"state":"invalid"}` {
			t.Errorf("%s: the poll gives %d %s", what, got.StatusCode, got.text)
		}
	}

	at, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	var place *http.Cookie
	for _, c := range b.jar.Cookies(at) {
		if c.Name == "anteroom-place-sale" {
			place = c
		}
	}
	if place == nil {
		t.Fatal("no place cookie")
	}
	for what, bad := range map[string]string{
		"a changed place": "A" + place.Value[1:], "a cut place": place.Value[:20], "an empty place": "",
		"an oversized place": strings.Repeat("A", 3000),
	} {
		b.jar.SetCookies(at, []*http.Cookie{{Name: place.Name, Value: bad, Path: "/"}})
		got := b.get(link)
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, `value="join"`) {
			t.Errorf("%s gives %d\n%s", what, got.StatusCode, got.text)
		}
	}
	if dealt := s.dealt(); dealt != 1 {
		t.Errorf("%d places were dealt, want 1", dealt)
	}
	b.jar.SetCookies(at, []*http.Cookie{{Name: place.Name, Value: place.Value, Path: "/"}})
	if got := b.waits(b.get(link)).Position; got != 1 {
		t.Errorf("the place itself is now %d, want 1", got)
	}
}

// A page of another site can't press our buttons.
func TestACrossSitePostDoesNothing(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	link := b.login().Request.URL.String()
	for what, header := range map[string]http.Header{
		"by Origin":         {"Origin": {"https://evil.example"}},
		"by Sec-Fetch-Site": {"Sec-Fetch-Site": {"cross-site"}},
		"by both":           {"Origin": {"null"}, "Sec-Fetch-Site": {"same-site"}},
	} {
		if got := b.do(http.MethodPost, link, url.Values{"action": {"join"}}, header); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: answers %d", what, got.StatusCode)
		}
	}
}

// The sub that every relying party sees is worth nothing at a public door, nor
// is a bearer ID of the API at the waiting page.
func TestLanesDoNotMix(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	got, _ := b.redeem("shop", b.code(b.login()))
	info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	_, after, _ := strings.Cut(info.text, `"sub":"`)
	sub, _, _ := strings.Cut(after, `"`)
	if len(sub) != 36 {
		t.Fatalf("no sub in %s", info.text)
	}
	if answer := b.get("/public/queue_num?event_id=sale&request_id=" + sub); answer.StatusCode != http.StatusAccepted {
		t.Errorf("the sub opens the API: %d %s", answer.StatusCode, answer.text)
	}
	unknown := b.get("/public/queue_num?event_id=sale&request_id=00000000-0000-4000-8000-000000000000")
	if answer := b.get("/public/queue_num?event_id=sale&request_id=" + sub); answer.text != unknown.text || answer.StatusCode != unknown.StatusCode {
		t.Errorf("the sub is told apart from an unknown ID: %q, %q", answer.text, unknown.text)
	}
}

// In an open room there is no line to lose, so a place that is dead or broken is
// replaced without asking; TestTamperedInputLosesNothing has the other rooms.
func TestAnOpenRoomReplacesABrokenPlaceAtOnce(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	b.code(b.login())
	at, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	b.jar.SetCookies(at, []*http.Cookie{{Name: "anteroom-place-sale", Value: "broken", Path: "/"}})
	if got, status := b.redeem("shop", b.code(b.login())); status != http.StatusOK || got.IDToken == "" {
		t.Errorf("the code of the new place gives %d", status)
	}
	if dealt := s.dealt(); dealt != 1 {
		t.Errorf("%d places were dealt, want the one of the minute before", dealt)
	}
}

// An open connection costs more than opening one again after ten seconds.
func TestABrowserThatComesBackLateKeepsNoConnection(t *testing.T) {
	for inlet, closes := range map[string]bool{"{kind: manual}": false, "{kind: periodic, add: 1, every: 60s}": true} {
		s := newSite(t, "memory:", inlet)
		for range 4 {
			s.browser().login()
		}
		b := s.browser()
		p := b.login()
		poll := b.get("/wait/status?" + mustQuery(p.Request.URL.String()))
		if p.Close != closes || poll.Close != closes {
			t.Errorf("%s: the page closes its connection: %v, and the poll: %v; want %v", inlet, p.Close, poll.Close, closes)
		}
	}
}

func TestListenersServeNoPathOfTheOther(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	for _, path := range []string{"/private/increment_serving_counter", "/admin/api/rooms", "/metrics", "/readyz", "/debug/pprof/", "/admin"} {
		if got := b.get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("public %s answers %d", path, got.StatusCode)
		}
	}
	for _, path := range []string{"/authorize", "/token", "/wait", "/public/serving_num", "/.well-known/jwks.json", "/static/"} {
		if got := s.manage(http.MethodGet, path, "", nil); got != http.StatusNotFound {
			t.Errorf("management %s answers %d", path, got)
		}
	}
	for _, path := range []string{"/private/increment_serving_counter", "/admin/api/rooms", "/metrics"} {
		answer, err := http.Get("http://" + s.server.ManagementAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("without a token %s answers %d", path, answer.StatusCode)
		}
	}
}

// A browser's preflight carries no token; answering it opens nothing.
func TestAPreflightOfThePrivateAPINeedsNoToken(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	for path, want := range map[string]int{
		"/private/increment_serving_counter": http.StatusOK, "/metrics": http.StatusUnauthorized, "/admin/api/rooms": http.StatusUnauthorized,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+s.server.ManagementAddr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("OPTIONS %s answers %d, want %d", path, answer.StatusCode, want)
		}
	}
}

// A sealed request leads to at most one redeemed code: going back to its link
// gives another code, which is worth nothing once one was redeemed, and the
// tokens of the first stay good.
func TestAReplayedSealLeadsToOneRedeemedCode(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	link := b.login().Request.URL.String()
	s.serveOne()
	first, second := b.code(b.get(link)), b.code(b.get(link))
	if first == second {
		t.Fatal("the same code was given twice")
	}
	got, status := b.redeem("shop", first)
	if status != http.StatusOK {
		t.Fatalf("redeeming the first answers %d", status)
	}
	if again, status := b.redeem("shop", second); status != http.StatusBadRequest || again.Error != "invalid_grant" {
		t.Errorf("redeeming the second answers %d %q", status, again.Error)
	}
	info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	if info.StatusCode != http.StatusOK {
		t.Errorf("the first's tokens have ended: userinfo answers %d", info.StatusCode)
	}
}

// A later generation is believed only from a proof that verifies: otherwise
// anybody could end everybody's line.
func TestAForgedHigherGenerationResetsNothing(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	p := b.login()
	at, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(at) {
		if c.Name != "anteroom-place-sale" {
			continue
		}
		proof, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil {
			t.Fatal(err)
		}
		proof[16+7]++ // The lowest byte of the generation.
		b.jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: base64.RawURLEncoding.EncodeToString(proof), Path: "/"}})
	}
	if got := b.get(p.Request.URL.String()); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, `value="join"`) {
		t.Errorf("the forged place gives %d", got.StatusCode)
	}
	other := s.browser()
	if got := other.waits(other.login()); got.Position != 2 {
		t.Errorf("the next visitor stands at %d, want 2", got.Position)
	}
}
