package oidc_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
)

// tricks are addresses that look like a registered one to a careless eye or
// parser, each with a name.
func tricks(t *testing.T, registered string) map[string]string {
	t.Helper()
	u, err := url.Parse(registered)
	if err != nil {
		t.Fatal(err)
	}
	bad := make(map[string]string)
	maps.Copy(bad, tricksOfHost(u))
	maps.Copy(bad, tricksOfPath(u))
	maps.Copy(bad, tricksOfText(registered))
	maps.DeleteFunc(bad, func(_, address string) bool { return address == registered })
	return bad
}

// address puts an address together from parts that url.URL would mend.
func address(scheme, host, path string, u *url.URL) string {
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return scheme + host + path
}

// tricksOfHost lead to another host than the registered one.
func tricksOfHost(u *url.URL) map[string]string {
	scheme, host, bare := u.Scheme+"://", u.Host, u.Hostname()
	bad := make(map[string]string)
	for name, other := range map[string]string{
		"a subdomain":                     "evil." + host,
		"a host that begins with it":      host + ".evil.example",
		"a host that ends with it":        "evil" + host,
		"a dot after the host":            bare + ".",
		"a user name":                     host + "@evil.example",
		"a user name and a password":      host + ":443@evil.example",
		"a user name of its own":          "evil@" + host,
		"another port":                    bare + ":8443",
		"an empty port":                   bare + ":",
		"the host in upper case":          strings.ToUpper(host),
		"a backslash behind another host": `evil.example\.` + host,
		"a backslash and an at sign":      `evil.example\@` + host,
		"an encoded at sign":              host + "%40evil.example",
		"an encoded slash after the host": host + "%2f.evil.example",
		"an encoded host":                 "%" + hexOf(host[0]) + host[1:],
		"a Cyrillic letter":               strings.Replace(host, "o", "\u043e", 1),
		"a full-width dot":                strings.Replace(host, ".", "\uff0e", 1),
		"an ideographic full stop":        strings.Replace(host, ".", "\u3002", 1),
		"punycode":                        "xn--" + host,
		"a wildcard":                      "*." + host,
	} {
		bad[name] = address(scheme, other, u.Path, u)
	}
	for name, other := range map[string]string{
		"the scheme in upper case":         strings.ToUpper(scheme),
		"another scheme":                   "ftp://",
		"no scheme":                        "//",
		"one slash":                        u.Scheme + ":/",
		"no slash":                         u.Scheme + ":",
		"three slashes":                    scheme + "/",
		"a backslash in front of the host": u.Scheme + `:\\`,
	} {
		bad[name] = address(other, host, u.Path, u)
	}
	bad["a script with a host"] = address("javascript://", host, u.Path+"%0aalert(1)", u)
	bad["data"] = "data:text/html,<script>alert(1)</script>"
	return bad
}

// tricksOfPath lead to another page of the registered host.
func tricksOfPath(u *url.URL) map[string]string {
	bad, path := make(map[string]string), u.Path
	for name, other := range map[string]string{
		"no path":                           "",
		"a slash after the path":            path + "/",
		"the path in upper case":            strings.ToUpper(path),
		"a path that climbs":                path + "/../evil",
		"a path that climbs back":           "/evil/.." + path,
		"a path that climbs, encoded":       path + "/%2e%2e/evil",
		"a path that climbs, half encoded":  path + "/..%2fevil",
		"a path that climbs, encoded twice": path + "/%252e%252e/evil",
		"a path that climbs by a backslash": path + `\..\evil`,
		"a path parameter":                  path + ";evil",
		"a path that climbs by a parameter": path + "/..;/evil",
		"a dot in the path":                 "/." + path,
		"two slashes in the path":           "/" + path,
		"an encoded character":              path[:1] + "%" + hexOf(path[1]) + path[2:],
	} {
		bad[name] = address(u.Scheme+"://", u.Host, other, u)
	}
	return bad
}

// tricksOfText add to the registered address, or hide it in another.
func tricksOfText(registered string) map[string]string {
	separator := "?"
	if strings.Contains(registered, "?") {
		separator = "&"
	}
	return map[string]string{
		"more at the end":                    registered + ".evil.example",
		"less at the end":                    registered[:len(registered)-1],
		"a slash at the end":                 registered + "/",
		"all of it encoded again":            url.QueryEscape(registered),
		"an address list":                    registered + ",https://evil.example/",
		"two addresses":                      registered + " https://evil.example/",
		"an empty fragment":                  registered + "#",
		"a fragment":                         registered + "#@evil.example/",
		"an empty query, or another &":       registered + separator,
		"a parameter":                        registered + separator + "code=stolen",
		"an encoded question mark":           registered + "%3fcode=stolen",
		"a NUL":                              registered + "\x00",
		"a NUL before another address":       registered + "\x00.evil.example",
		"a line break":                       registered + "\r\nSet-Cookie: a=b",
		"an encoded line break":              registered + "%0d%0aSet-Cookie:%20a=b",
		"a tab in front":                     "\t" + registered,
		"a space at the end":                 registered + " ",
		"a zero-width space":                 registered + "\u200b",
		"a byte order mark":                  "\ufeff" + registered,
		"text of the other direction":        registered + "\u202e",
		"invalid UTF-8":                      registered + "\xff",
		"the address of another host inside": "https://evil.example/?" + registered,
		"the address as a fragment of evil":  "https://evil.example/#" + registered,
	}
}

func hexOf(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// RFC 9700 §4.1, insufficient redirect URI validation, and §4.11.2, the provider
// as an open redirector: an address that isn't registered byte for byte
// gets neither a code nor an error nor a visitor, whatever the request asks for.
func TestRedirectURITricksLeadNowhere(t *testing.T) {
	w := newWorld(t)
	admitted := w.newBrowser()
	admitted.login(request())
	for _, registered := range []string{shopURI, queryURI, "http://127.0.0.1:8999/cb"} {
		bad := tricks(t, registered)
		for _, name := range slices.Sorted(maps.Keys(bad)) {
			for _, extra := range [][]string{nil, {"prompt", "none"}, {"response_mode", "form_post"}, {"response_type", "bad"}} {
				params := request(append([]string{"redirect_uri", bad[name]}, extra...)...)
				for _, r := range []reply{
					admitted.do(http.MethodGet, "/authorize?"+params.Encode(), nil),
					admitted.do(http.MethodPost, "/authorize", params),
				} {
					if r.StatusCode != http.StatusBadRequest || r.Header.Get("Location") != "" || strings.Contains(r.body, "evil") {
						t.Errorf("%s, %s: status %d, Location %q, body %s", name, bad[name], r.StatusCode, r.Header.Get("Location"), r.body)
					}
				}
			}
		}
	}
}

// The same for the way out (RP-Initiated Logout 1.0 §3), where a browser with
// and without a visit is asked or told so, and is not sent on.
func TestPostLogoutRedirectURITricksLeadNowhere(t *testing.T) {
	w := newWorld(t)
	admitted, stranger := w.newBrowser(), w.newBrowser()
	hint := w.exchange(admitted.login(request())).IDToken
	bad := tricks(t, goodbyeURI)
	bad["a redirect URI"] = shopURI
	for name, uri := range bad {
		for _, b := range []*browser{admitted, stranger} {
			params := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {uri}, "state": {"s"}}
			for _, r := range []reply{
				b.do(http.MethodGet, "/logout?"+params.Encode(), nil),
				b.follow(b.do(http.MethodPost, "/logout", params)).last,
			} {
				if r.StatusCode != http.StatusOK || r.Header.Get("Location") != "" || strings.Contains(r.body, "evil") {
					t.Errorf("%s, %s: status %d, Location %q, body %s", name, uri, r.StatusCode, r.Header.Get("Location"), r.body)
				}
			}
		}
	}
	if !admitted.admitted() {
		t.Error("a bad address ended the visit")
	}
}

// RFC 9700 §4.5, code injection: an attacker puts a victim's code into a login of
// their own. With PKCE the relying party's verifier is that of its own login, and
// the code is refused; without, the ID token names the nonce of the victim's
// login. Either way the code stays good for the victim.
func TestAnInjectedCodeIsNotTakenForOnesOwn(t *testing.T) {
	w := newWorld(t)
	pkce := []string{"code_challenge", challenge, "code_challenge_method", "S256"}
	stolen := w.newBrowser().login(request(append(pkce, "nonce", "victim")...))
	for name, own := range map[string][]string{
		"the verifier of another login": {"code_verifier", strings.Repeat("attacker-", 6)},
		"no verifier":                   nil,
		"the challenge":                 {"code_verifier", challenge},
		"another client's credentials":  {"code_verifier", verifier, "client_id", "other", "client_secret", otherShop},
		"a public client":               {"code_verifier", verifier, "client_id", "spa", "client_secret", ""},
		"another redirect URI":          {"code_verifier", verifier, "redirect_uri", queryURI},
	} {
		if got := w.exchange(stolen, own...); got.StatusCode != http.StatusBadRequest || got.Error != "invalid_grant" {
			t.Errorf("%s: status %d, body %s", name, got.StatusCode, got.body)
		}
	}
	if got := w.exchange(stolen, "code_verifier", verifier); got.StatusCode != http.StatusOK || claims(t, got.IDToken)["nonce"] != "victim" {
		t.Errorf("the victim: status %d, body %s", got.StatusCode, got.body)
	}
	plain := w.exchange(w.newBrowser().login(request("nonce", "victim")))
	if claims(t, plain.IDToken)["nonce"] != "victim" {
		t.Errorf("without PKCE the ID token is %v", claims(t, plain.IDToken))
	}
}

// RFC 9700 §4.8, PKCE downgrade by the request: who takes the challenge away on
// its way, or weakens its method, gets no code that a verifier could redeem.
func TestATakenAwayChallengeIsNoticed(t *testing.T) {
	w := newWorld(t)
	for name, row := range map[string]struct {
		changes []string
		want    string // error of the authorization response, or else of the token response
	}{
		"both parameters are gone": {nil, "invalid_grant"},
		"the challenge is gone":    {[]string{"code_challenge_method", "S256"}, "invalid_request"},
		"the method is gone":       {[]string{"code_challenge", challenge}, "invalid_request"},
		"the method is plain":      {[]string{"code_challenge", verifier, "code_challenge_method", "plain"}, "invalid_request"},
	} {
		a := w.newBrowser().ask(request(row.changes...))
		got := a.values.Get("error")
		if got == "" {
			got = w.exchange(a.values.Get("code"), "code_verifier", verifier).Error
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// RFC 9700 §4.4, mix-up: a relying party of several providers tells them apart
// by the ID token's iss, which is the issuer whatever name the server was reached
// by. An authorization response has no iss (RFC 9207), and the metadata don't say
// that it had.
func TestTheIssuerIsOneAndTheSame(t *testing.T) {
	w := newWorld(t)
	router := mux.NewRouter()
	w.provider.Mount(router)
	reach := func(method, path string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		recorder := httptest.NewRecorder()
		router.ServeHTTP(recorder, r)
		return recorder
	}
	discovery := reach(http.MethodGet, "/line/.well-known/openid-configuration", nil).Body.String()
	if !strings.Contains(discovery, `"issuer": "`+w.issuer+`"`) || strings.Contains(discovery, "evil") || strings.Contains(discovery, "authorization_response_iss") {
		t.Errorf("discovery: %s", discovery)
	}
	b := w.newBrowser()
	for _, a := range []answer{b.ask(request()), b.ask(request()), w.newBrowser().ask(request("prompt", "none"))} {
		if a.values.Has("iss") {
			t.Errorf("the response has an iss: %v", a.values)
		}
	}
	got := reach(http.MethodPost, "/line/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {b.login(request())}, "redirect_uri": {shopURI},
		"client_id": {"shop"}, "client_secret": {shopSecret},
	}).Body.String()
	_, rest, _ := strings.Cut(got, `"id_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if iss := claims(t, token)["iss"]; iss != w.issuer {
		t.Errorf("iss is %v", iss)
	}
}

// In the API that this server's own stands in for, a setting of one request
// lived on in the process: every later token had its lifetime.
func TestALifetimeIsTheClientsOwn(t *testing.T) {
	w := newWorld(t)
	short, long := testClients()[0], testClients()[1]
	short.AccessTokenTTL, long.AccessTokenTTL = time.Minute, time.Hour
	provider := w.newProvider(secrets{"a secret of thirty-two bytes....."}, short, long)
	for range 2 {
		for client, want := range map[string]string{"shop": `"expires_in":60,`, "other": `"expires_in":3600,`} {
			form := url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {shopURI}, "client_id": {"shop"}, "client_secret": {shopSecret}}
			if client == "other" {
				form = url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {"https://other.example.com/cb"}, "client_id": {"other"}, "client_secret": {otherShop}}
			}
			form.Set("code", w.newBrowser().login(request("client_id", client, "redirect_uri", form.Get("redirect_uri"))))
			if got := serveForm(provider, "/line/token", form); !strings.Contains(got.Body.String(), want) {
				t.Errorf("%s: %s, want %s", client, got.Body, want)
			}
		}
	}
}
