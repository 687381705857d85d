package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// logoutState is what the suite sends: letters, digits and punctuation.
const logoutState = "abcXYZ0123456789!\"#$%&'()*,-./:<=>?@[\\]^_`{|}~"

func (b *browser) admitted() bool {
	b.w.t.Helper()
	return b.ask(request("prompt", "none")).values.Get("code") != ""
}

func logoutQuery(changes ...string) string {
	params := url.Values{}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] != "" {
			params.Set(changes[i], changes[i+1])
		}
	}
	return "/logout?" + params.Encode()
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// unsigned makes a token with header alg none of the claims of another one.
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return b64(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "."
}

// signedByClient makes a token as the suite's bad-id-token-hint: HS256 under the
// client's secret.
func signedByClient(payload string) string {
	input := b64(`{"alg":"HS256","typ":"JWT","kid":"key-1"}`) + "." + payload
	mac := hmac.New(sha256.New, []byte(shopSecret))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// The rows are the modules of the plan oidcc-rp-initiated-logout-certification.
func TestConformance_oidcc_rp_initiated_logout(t *testing.T) {
	w := newWorld(t)
	forge := func(token string) string {
		return signedByClient(b64(fmt.Sprintf(`{"iss":"shop","aud":%q,"sub":"x","sid":"x","iat":1,"exp":9999999999}`, w.issuer)))
	}
	same := func(token string) string { return token }
	for _, row := range []struct {
		name     string
		hint     func(string) string
		uri      string
		state    string
		location string // where the browser is sent, or ""
		page     string // which page is shown, or ""
		admitted bool   // afterwards
	}{
		{"oidcc-rp-initiated-logout", same, goodbyeURI, logoutState, goodbyeURI + "?state=", "", false},
		{"bad-post-logout-redirect-uri", same, "https://shop.example.com/other", logoutState, "", "confirm logout", true},
		{"modified-id-token-hint", unsigned, goodbyeURI, logoutState, "", "confirm logout", true},
		{"no-id-token-hint", nil, goodbyeURI, logoutState, "", "confirm logout", true},
		{"no-params", nil, "", "", "", "confirm logout", true},
		{"no-post-logout-redirect-uri", same, "", logoutState, "", "logged out", false},
		{"no-state", same, goodbyeURI, "", goodbyeURI, "", false},
		{"only-state", nil, "", logoutState, "", "confirm logout", true},
		{"query-added-to-post-logout-redirect-uri", same, goodbyeURI + "?foo=bar", logoutState, "", "confirm logout", true},
		{"bad-id-token-hint", forge, goodbyeURI, logoutState, "", "confirm logout", true},
		{"the client's HS256 over our own claims", func(token string) string {
			return signedByClient(strings.Split(token, ".")[1])
		}, goodbyeURI, logoutState, "", "confirm logout", true},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(row.name+" by "+method, func(t *testing.T) {
				b := w.newBrowser()
				tokens := w.exchange(b.login(request()))
				var hint string
				if row.hint != nil {
					hint = row.hint(tokens.IDToken)
				}
				target, _ := url.Parse(logoutQuery("id_token_hint", hint, "post_logout_redirect_uri", row.uri, "state", row.state))
				var a answer
				if method == http.MethodGet {
					a = b.follow(b.do(method, target.String(), nil))
				} else {
					a = b.follow(b.do(method, "/logout", target.Query()))
				}
				location := a.last.Header.Get("Location")
				if row.location == "" && location != "" || !strings.HasPrefix(location, row.location) {
					t.Errorf("sent to %q, want %q", location, row.location)
				}
				if a.values.Get("state") != row.state && row.location != "" || row.state == "" && strings.Contains(location, "state") {
					t.Errorf("state %q, want %q", a.values.Get("state"), row.state)
				}
				if !strings.HasPrefix(a.last.body, row.page) || a.last.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("page %q, header %v", a.last.body, a.last.Header)
				}
				if got := b.admitted(); got != row.admitted {
					t.Errorf("admitted afterwards: %v", got)
				}
				if got := w.userinfo(tokens.AccessToken).StatusCode == http.StatusOK; got != row.admitted {
					t.Errorf("the access token works afterwards: %v", got)
				}
			})
		}
	}
}

// mod_auth_openidc revokes its tokens before it sends the browser to log out,
// and WordPress sends an ID token of long ago. The visit is over by then, and the
// visitor was left on a page instead of being sent back to the site.
func TestLogoutAfterTheVisitLeadsBackToTheSite(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(tokenReply){
		"the tokens were revoked": func(tokens tokenReply) {
			w.post("/revoke", url.Values{"token": {tokens.AccessToken}, "client_id": {"shop"}, "client_secret": {shopSecret}})
		},
		"the visit ran out": func(tokenReply) { w.line.sleep(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			b := w.newBrowser()
			tokens := w.exchange(b.login(request()))
			end(tokens)
			if b.admitted() {
				t.Fatal("the visit is not over")
			}
			r := b.do(http.MethodGet, logoutQuery("id_token_hint", tokens.IDToken, "post_logout_redirect_uri", goodbyeURI, "state", "s"), nil)
			if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != goodbyeURI+"?state=s" {
				t.Errorf("status %d to %q, body %s", r.StatusCode, r.Header.Get("Location"), r.body)
			}
			r = b.do(http.MethodGet, logoutQuery("id_token_hint", tokens.IDToken, "post_logout_redirect_uri", "https://elsewhere.example/"), nil)
			if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.body, "logged out") {
				t.Errorf("to an unknown URI: status %d, body %s", r.StatusCode, r.body)
			}
		})
	}
}

func TestLogoutAsksUnlessTheHintIsOfThisSession(t *testing.T) {
	w := newWorld(t)
	mine := w.newBrowser()
	tokens := w.exchange(mine.login(request()))
	theirs := w.exchange(w.newBrowser().login(request())).IDToken
	for _, row := range []struct{ name, query string }{
		{"another visitor's token", logoutQuery("id_token_hint", theirs, "post_logout_redirect_uri", goodbyeURI)},
		{"a client_id that is not the audience", logoutQuery("id_token_hint", tokens.IDToken, "client_id", "other", "post_logout_redirect_uri", goodbyeURI)},
		{"a client_id alone", logoutQuery("client_id", "shop", "post_logout_redirect_uri", goodbyeURI)},
		{"an access token", logoutQuery("id_token_hint", tokens.AccessToken, "post_logout_redirect_uri", goodbyeURI)},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := mine.do(http.MethodGet, row.query, nil)
			if !strings.HasPrefix(r.body, "confirm logout") || !mine.admitted() {
				t.Errorf("status %d, body %s", r.StatusCode, r.body)
			}
		})
	}
	for _, query := range []string{
		logoutQuery("id_token_hint", tokens.IDToken, "state", strings.Repeat("s", 20<<10)),
		"/logout?state=a&state=b",
		"/logout?state=%zz",
	} {
		if r := mine.do(http.MethodGet, query, nil); r.StatusCode < 400 || r.StatusCode > 499 || !mine.admitted() {
			t.Errorf("status %d, body %s", r.StatusCode, r.body)
		}
	}
	// WordPress keeps its ID token for two days; it must work as long as the
	// session does.
	w.line.sleep(30 * time.Minute)
	if r := mine.do(http.MethodGet, logoutQuery("id_token_hint", tokens.IDToken), nil); !strings.HasPrefix(r.body, "logged out") || mine.admitted() {
		t.Errorf("an expired token of this session: status %d, body %s", r.StatusCode, r.body)
	}
}

// A load balancer keeps the ID token to itself, so the site behind it has none to
// show. It may still name the page that the visitor can go on to, if it is
// registered: as a link, and after asking.
func TestLogoutByClientIDOffersTheWayOn(t *testing.T) {
	for uri, want := range map[string]string{goodbyeURI: goodbyeURI, "https://elsewhere.example/": ""} {
		w := newWorld(t)
		b := w.newBrowser()
		b.login(request())
		r := b.do(http.MethodGet, logoutQuery("client_id", "shop", "post_logout_redirect_uri", uri), nil)
		_, form := readForm(r.body)
		r = b.do(http.MethodPost, "/logout", form, "Sec-Fetch-Site", "same-origin")
		if r.StatusCode != http.StatusOK || !strings.Contains(r.body, fmt.Sprintf("logged out, next %q", want)) || b.admitted() {
			t.Errorf("to %s: status %d, body %q", uri, r.StatusCode, r.body)
		}
	}
}

// A page of another site can make a browser send any request; it must not end a
// visit that way.
func TestLogoutIsNotForgedAcrossSites(t *testing.T) {
	w := newWorld(t)
	b, attacker := w.newBrowser(), w.newBrowser()
	b.login(request())
	attacker.login(request())
	_, stolen := readForm(attacker.do(http.MethodGet, "/logout", nil).body)
	_, own := readForm(b.do(http.MethodGet, "/logout", nil).body)
	for _, row := range []struct {
		name   string
		form   url.Values
		header []string
	}{
		{"a POST without anything", url.Values{}, nil},
		{"a made-up confirmation", url.Values{"confirm": {"yes"}}, nil},
		{"a confirmation shown to another browser", stolen, []string{"Sec-Fetch-Site", "same-origin"}},
		{"its own confirmation from another site", own, []string{"Sec-Fetch-Site", "cross-site"}},
		{"its own confirmation from a sister site", own, []string{"Sec-Fetch-Site", "same-site"}},
		{"its own confirmation from another origin", own, []string{"Origin", "https://evil.example.com"}},
		{"a confirmation twice", url.Values{"confirm": {own.Get("confirm"), own.Get("confirm")}}, nil},
		{"a body over 64 KiB", url.Values{"confirm": {strings.Repeat("x", 64<<10)}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			b.follow(b.do(http.MethodPost, "/logout", row.form, row.header...))
			if !b.admitted() {
				t.Error("the visit has ended")
			}
		})
	}
	t.Run("a prefetch", func(t *testing.T) {
		tokens := w.exchange(b.login(request()))
		r := b.do(http.MethodGet, logoutQuery("id_token_hint", tokens.IDToken), nil, "Sec-Purpose", "prefetch")
		if r.StatusCode != http.StatusServiceUnavailable || !b.admitted() {
			t.Errorf("status %d", r.StatusCode)
		}
		if r := b.do(http.MethodHead, logoutQuery("id_token_hint", tokens.IDToken), nil); r.StatusCode != http.StatusOK || !b.admitted() {
			t.Errorf("HEAD: status %d", r.StatusCode)
		}
	})
	t.Run("a confirmation of yesterday", func(t *testing.T) {
		w.line.sleep(11 * time.Minute)
		if b.do(http.MethodPost, "/logout", own); !b.admitted() {
			t.Error("the visit has ended")
		}
	})
}

func TestLogoutByConfirmation(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name, query string
		header      []string
		museum      bool // whether the other room's visit lives on
		next        string
	}{
		{"of everything", "/logout", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, false, ""},
		{"by a browser that says nothing of itself", "/logout", nil, false, ""},
		{"of one room", logoutQuery("client_id", "shop"), []string{"Origin", strings.TrimSuffix(w.issuer, "/line")}, true, ""},
		{"of one room, with a way back", "HINT", []string{"Sec-Fetch-Site", "same-origin"}, true, goodbyeURI},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := w.newBrowser()
			b.login(request())
			museum := request("client_id", "plain", "redirect_uri", "https://plain.example.com/cb")
			b.login(museum)
			query := row.query
			if query == "HINT" {
				// An ID token of ours, but of another session.
				hint := w.exchange(w.newBrowser().login(request())).IDToken
				query = logoutQuery("id_token_hint", hint, "post_logout_redirect_uri", goodbyeURI)
			}
			action, fields := readForm(b.do(http.MethodGet, query, nil).body)
			if action != "/line/logout" {
				t.Fatalf("action %q", action)
			}
			r := b.do(http.MethodPost, "/logout", fields, row.header...)
			if r.StatusCode != http.StatusOK || r.body != fmt.Sprintf("logged out, next %q", row.next) {
				t.Errorf("status %d, body %s", r.StatusCode, r.body)
			}
			museum.Set("prompt", "none")
			if b.admitted() || (b.ask(museum).values.Get("code") != "") != row.museum {
				t.Error("the wrong visit has ended")
			}
		})
	}
}

func TestLogoutWhileTheLineDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := w.exchange(b.login(request()))
	_, own := readForm(b.do(http.MethodGet, "/logout", nil).body)
	w.line.fail(oidc.ErrUnavailable)
	for _, r := range []reply{
		b.do(http.MethodGet, "/logout", nil),
		b.do(http.MethodGet, logoutQuery("id_token_hint", tokens.IDToken), nil),
		b.do(http.MethodPost, "/logout", own),
	} {
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, body %s", r.StatusCode, r.body)
		}
	}
}
