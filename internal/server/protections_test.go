package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// rawly sends a request as it is written, and follows nothing. The header Host
// replaces that of the issuer. Cookies are the browser's.
func (b *browser) rawly(method, target string, form url.Values, header ...string) page {
	b.Helper()
	at, err := url.Parse(issuer)
	if err != nil {
		b.Fatal(err)
	}
	r := http.Header{"Host": {at.Host}, "Connection": {"close"}}
	for _, c := range b.jar.Cookies(at) {
		r.Add("Cookie", c.Name+"="+c.Value)
	}
	for i := 0; i < len(header); i += 2 {
		r.Set(header[i], header[i+1])
	}
	body := form.Encode()
	if form != nil {
		r.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Set("Content-Length", fmt.Sprint(len(body)))
	}
	text := new(strings.Builder)
	fmt.Fprintf(text, "%s %s HTTP/1.1\r\n", method, target)
	if err := r.Write(text); err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", b.server.PublicAddr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text.String() + "\r\n" + body)); err != nil {
		b.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		b.Fatalf("%s %s: %v", method, target, err)
	}
	defer answer.Body.Close()
	read := new(strings.Builder)
	if _, err := bufio.NewReader(answer.Body).WriteTo(read); err != nil {
		b.Fatal(err)
	}
	b.jar.SetCookies(at, answer.Cookies())
	return page{answer, read.String()}
}

// RFC 9700 §4.11, the provider as open redirector, and §4.12: a path that isn't
// ours leads nowhere. The router used to clean paths by permanent redirects,
// which caches kept with the query, which answered a POST as well, and which took
// their host from an absolute request target.
func TestNoPathLeadsAnywhere(t *testing.T) {
	b := newSite(t, "memory:", "{kind: open}").browser()
	for _, target := range []string{
		"//evil.example/", "//evil.example/..", "///evil.example/", `/\evil.example/`, `\\evil.example/`, `/\/evil.example`,
		"/%2f%2fevil.example", "/%5cevil.example", "/%2e%2e//evil.example", "/.//evil.example", "/https://evil.example/",
		"/authorize//evil.example", "/authorize/", "/authorize/..//evil.example", "//authorize?client_id=shop", "/./logout?id_token_hint=x",
		"/wait//evil.example/..", "/wait/", "/wait/status/", "/logout//evil.example/%2f..", "/logout/",
		"/static", "/static//evil.example", "/static/../../evil.example", "/static/%2e%2e/%2e%2e/etc/passwd",
		"/public//evil.example", "/public/../authorize", "/.well-known//jwks.json", "/healthz/",
		"http://evil.example/", "http://evil.example//authorize?a=b", "https://evil.example//wait",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
			got := b.rawly(method, target, nil)
			if got.StatusCode < 400 || got.StatusCode >= 500 || got.Header.Get("Location") != "" || got.Header.Get("Refresh") != "" {
				t.Errorf("%s %s answers %d with %v", method, target, got.StatusCode, got.Header)
			}
			if strings.Contains(got.text, "evil.example") {
				t.Errorf("%s %s is repeated by the answer: %s", method, target, got.text)
			}
		}
	}
}

// The issuer is fixed: whoever reaches the server under another name, or says
// so, poisons neither documents nor caches nor the way back.
func TestTheHostHeaderIsNeverUsed(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	b := s.browser()
	link := b.login().Request.URL
	b.waits(b.get(link.String()))
	login := "/authorize?" + url.Values{
		"client_id": {"shop"}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s"}, "prompt": {"none"},
	}.Encode()
	for _, target := range []string{
		"/.well-known/openid-configuration", "/.well-known/jwks.json", login, strings.Replace(login, "prompt=none", "prompt=login", 1),
		login + "&response_mode=form_post", link.RequestURI(), "/wait/status?" + link.RawQuery, "/wait?login=x", "/logout", "/nothing", "/userinfo",
		"/authorize?client_id=nobody",
	} {
		for _, header := range [][]string{
			{"Host", "evil.example"},
			{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "4444", "X-Forwarded-Prefix", "/evil.example"},
			{"Forwarded", "host=evil.example;proto=https"},
			{"X-Original-URL", "/evil.example", "X-Rewrite-URL", "/evil.example", "X-HTTP-Host-Override", "evil.example"},
		} {
			want, got := b.rawly(http.MethodGet, target, nil), b.rawly(http.MethodGet, target, nil, header...)
			if got.StatusCode != want.StatusCode {
				t.Errorf("%s with %q answers %d, else %d", target, header, got.StatusCode, want.StatusCode)
			}
			if all := got.text + fmt.Sprint(got.Header); strings.Contains(all, "evil.example") || strings.Contains(all, "4444") {
				t.Errorf("%s with %q answers %s", target, header, all)
			}
		}
	}
}

// protected checks what every answer to a browser has.
func (b *browser) protected(got page) {
	b.Helper()
	header := got.Header
	if header.Get("Cache-Control") != "no-store" {
		b.Errorf("it may be cached: %v", header)
	}
	if got.StatusCode/100 == 3 && got.StatusCode != http.StatusSeeOther {
		b.Errorf("it redirects with %d", got.StatusCode)
	}
	redirects := header.Get("Location") != ""
	if shows := strings.HasPrefix(header.Get("Content-Type"), "text/html"); !shows && !redirects {
		b.Errorf("it is neither a page nor a redirect: %d %v", got.StatusCode, header)
		return
	}
	if header.Get("Referrer-Policy") != "no-referrer" {
		b.Errorf("its URL leaks to the next site: %v", header)
	}
	if redirects {
		if got.text != "" {
			b.Errorf("the redirect has a body: %s", got.text)
		}
		return
	}
	policy := header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		b.Errorf("its policy is %q", policy)
	}
	if header.Get("X-Content-Type-Options") != "nosniff" {
		b.Errorf("its type may be guessed: %v", header)
	}
	// Whatever a page loads by itself is ours. Links and the form of form_post
	// lead to the client, and nowhere else.
	for _, match := range regexp.MustCompile(`\b(src|href|action|data-[a-z]+)="([^"]*)"`).FindAllStringSubmatch(got.text, -1) {
		address := html.UnescapeString(match[2])
		ours := !strings.Contains(address, "//") && !strings.Contains(address, `\`)
		client := address == callback && match[1] == "action" || strings.HasPrefix(address, "http://shop.localhost/") && match[1] == "href"
		if !ours && !client {
			b.Errorf("it leads to %s: %s", address, got.text)
		}
	}
}

// RFC 9700 §4.2 (codes and states in a Referer header or in a third party's log),
// §4.3 (in the browser's history or a cache) and §4.16 (clickjacking): each
// answer that a browser sees is protected, and no page has a code but the one
// that sends it to the client.
func TestEveryAnswerToABrowserIsProtected(t *testing.T) {
	s := newSite(t, "memory:", "{kind: manual}")
	answers := make(map[string]page)
	link := func(p page) string { return p.Request.URL.RequestURI() }
	authorize := func(client string, extra ...string) string {
		q := url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s"}}
		for i := 0; i < len(extra); i += 2 {
			q.Set(extra[i], extra[i+1])
		}
		return "/authorize?" + q.Encode()
	}
	b, other := s.browser(), s.browser()
	waiting := link(b.login())
	answers["an unknown client"] = b.rawly(http.MethodGet, "/authorize?client_id=nobody", nil)
	answers["nothing"] = b.rawly(http.MethodGet, "/nothing", nil)
	answers["to the waiting page"] = other.rawly(http.MethodGet, authorize("shop"), nil)
	answers["an error for the client"] = b.rawly(http.MethodGet, authorize("shop", "prompt", "none"), nil)
	answers["an error for the client, by form"] = b.rawly(http.MethodGet, authorize("shop", "prompt", "none", "response_mode", "form_post"), nil)
	answers["from POST to GET"] = b.rawly(http.MethodPost, "/authorize", url.Values{"client_id": {"shop"}, "redirect_uri": {callback}, "response_type": {"code"}})
	answers["the waiting page"] = b.rawly(http.MethodGet, waiting, nil)
	answers["a bad seal"] = b.rawly(http.MethodGet, "/wait?login=x", nil)
	answers["another browser's link"] = other.rawly(http.MethodGet, waiting, nil)
	answers["no cookies"] = s.browser().rawly(http.MethodGet, waiting, nil)
	answers["an image"] = b.rawly(http.MethodGet, waiting, nil, "Sec-Fetch-Dest", "image")
	answers["a button"] = b.rawly(http.MethodPost, waiting, url.Values{"action": {"join"}})
	answers["a button of another site"] = b.rawly(http.MethodPost, waiting, url.Values{"action": {"join"}}, "Origin", "https://evil.example")
	answers["no visit to log out of"] = b.rawly(http.MethodGet, "/logout", nil)
	s.serveOne()
	answers["the turn"] = b.rawly(http.MethodGet, waiting, nil)
	got, _ := b.redeem("shop", b.code(b.login()))
	answers["a code by form"] = b.rawly(http.MethodGet, authorize("shop", "response_mode", "form_post"), nil)
	got2, _ := b.redeem("strict", b.code(b.loginOf("strict")))
	s.turn(2 * time.Second)
	answers["a confirmation"] = b.get(authorize("shop", "prompt", "login"))
	answers["a requeue"] = b.get(authorize("strict", "prompt", "login"))
	answers["the question before a logout"] = b.rawly(http.MethodGet, "/logout", nil)
	answers["a bad logout"] = b.rawly(http.MethodGet, "/logout?post_logout_redirect_uri="+url.QueryEscape("https://evil.example/")+"&id_token_hint="+got.IDToken, nil)
	answers["a POST that logs out"] = b.rawly(http.MethodPost, "/logout", url.Values{"id_token_hint": {got2.IDToken}})
	answers["a logout"] = b.rawly(http.MethodGet, "/logout?id_token_hint="+got.IDToken, nil)
	answers["a visit that has ended"] = b.get(waiting)
	late := link(other.login())
	s.manage(http.MethodPost, "/private/reset_initial_state", `{"event_id":"sale"}`, nil)
	answers["a line that has ended"] = other.rawly(http.MethodGet, late, nil)
	for name, button := range map[string]string{"a confirmation": "confirm", "a requeue": "requeue", "a line that has ended": "join"} {
		if !strings.Contains(answers[name].text, fmt.Sprintf("value=%q", button)) {
			t.Errorf("%s has no button: %d %s", name, answers[name].StatusCode, answers[name].text)
		}
	}
	codes := []string{"a code by form"}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			(&browser{site: &site{T: t}}).protected(answer)
			if strings.Contains(answer.text, `name="code"`) != slices.Contains(codes, name) {
				t.Errorf("a code on the wrong page: %s", answer.text)
			}
		})
	}
}

// RFC 9700 §4.12: what follows a POST never repeats it elsewhere, as 307 and 308
// do, and 302 and 301 may.
func TestNothingThatFollowsAPostRepeatsIt(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	got, _ := b.redeem("shop", b.code(b.login()))
	login := url.Values{"client_id": {"shop"}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s"}}
	page := strings.TrimPrefix(s.browser().rawly(http.MethodGet, "/authorize?"+login.Encode(), nil).Header.Get("Location"), issuer)
	for target, form := range map[string]url.Values{
		"/authorize":                  login,
		"/authorize?x=1":              {"client_id": {"shop"}, "redirect_uri": {callback}},
		page:                          {"action": {"join"}},
		"/logout":                     {"id_token_hint": {got.IDToken}},
		"/token":                      {"grant_type": {"authorization_code"}},
		"/userinfo":                   {"access_token": {got.AccessToken}},
		"/userInfo":                   {},
		"/revoke":                     {"token": {got.AccessToken}},
		"/introspect":                 {"token": {got.AccessToken}},
		"/public/assign_queue_num":    {"event_id": {"sale"}},
		"/.well-known/jwks.json":      {},
		"/healthz":                    {},
		"//token":                     {},
		"/token/":                     {},
		"http://evil.example//logout": {},
	} {
		answer := b.rawly(http.MethodPost, target, form)
		if answer.StatusCode/100 == 3 && answer.StatusCode != http.StatusSeeOther || answer.StatusCode >= http.StatusInternalServerError {
			t.Errorf("POST %s answers %d, Location %q", target, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
}

// In the API that this server's own stands in for, the code was the request ID:
// reusable, for anybody, and seen in every URL. Here neither ID is worth anything
// at the provider, and a code is nothing but a code.
func TestARequestIDIsNoCode(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	code := b.code(b.login())
	got, _ := b.redeem("shop", code)
	info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + got.AccessToken}})
	sub := regexp.MustCompile(`"sub":"([^"]+)"`).FindStringSubmatch(info.text)
	var place struct {
		ID string `json:"api_request_id"`
	}
	answer, err := b.http.Post(issuer+"/public/assign_queue_num", "application/json", strings.NewReader(`{"event_id":"sale"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&place); err != nil || sub == nil || place.ID == "" {
		t.Fatalf("sub %v, request ID %q, %v", sub, place.ID, err)
	}
	for _, value := range []string{sub[1], place.ID, got.AccessToken, got.IDToken} {
		if again, status := b.redeem("shop", value); status != http.StatusBadRequest || again.Error != "invalid_grant" {
			t.Errorf("as a code, %s answers %d %q", value, status, again.Error)
		}
		if again, status := s.browser().token("shop", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {value}}); status != http.StatusBadRequest || again.Error != "invalid_grant" {
			t.Errorf("as a refresh token, %s answers %d %q", value, status, again.Error)
		}
	}
	for _, value := range []string{sub[1], place.ID, code} {
		answer := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + value}})
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("as an access token, %s answers %d", value, answer.StatusCode)
		}
	}
	if second := b.code(b.login()); second == code {
		t.Error("two logins got the same code")
	}
}

// The same API's userinfo looked at the claims of a token but not at its
// signature, and made a new token for whomever they named.
func TestAForgedTokenMintsNothing(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	b := s.browser()
	got, _ := b.redeem("forum", b.code(b.loginOf("forum")))
	var before, after struct{ Admitted, Alive int64 }
	s.manage(http.MethodGet, "/admin/api/rooms/sale", "", &before)
	for _, token := range []string{got.IDToken, got.AccessToken} {
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			t.Fatalf("not signed: %s", token)
		}
		for _, forged := range []string{
			"A." + parts[1] + ".B", parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
			"eyJhbGciOiJub25lIn0." + parts[1] + ".", "." + parts[1] + ".", parts[1],
		} {
			answer := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + forged}})
			if answer.StatusCode != http.StatusUnauthorized || strings.Contains(answer.text, "sub") {
				t.Errorf("%s answers %d %s", forged, answer.StatusCode, answer.text)
			}
		}
	}
	s.manage(http.MethodGet, "/admin/api/rooms/sale", "", &after)
	if after != before {
		t.Errorf("the room was %+v and is %+v", before, after)
	}
}
