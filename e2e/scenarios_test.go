//go:build e2e

package e2e_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// deepLink is the page that visitors want to see. A relying party must bring
	// them back to it.
	deepLink = "/deep/link?item=1"
	// impatience is the time-out of a relying party that gives up before the line
	// does, and longWait is longer than that by any clock that counts in seconds.
	impatience = 3 * time.Second
	longWait   = impatience + 1500*time.Millisecond
)

// A scenario is one thing that a visitor may live through at a relying party.
type scenario struct {
	Name   string
	Room   string // keys of the room, in flow style
	Client string // keys of the client, in block style
	Secret string // of the client, or "" for a plain one
	// Patience is the relying party's time-out, and TransactionTTL what the server
	// is told of it. 0 is more than a test takes.
	Patience, TransactionTTL time.Duration
	// Refreshes makes the relying party keep its session alive by refresh tokens,
	// instead of ending it with the first access token.
	Refreshes bool
	Play      func(t *testing.T, st *stage)
}

// scenarios are what every relying party has to live through.
func scenarios() []scenario {
	return []scenario{
		{Name: "an open room is not even seen", Room: "inlet: {kind: open}", Play: enterAtOnce},
		{Name: "five tabs at once take one place and all get in", Room: "inlet: {kind: manual}", Play: enterAllAtOnce},
		{Name: "client check finds no fault", Room: "inlet: {kind: open}", Play: checkTheClient},
		{Name: "a visitor waits and gets in", Room: "inlet: {kind: manual}", Play: enterAfterAWait},
		{Name: "two tabs wait at one place and both get in", Room: "inlet: {kind: manual}", Play: enterInTwoTabs},
		{
			Name: "logins are silent until the visit has ended", Room: "inlet: {kind: manual}, session_ttl: 6s",
			Client: "access_token_ttl: 2s", Play: returnUntilTheEnd,
		},
		{
			Name: "refresh tokens keep a visit for as long as the room allows", Room: "inlet: {kind: manual}, session_ttl: 4s, session_max: 9s",
			Client: "access_token_ttl: 2s\nrefresh: always", Refreshes: true, Play: refreshUntilTheEnd,
		},
		{Name: "five requests at once all log in again", Room: "inlet: {kind: manual}", Play: returnAllAtOnce},
		{Name: "pictures take no place and log in silently later", Room: "inlet: {kind: manual}", Play: askForPictures},
		{Name: "a crash of the server ends neither visits nor waits", Room: "inlet: {kind: manual}", Play: surviveACrash},
		{Name: "logging out lets the next visitor in", Room: "inlet: {kind: capacity, max: 1}", Play: leaveForTheNext},
		{Name: "keys change between login and logout", Room: "inlet: {kind: capacity, max: 1}", Play: changeKeys},
		{Name: "an error of the provider is shown and recovered from", Room: "inlet: {kind: open}", Play: recoverFromAnError},
		{
			Name: "a wait beyond the time-out starts the login afresh", Room: "inlet: {kind: manual}",
			TransactionTTL: impatience, Patience: impatience, Play: outlastTheTimeout,
		},
		{
			Name: "a login beyond the time-out fails and can be tried again", Room: "inlet: {kind: manual}",
			TransactionTTL: 24 * time.Hour, Patience: impatience, Play: missTheTimeout,
		},
		{
			Name: "a secret full of signs arrives as it is", Room: "inlet: {kind: open}",
			Secret: "Signs+of/all=kinds%in%2Ba&secret:0123456789", Play: enterAtOnce,
		},
	}
}

// playScenarios plays all scenarios with a relying party but those that it cannot
// play, and says why not.
func playScenarios(t *testing.T, party relyingParty) {
	t.Helper()
	all := scenarios()
	for name := range party.Cannot {
		if !slices.ContainsFunc(all, func(s scenario) bool { return s.Name == name }) {
			t.Errorf("there is no scenario %q that this relying party couldn't play", name)
		}
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if reason, ok := party.Cannot[s.Name]; ok {
				t.Logf("this relying party cannot: %s", reason)
				return
			}
			s.Play(t, newStage(t, party, s))
		})
	}
}

func enterAtOnce(t *testing.T, st *stage) {
	b := st.NewBrowser()
	b.Goes(st.URL + deepLink)
	st.Inside(b, deepLink)
	if got := b.Visits(st.Issuer, "/authorize"); got != 1 {
		t.Errorf("got %d visits at /authorize, want 1", got)
	}
}

func checkTheClient(_ *testing.T, st *stage) {
	st.Run("client", "check", "site", "--ca-file", st.authority.File)
}

func enterAfterAWait(t *testing.T, st *stage) {
	first, second := st.NewBrowser(), st.NewBrowser()
	for i, b := range []*plainBrowser{first, second} {
		b.Goes(st.URL + deepLink)
		if got := st.InLine(b); got != int64(i+1) {
			t.Fatalf("got position %d, want %d", got, i+1)
		}
	}
	st.Serve(1)
	first.Waits()
	one := st.Inside(first, deepLink)
	second.Goes(st.URL + deepLink)
	if got := st.InLine(second); got != 2 {
		t.Errorf("coming again gives position %d, want 2", got)
	}
	st.Serve(1)
	second.Reloads()
	if two := st.Inside(second, deepLink); two == one {
		t.Errorf("two visitors are both %q", one)
	}
}

// outlastTheTimeout never uses the login that the relying party has forgotten.
func outlastTheTimeout(t *testing.T, st *stage) {
	b := st.waitLong()
	other := b.NewTab()
	other.Page = b.Page // The same page, opened in another tab.
	st.Serve(1)
	b.Reloads()
	who := st.Inside(b, "/")
	other.Reloads()
	if again := st.Inside(other, "/"); again != who {
		t.Errorf("the tabs are %q and %q", who, again)
	}
	if logins, answers := b.Visits(st.Issuer, "/authorize"), b.Codes; logins != 2 || answers != 1 {
		t.Errorf("got %d logins and %d codes, want 2 and 1, after\n%s", logins, answers, b.Way())
	}
}

// missTheTimeout shows what the scenario before is for.
func missTheTimeout(t *testing.T, st *stage) {
	b := st.waitLong()
	st.Serve(1)
	b.Reloads()
	st.Says(b, st.Late)
	b.Goes(st.URL + deepLink)
	st.Inside(b, deepLink)
}

// waitLong returns a browser that has waited for longer than the relying party
// does. The first visitor of a room is served when the test says so.
func (st *stage) waitLong() *plainBrowser {
	st.t.Helper()
	b, begun := st.NewBrowser(), time.Now()
	b.Goes(st.URL + deepLink)
	st.InLine(b)
	eventually(st.t, "the relying party gives up", func() bool { return time.Since(begun) > longWait })
	return b
}

// returnUntilTheEnd lets the relying party's session end with its access token,
// again and again, until the visit itself is over.
func returnUntilTheEnd(t *testing.T, st *stage) {
	b := st.NewBrowser()
	b.Goes(st.URL + deepLink)
	st.InLine(b)
	st.Serve(1)
	b.Reloads()
	who := st.Inside(b, deepLink)
	logins := b.Visits(st.Issuer, "/authorize")
	silent := 0
	eventually(t, "the visit ends", func() bool {
		b.Goes(st.URL + deepLink)
		if "http://"+b.Page.from.Host != st.URL {
			return true
		}
		if again := st.Inside(b, deepLink); again != who {
			t.Fatalf("a silent login made %q of %q", again, who)
		}
		silent = b.Visits(st.Issuer, "/authorize") - logins
		return false
	})
	if silent == 0 {
		t.Error("the relying party never came back for a silent login")
	}
	if got := b.Title(); !strings.HasPrefix(got, visitEnded) {
		t.Fatalf("the page is titled %q, want %q: %s", got, visitEnded, b)
	}
	b.Presses()
	if got := st.InLine(b); got != 2 {
		t.Errorf("got position %d, want 2", got)
	}
	st.Serve(1)
	b.Reloads()
	if again := st.Inside(b, deepLink); again == who {
		t.Errorf("another visit is the same user %q", who)
	}
}

// refreshUntilTheEnd outlives the visit's first end without another login.
func refreshUntilTheEnd(t *testing.T, st *stage) {
	b := st.NewBrowser()
	b.Goes(st.URL + deepLink)
	st.InLine(b)
	st.Serve(1)
	admitted := time.Now()
	b.Reloads()
	who := st.Inside(b, deepLink)
	var inside time.Duration // for how long, at least
	eventually(t, "the visit ends", func() bool {
		asked := time.Now()
		b.Goes(st.URL + deepLink)
		if "http://"+b.Page.from.Host != st.URL {
			return true
		}
		if again := st.Inside(b, deepLink); again != who {
			t.Fatalf("refreshing made %q of %q", again, who)
		}
		inside = asked.Sub(admitted)
		return false
	})
	if inside <= 6*time.Second { // 2 s more than without
		t.Errorf("the visit was over after %v", inside)
	}
	if got := b.Visits(st.Issuer, "/authorize"); got != 2 {
		t.Errorf("got %d visits at /authorize, want one to enter and one after the end", got)
	}
	if got := b.Title(); !strings.HasPrefix(got, visitEnded) {
		t.Errorf("the page is titled %q, want %q: %s", got, visitEnded, b)
	}
}

// surviveACrash kills the server while one visitor is inside and another waits.
func surviveACrash(t *testing.T, st *stage) {
	inside, waiting := st.NewBrowser(), st.NewBrowser()
	inside.Goes(st.URL + deepLink)
	st.InLine(inside)
	waiting.Goes(st.URL + deepLink)
	position := st.InLine(waiting)
	st.Serve(1)
	inside.Reloads()
	who := st.Inside(inside, deepLink)
	st.Kill()
	st.Restart()
	inside.Forgets(st.URL)
	inside.Goes(st.URL + deepLink)
	if again := st.Inside(inside, deepLink); again != who {
		t.Errorf("the crash made %q of %q", again, who)
	}
	waiting.Reloads()
	if got := st.InLine(waiting); got != position {
		t.Errorf("the crash moved position %d to %d", position, got)
	}
	st.Serve(1)
	waiting.Reloads()
	st.Inside(waiting, deepLink)
}

func leaveForTheNext(t *testing.T, st *stage) {
	first, second := st.fill()
	st.handOver(t, first, second)
	first.Goes(st.URL + deepLink)
	if got := first.Title(); !strings.HasPrefix(got, visitEnded) {
		t.Errorf("after logging out the page is titled %q, want %q: %s", got, visitEnded, first)
	}
}

// changeKeys logs out with an ID token whose key signs no more, and in with one
// whose key is new.
func changeKeys(t *testing.T, st *stage) {
	first, second := st.fill()
	before := st.keys()
	st.Run("keys", "rotate", "--now")
	if after := st.keys(); after <= before {
		t.Fatalf("got %d keys published after the rotation, want more than %d", after, before)
	}
	if st.UnknownKey != "" {
		st.leaves(first)
		second.Reloads()
		st.Says(second, st.UnknownKey)
		return
	}
	st.handOver(t, first, second)
}

// recoverFromAnError makes a visitor ask for what can't be given: to be logged in
// without having been here.
func recoverFromAnError(t *testing.T, st *stage) {
	b := st.NewBrowser()
	b.Rewrite = func(at *url.URL) {
		if at.Path == "/authorize" {
			at.RawQuery += "&prompt=none"
		}
	}
	b.Goes(st.URL + deepLink)
	st.Says(b, st.Refused)
	b.Rewrite = nil
	b.Goes(st.URL + deepLink)
	st.Inside(b, deepLink)
}
