package server_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// postedTo reads the form of a page that posts itself to another site.
func postedTo(t *testing.T, p page) (action string, fields map[string]string) {
	t.Helper()
	form := regexp.MustCompile(`<form[^>]* action="([^"]*)"`).FindStringSubmatch(p.text)
	if p.StatusCode != http.StatusOK || form == nil {
		t.Fatalf("no form: %d\n%s", p.StatusCode, p.text)
	}
	fields = make(map[string]string)
	for _, input := range regexp.MustCompile(`<input[^>]*>`).FindAllString(p.text, -1) {
		name := regexp.MustCompile(`name="([^"]*)"`).FindStringSubmatch(input)
		value := regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(input)
		if name != nil && value != nil {
			fields[name[1]] = html.UnescapeString(value[1])
		}
	}
	return html.UnescapeString(form[1]), fields
}

// express-openid-connect asks for an ID token by form_post unless it is told
// otherwise. Its visitor waits like all others, gets in, and by logging out makes
// room for the next at once, although no code ever reached the client.
func TestIDTokenThroughALineOfOneSlot(t *testing.T) {
	s := newSite(t, "memory:", "{kind: capacity, max: 1}")
	s.stop()
	s.text += `  - {id: front, public: true, room: sale, redirect_uris: ["` + callback + `"], response_types: [code, id_token]}` + "\n"
	s.start()
	ask := func(b *browser) page {
		return b.loginOf("front", "response_type", "id_token", "response_mode", "form_post", "nonce", "TQbcMKHAMdkF", "scope", "openid profile email")
	}
	first, second := s.browser(), s.browser()
	action, fields := postedTo(t, ask(first))
	if action != callback || fields["state"] != "st-a/te+=" || fields["code"] != "" {
		t.Fatalf("form to %s with %v", action, fields)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(fields["id_token"], ".")[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims["nonce"] != "TQbcMKHAMdkF" || claims["aud"] != "front" {
		t.Fatalf("claims %s", payload)
	}

	second.waits(ask(second))
	if out := first.get("/logout?id_token_hint=" + url.QueryEscape(fields["id_token"])); out.StatusCode != http.StatusOK {
		t.Fatalf("logout: %d\n%s", out.StatusCode, out.text)
	}
	s.until("free", func() bool {
		return strings.Contains(ask(second).text, `name="id_token"`)
	})
}

// A late login of this kind starts afresh like any other, and its way round ends
// with the ID token.
func TestIDTokenOfALateLogin(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	s.stop()
	s.text += `  - {id: front, public: true, room: sale, redirect_uris: ["` + callback + `"], response_types: [code, id_token], transaction_ttl: 1m, reinitiate_url: "{origin}/login"}` + "\n"
	s.start()
	b := s.browser()
	ask := func() page {
		return b.loginOf("front", "response_type", "id_token", "response_mode", "form_post", "nonce", "TQbcMKHAMdkF")
	}
	waiting := ask()
	b.waits(waiting)
	s.turn(time.Minute)
	s.serveOne()
	var round page
	s.until("sent round", func() bool {
		round = b.get("/wait?" + waiting.Request.URL.RawQuery)
		return round.StatusCode == http.StatusSeeOther
	})
	if at, err := round.Location(); err != nil || at.Path != "/login" {
		t.Fatalf("sent to %v, %v", at, err)
	}
	if _, fields := postedTo(t, ask()); fields["id_token"] == "" || fields["error"] != "" {
		t.Errorf("the fresh login got %v", fields)
	}
}
