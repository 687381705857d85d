package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// subOf returns the sub of a token reply after making sure that ID token,
// userinfo, introspection and a refresh all say the same.
func (w *world) subOf(client string, tokens tokenReply) string {
	w.t.Helper()
	sub, _ := claims(w.t, tokens.IDToken)["sub"].(string)
	var info struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal([]byte(w.userinfo(tokens.AccessToken).body), &info); err != nil {
		w.t.Fatal(err)
	}
	renewed := w.refresh(client, tokens.RefreshToken)
	for what, got := range map[string]any{
		"userinfo":                       info.Subject,
		"introspection":                  w.introspect(client, client+"-secret", tokens.AccessToken)["sub"],
		"introspection of the refreshed": w.introspect(client, client+"-secret", renewed.RefreshToken)["sub"],
		"the refreshed ID token":         claims(w.t, renewed.IDToken)["sub"],
	} {
		if got != sub {
			w.t.Errorf("%s says %v, the ID token %q", what, got, sub)
		}
	}
	return sub
}

var (
	uuidPattern      = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	pseudonymPattern = regexp.MustCompile(`^[a-z0-9]{16,40}$`)
)

func TestSubjectVisitIsTheRequestID(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	first := b.tokensOf("api")
	sub := w.subOf("api", first)
	if !uuidPattern.MatchString(sub) {
		t.Errorf("sub %q", sub)
	}
	b.do(http.MethodGet, logoutQuery("id_token_hint", first.IDToken), nil)
	if again := w.subOf("api", b.tokensOf("api")); again == sub {
		t.Errorf("another visit has the same sub %q", again)
	}
}

func TestSubjectBrowserOutlivesAVisit(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	first := b.tokensOf("forum")
	sub := w.subOf("forum", first)
	if !pseudonymPattern.MatchString(sub) {
		t.Errorf("sub %q", sub)
	}
	// The first code came by the waiting page, this one at once.
	if again := w.subOf("forum", b.tokensOf("forum")); again != sub {
		t.Errorf("a second login has sub %q, the first %q", again, sub)
	}
	b.do(http.MethodGet, logoutQuery("id_token_hint", first.IDToken), nil)
	if b.admitted() {
		t.Fatal("the hint did not log out")
	}
	if again := w.subOf("forum", b.tokensOf("forum")); again != sub {
		t.Errorf("the next visit has sub %q, the first %q", again, sub)
	}
	if other := w.subOf("forum", w.newBrowser().tokensOf("forum")); other == sub {
		t.Error("two browsers have one sub")
	}
	// Clients that compare what they have must not find common visitors.
	if visit := w.subOf("api", b.tokensOf("api")); visit == sub || !uuidPattern.MatchString(visit) {
		t.Errorf("another client sees sub %q", visit)
	}
}

func TestSubjectBrowserDiffersFromClientToClient(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	if c, f := w.subOf("club", b.tokensOf("club")), w.subOf("forum", b.tokensOf("forum")); c == f {
		t.Errorf("both see %q", c)
	}
}

func TestSubjectInsecureSharedIsTheSameForAll(t *testing.T) {
	w := newWorld(t)
	a, b := w.newBrowser(), w.newBrowser()
	first, second := a.tokensOf("gate"), b.tokensOf("gate")
	sub := w.subOf("gate", first)
	if !pseudonymPattern.MatchString(sub) || w.subOf("gate", second) != sub {
		t.Errorf("subs %q and %q", sub, w.subOf("gate", second))
	}
	// Sharing a sub is not sharing a visit: a's token must not end b's.
	if r := b.do(http.MethodGet, logoutQuery("id_token_hint", first.IDToken), nil); !strings.HasPrefix(r.body, "confirm logout") || !b.admitted() {
		t.Errorf("status %d, body %s", r.StatusCode, r.body)
	}
	if claims(t, first.IDToken)["sid"] == claims(t, second.IDToken)["sid"] {
		t.Error("two visits have one sid")
	}
	if r := a.do(http.MethodGet, logoutQuery("id_token_hint", first.IDToken), nil); !strings.HasPrefix(r.body, "logged out") || a.admitted() {
		t.Errorf("status %d, body %s", r.StatusCode, r.body)
	}
}

func TestPromptNoneWantsTheVisitorOfTheHintInEverySubjectMode(t *testing.T) {
	w := newWorld(t)
	mine, theirs := w.newBrowser(), w.newBrowser()
	for client, shared := range map[string]bool{"api": false, "forum": false, "gate": true} {
		own, foreign := mine.tokensOf(client).IDToken, theirs.tokensOf(client).IDToken
		if got := mine.ask(request(as(client, "prompt", "none", "id_token_hint", own)...)).values; got.Get("code") == "" {
			t.Errorf("%s: its own hint: %v", client, got)
		}
		got := mine.ask(request(as(client, "prompt", "none", "id_token_hint", foreign)...)).values
		if (got.Get("code") != "") != shared || !shared && got.Get("error") != "login_required" {
			t.Errorf("%s: another visitor's hint: %v", client, got)
		}
	}
}

// A new master secret changes the sub of a browser, but a hint made before
// still names its owner, as a cookie of the time still does.
func TestHintsOutliveANewSecret(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	hint := b.tokensOf("forum").IDToken
	next := w.newProvider(secrets{"a newer secret of thirty-two bytes", "a secret of thirty-two bytes....."})
	r := serveWithCookies(next, b, "/line/authorize?"+request(as("forum", "prompt", "none", "id_token_hint", hint)...).Encode())
	target, err := url.Parse(r.Header().Get("Location"))
	if err != nil || target.Query().Get("code") == "" {
		t.Errorf("sent to %v", target)
	}
}
