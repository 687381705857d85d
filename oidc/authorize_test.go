package oidc_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/oidc"
)

// RFC 6749 §4.1.2.1: with a client or redirect URI that can't be relied on the
// browser is never redirected, whatever else the request says.
func TestAuthorizeNeverRedirectsToAnUnregisteredURI(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name   string
		params url.Values
	}{
		{"unknown client", request("client_id", "nobody")},
		{"no client", request("client_id", "")},
		{"two clients", url.Values{"client_id": {"shop", "shop"}, "redirect_uri": {shopURI}, "response_type": {"code"}}},
		{"no redirect URI", request("redirect_uri", "")},
		{"two redirect URIs", url.Values{"client_id": {"shop"}, "redirect_uri": {shopURI, "https://evil.example.com/"}, "response_type": {"code"}}},
		{"oidcc-ensure-registered-redirect-uri", request("redirect_uri", shopURI+"/random")},
		{"a query added", request("redirect_uri", shopURI+"?foo=bar")},
		{"a fragment added", request("redirect_uri", shopURI+"#x")},
		{"a slash added", request("redirect_uri", shopURI+"/")},
		{"another case", request("redirect_uri", "https://SHOP.example.com/callback")},
		{"an explicit default port", request("redirect_uri", "https://shop.example.com:443/callback")},
		{"plain http", request("redirect_uri", "http://shop.example.com/callback")},
		{"a path that normalizes", request("redirect_uri", "https://shop.example.com/x/../callback")},
		{"an encoded letter", request("redirect_uri", "https://shop.example.com/%63allback")},
		// The library used to unescape the parameter once more.
		{"encoded twice", request("redirect_uri", url.QueryEscape(shopURI))},
		{"user information", request("redirect_uri", "https://shop.example.com@evil.example.com/callback")},
		{"a backslash", request("redirect_uri", `https://evil.example.com\@shop.example.com/callback`)},
		{"a newline", request("redirect_uri", shopURI+"\n")},
		{"a space in front", request("redirect_uri", " "+shopURI)},
		{"another port on loopback", request("redirect_uri", "http://127.0.0.1:9000/cb")},
		{"another client's", request("redirect_uri", "https://other.example.com/cb")},
		{"a script", request("redirect_uri", "javascript:alert(1)")},
		{"oidcc-ensure-request-object-with-redirect-uri", request("redirect_uri", shopURI+"/x", "request", "eyJhbGciOiJub25lIn0.e30.")},
		{"with prompt=none", request("redirect_uri", "https://evil.example.com/", "prompt", "none")},
		{"with form_post", request("redirect_uri", "https://evil.example.com/", "response_mode", "form_post")},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := w.newBrowser()
			for _, r := range []reply{
				b.do(http.MethodGet, "/authorize?"+row.params.Encode(), nil),
				b.do(http.MethodPost, "/authorize", row.params),
			} {
				if r.StatusCode != http.StatusBadRequest || r.Header.Get("Location") != "" || strings.Contains(r.body, "<form") {
					t.Errorf("status %d, location %q, body %s", r.StatusCode, r.Header.Get("Location"), r.body)
				}
				if r.Header.Get("Cache-Control") != "no-store" || len(r.Cookies()) > 0 {
					t.Errorf("header %v", r.Header)
				}
			}
		})
	}
}

func TestAuthorizeTellsTheClientWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	twice := func(name string) url.Values {
		params := request(name, "a")
		params.Add(name, "a")
		return params
	}
	spa := []string{"client_id", "spa", "redirect_uri", "https://spa.example.com/cb"}
	for _, row := range []struct {
		name   string
		params url.Values
		want   string
	}{
		{"oidcc-response-type-missing", request("response_type", ""), "invalid_request"},
		{"the implicit flow", request("response_type", "id_token"), "unsupported_response_type"},
		{"the hybrid flow", request("response_type", "code id_token"), "unsupported_response_type"},
		{"unknown response mode", request("response_mode", "fragment"), "invalid_request"},
		{"prompt none and more", request("prompt", "none login"), "invalid_request"},
		{"prompt none and an unknown value", request("prompt", "none create"), "invalid_request"},
		{"a negative max_age", request("max_age", "-1"), "invalid_request"},
		{"a max_age that is no number", request("max_age", "soon"), "invalid_request"},
		{"a fractional max_age", request("max_age", "1.5"), "invalid_request"},
		{"a max_age with a sign", request("max_age", "+1"), "invalid_request"},
		{"a scope twice", twice("scope"), "invalid_request"},
		{"a nonce twice", twice("nonce"), "invalid_request"},
		{"an unknown parameter twice", twice("extra"), "invalid_request"},
		{"a huge nonce", request("nonce", strings.Repeat("n", 2000)), "invalid_request"},
		{"a nonce that is not text", request("nonce", "\xff\xfe"), "invalid_request"},
		{"PKCE plain", request("code_challenge", challenge, "code_challenge_method", "plain"), "invalid_request"},
		{"PKCE without a method, which means plain", request("code_challenge", challenge), "invalid_request"},
		{"PKCE of an unknown method", request("code_challenge", challenge, "code_challenge_method", "S512"), "invalid_request"},
		{"a method in the wrong case", request("code_challenge", challenge, "code_challenge_method", "s256"), "invalid_request"},
		{"a method without a challenge", request("code_challenge_method", "S256"), "invalid_request"},
		{"a challenge too short", request("code_challenge", challenge[:42], "code_challenge_method", "S256"), "invalid_request"},
		{"a challenge too long", request("code_challenge", strings.Repeat("a", 129), "code_challenge_method", "S256"), "invalid_request"},
		{"a challenge with a stranger in it", request("code_challenge", challenge[:42]+"+", "code_challenge_method", "S256"), "invalid_request"},
		{"a public client without PKCE", request(spa...), "invalid_request"},
		{"a hint that is no token", request("id_token_hint", "x.y.z"), "invalid_request"},
	} {
		for _, mode := range []string{"query", "form_post"} {
			t.Run(row.name+" by "+mode, func(t *testing.T) {
				params := url.Values{}
				maps.Copy(params, row.params)
				if !params.Has("response_mode") {
					params.Set("response_mode", mode)
				}
				b := w.newBrowser()
				for _, a := range []answer{b.ask(params), b.follow(b.do(http.MethodPost, "/authorize", params))} {
					if a.uri != params.Get("redirect_uri") || a.values.Get("error") != row.want || a.values.Get("state") != "xyz" {
						t.Fatalf("answer %+v, page %s", a, a.last.body)
					}
					if a.posted != (params.Get("response_mode") == "form_post") {
						t.Errorf("posted: %v", a.posted)
					}
					for name := range a.values {
						if name != "error" && name != "error_description" && name != "state" {
							t.Errorf("parameter %s is not expected", name)
						}
					}
					// RFC 6749 §4.1.2.1 names the characters of a description.
					if !regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`).MatchString(a.values.Get("error_description")) {
						t.Errorf("description %q", a.values.Get("error_description"))
					}
				}
			})
		}
	}
}

// RFC 8707 §2 lets clients name several resources; we ignore them.
func TestAuthorizeIgnoresResourcesHoweverMany(t *testing.T) {
	params := request("resource", "https://a.example.com")
	params.Add("resource", "https://b.example.com")
	newWorld(t).newBrowser().login(params)
}

func TestAuthorizeReturnsStateByteForByte(t *testing.T) {
	w := newWorld(t)
	for name, state := range map[string]string{
		"punctuation":    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ a+b",
		"not UTF-8":      "\xff\xfe\x00\x01",
		"line breaks":    "a\r\nb\tc",
		"other scripts":  "éß日本",
		"8 KiB":          strings.Repeat("0123456789abcdef", 512),
		"looks like JWT": "eyJhbGciOiJub25lIn0.e30.",
	} {
		for _, admitted := range []bool{false, true} {
			b := w.newBrowser()
			if admitted {
				b.login(request())
			}
			a := b.ask(request("state", state))
			if a.values.Get("code") == "" || a.values.Get("state") != state {
				t.Errorf("%s: answer %+v", name, a)
			}
			if strings.Contains(a.last.Header.Get("Location"), "+") {
				t.Errorf("%s: a space as +: %s", name, a.last.Header.Get("Location"))
			}
		}
	}
	if a := w.newBrowser().ask(request("state", "")); a.values.Has("state") || a.values.Get("code") == "" {
		t.Errorf("without a state: %+v", a)
	}
}

// WordPress and others have a query in their redirect URI (clients compare it
// byte for byte, so we append).
func TestAuthorizeKeepsTheQueryOfARedirectURI(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	b.login(request())
	location := b.do(http.MethodGet, "/authorize?"+request("redirect_uri", queryURI).Encode(), nil).Header.Get("Location")
	if !strings.HasPrefix(location, queryURI+"&code=") || !strings.HasSuffix(location, "&state=xyz") {
		t.Errorf("location %s", location)
	}
}

func TestAuthorizeTakesParametersInAnyOrder(t *testing.T) {
	w := newWorld(t)
	query := "state=s&scope=email%20openid&response_type=code&redirect_uri=" + url.QueryEscape(shopURI) + "&nonce=n&client_id=shop"
	b := w.newBrowser()
	if a := b.follow(b.do(http.MethodGet, "/authorize?"+query, nil)); a.values.Get("code") == "" {
		t.Errorf("oidcc-alternate-happy-flow: %+v", a)
	}
}

func TestAuthorizeBoundsItsInput(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	long := strings.Repeat("x", 16<<10)
	if r := b.do(http.MethodGet, "/authorize?"+request("state", long).Encode(), nil); r.StatusCode != http.StatusRequestURITooLong {
		t.Errorf("a query over 16 KiB: %d", r.StatusCode)
	}
	if r := b.do(http.MethodPost, "/authorize", request("state", long)); r.StatusCode != http.StatusBadRequest || r.Header.Get("Location") != "" {
		t.Errorf("a body with a state over 16 KiB: %d", r.StatusCode)
	}
	if r := b.do(http.MethodPost, "/authorize", request("extra", strings.Repeat("x", 64<<10))); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over 64 KiB: %d", r.StatusCode)
	}
	if a := b.follow(b.do(http.MethodPost, "/authorize", request("claims", strings.Repeat("x", 40<<10)))); a.values.Get("code") == "" {
		t.Errorf("a body of 40 KiB, mostly ignored: %+v", a)
	}
	if r := b.do(http.MethodGet, "/authorize?client_id=shop&redirect_uri=%zz", nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a query that can't be read: %d", r.StatusCode)
	}
	if r := b.do(http.MethodPost, "/authorize", request(), "Content-Type", "application/json"); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that is no form: %d", r.StatusCode)
	}
	if r := b.do(http.MethodGet, "/authorize?pending=x", nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a pending request that is none: %d", r.StatusCode)
	}
}

// Browsers that only want to be quick, and tools that look at links, must not
// get a cookie: it would be taken for the test of whether cookies are kept.
func TestAuthorizeGivesNothingToThoseWhoDoNotNavigate(t *testing.T) {
	for _, row := range []struct {
		name, method string
		header       []string
		status       int
	}{
		{"prefetch", http.MethodGet, []string{"Sec-Purpose", "prefetch"}, http.StatusServiceUnavailable},
		{"prerender", http.MethodGet, []string{"Sec-Purpose", "prefetch;prerender"}, http.StatusServiceUnavailable},
		{"an old prefetch", http.MethodGet, []string{"Purpose", "prefetch"}, http.StatusServiceUnavailable},
		{"HEAD", http.MethodHead, nil, http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.newBrowser()
			r := b.do(row.method, "/authorize?"+request().Encode(), nil, row.header...)
			if r.StatusCode != row.status || r.Header.Get("Location") != "" || len(r.Cookies()) > 0 || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("status %d, header %v", r.StatusCode, r.Header)
			}
		})
	}
	t.Run("a frame or an image", func(t *testing.T) {
		w := newWorld(t)
		for _, dest := range []string{"iframe", "image", "empty", "script"} {
			a := w.newBrowser().ask(request(), "Sec-Fetch-Dest", dest)
			if a.values.Get("error") != "login_required" {
				t.Errorf("%s: %+v", dest, a)
			}
		}
		if w.line.cookies > 0 {
			t.Error("a cookie was set")
		}
		b := w.newBrowser()
		b.login(request())
		if a := b.ask(request(), "Sec-Fetch-Dest", "iframe"); a.values.Get("code") == "" {
			t.Errorf("an admitted visitor's silent login in a frame: %+v", a)
		}
	})
}

func TestAuthorizeAllowsOnlyItsMethods(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/authorize":                        "GET, HEAD, POST",
		"/token":                            "POST",
		"/userinfo":                         "GET, POST",
		"/revoke":                           "POST",
		"/logout":                           "GET, HEAD, POST",
		"/.well-known/openid-configuration": "GET, HEAD",
		"/.well-known/jwks.json":            "GET, HEAD",
	} {
		r := w.newBrowser().do(http.MethodPut, path, nil)
		if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != want {
			t.Errorf("PUT %s: status %d, Allow %q", path, r.StatusCode, r.Header.Get("Allow"))
		}
	}
}

// A visitor who has no turn yet waits; nothing is decided at /authorize.
func TestAuthorizeSendsTheCrowdToTheWaitingPage(t *testing.T) {
	w := newWorld(t)
	w.open.Store(false)
	b := w.newBrowser()
	// As long as that, it can't stand in a seal by chance.
	const state = "a-state-of-the-client"
	r := b.do(http.MethodGet, "/authorize?"+request("state", state).Encode(), nil)
	location := r.Header.Get("Location")
	if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, "/line/wait?login=") || len(r.Cookies()) != 1 {
		t.Fatalf("status %d, location %s, cookies %v", r.StatusCode, location, r.Cookies())
	}
	for _, plain := range []string{state, "shop.example", "n-0S6_WzA2Mj"} {
		if strings.Contains(location, plain) {
			t.Errorf("the URL shows %q", plain)
		}
	}
	a := b.follow(r)
	if a.last.body != "waiting" {
		t.Fatalf("answer %+v", a)
	}
	w.line.sleep(47 * time.Hour)
	w.open.Store(true)
	if a := b.follow(b.do(http.MethodGet, a.last.Request.URL.String(), nil)); a.values.Get("code") == "" || a.values.Get("state") != state {
		t.Errorf("after 47 hours: %+v", a)
	}
}

func TestAuthorizeWhileTheLineDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	b.login(request())
	w.line.fail(oidc.ErrUnavailable)
	// The waiting page knows what to say to a person, and the visitor keeps
	// the login.
	r := b.do(http.MethodGet, "/authorize?"+request().Encode(), nil)
	if !strings.Contains(r.Header.Get("Location"), "/wait?login=") {
		t.Errorf("status %d, location %s", r.StatusCode, r.Header.Get("Location"))
	}
	if a := b.ask(request("prompt", "none")); a.values.Get("error") != "temporarily_unavailable" {
		t.Errorf("prompt=none: %+v", a)
	}
	if a := b.ask(request("state", strings.Repeat("s", 8<<10))); a.values.Get("error") != "temporarily_unavailable" {
		t.Errorf("a login too long for a URL: %+v", a)
	}
}

func TestPromptNoneWantsTheVisitorOfTheHint(t *testing.T) {
	w := newWorld(t)
	mine, theirs := w.newBrowser(), w.newBrowser()
	hint := w.exchange(theirs.login(request())).IDToken
	mine.login(request())
	if a := mine.ask(request("prompt", "none", "id_token_hint", hint)); a.values.Get("error") != "login_required" {
		t.Errorf("another visitor's hint: %+v", a)
	}
	// An old visit's token must not keep its owner out of the line.
	if a := mine.ask(request("id_token_hint", hint)); a.values.Get("code") == "" {
		t.Errorf("without prompt=none: %+v", a)
	}
	// OpenID Connect Core 1.0 §3.1.2.1: a hint may have expired.
	w.line.sleep(30 * time.Minute)
	if a := theirs.ask(request("prompt", "none", "id_token_hint", hint)); a.values.Get("code") == "" {
		t.Errorf("an expired hint: %+v", a)
	}
	// By POST the hint goes along with the pending request.
	if a := mine.follow(mine.do(http.MethodPost, "/authorize", request("prompt", "none", "id_token_hint", hint))); a.values.Get("error") != "login_required" {
		t.Errorf("by POST: %+v", a)
	}
}

// OpenID Connect Core 1.0 §3.1.2.2: the provider must make sure that it issued
// the hint. Nor may one client ask after the visitors of another.
func TestHintMustBeAnIDTokenOfThisClientAndIssuer(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := w.exchange(b.login(request()))
	elsewhere := []string{"client_id", "other", "redirect_uri", "https://other.example.com/cb"}
	sign := func(typ, changed, into string) string {
		payload, err := json.Marshal(claims(t, tokens.IDToken))
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.keys.Sign(t.Context(), jose.RS256, typ, []byte(strings.Replace(string(payload), changed, into, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, row := range []struct {
		name, hint string
		changes    []string
		want       string
	}{
		{"ours, signed again", sign("JWT", "", ""), nil, ""},
		{"of another client", tokens.IDToken, elsewhere, "invalid_request"},
		{"of another issuer on the same keys", sign("JWT", w.issuer, "https://else.example.com"), nil, "invalid_request"},
		{"without a session", sign("JWT", `"sid"`, `"x"`), nil, "invalid_request"},
		{"with a list of audiences", sign("JWT", `"aud":"shop"`, `"aud":["shop"]`), nil, "invalid_request"},
		// RFC 9068 access tokens may be signed with the same keys.
		{"an access token", sign("at+jwt", "", ""), nil, "invalid_request"},
		{"unsigned", unsigned(tokens.IDToken), nil, "invalid_request"},
		{"signed by the client", signedByClient(strings.Split(tokens.IDToken, ".")[1]), nil, "invalid_request"},
		{"changed", flip(tokens.IDToken), nil, "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := b.ask(request(append(row.changes, "prompt", "none", "id_token_hint", row.hint)...))
			if a.values.Get("error") != row.want {
				t.Errorf("answer %v", a.values)
			}
			if row.changes == nil {
				r := b.do(http.MethodGet, logoutQuery("id_token_hint", row.hint), nil)
				if got := strings.HasPrefix(r.body, "logged out"); got != (row.want == "") {
					t.Errorf("logout: %s", r.body)
				}
				b = w.newBrowser()
				b.login(request())
			}
		})
	}
}

func TestPromptNoneAnswersLoginRequiredWhenMaxAgeIsExceeded(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	w.exchange(b.login(request()))
	w.line.sleep(time.Minute)
	if a := b.ask(request("prompt", "none", "max_age", "30")); a.values.Get("error") != "login_required" {
		t.Errorf("answer %+v", a)
	}
}

func TestNeedsConfirmation(t *testing.T) {
	w := newWorld(t)
	w.open.Store(false)
	received := w.line.Now()
	login := func(changes ...string) *oidc.Login {
		r := w.newBrowser().do(http.MethodGet, "/authorize?"+request(changes...).Encode(), nil)
		location, err := url.Parse(r.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		login, err := w.provider.OpenLogin(t.Context(), location.Query().Get(oidc.LoginParam))
		if err != nil {
			t.Fatal(err)
		}
		return login
	}
	before, after := received.Add(-time.Minute), received.Add(time.Second)
	for _, row := range []struct {
		name     string
		login    *oidc.Login
		authTime time.Time
		redeemed map[string]time.Time
		want     bool
	}{
		{"nobody asks for it", login(), before, map[string]time.Time{"shop": before}, false},
		{"prompt=login after a login", login("prompt", "login"), before, map[string]time.Time{"shop": before}, true},
		{"prompt=login, admitted since", login("prompt", "login"), after, map[string]time.Time{"shop": after}, false},
		{"prompt=login, admitted in the same second", login("prompt", "login"), received, map[string]time.Time{"shop": received}, false},
		{"prompt=login, this client's first code", login("prompt", "login"), before, nil, false},
		{"prompt=login, another client's code", login("prompt", "login"), before, map[string]time.Time{"other": before}, false},
		{"prompt=login, redeemed before the last confirmation", login("prompt", "login"), before, map[string]time.Time{"shop": before.Add(-time.Second)}, false},
		{"max_age that is not exceeded", login("max_age", "60"), before, map[string]time.Time{"shop": before}, false},
		{"max_age that is exceeded", login("max_age", "59"), before, map[string]time.Time{"shop": before}, true},
		{"max_age=0 is prompt=login", login("max_age", "0"), before, map[string]time.Time{"shop": before}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			visitor := oidc.Visitor{AuthTime: row.authTime, Redeemed: row.redeemed}
			if got := w.provider.NeedsConfirmation(row.login, visitor); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestTheSealOfALoginTellsWhoAsked(t *testing.T) {
	w := newWorld(t)
	w.open.Store(false)
	r := w.newBrowser().do(http.MethodGet, "/authorize?"+request().Encode(), nil)
	location, _ := url.Parse(r.Header.Get("Location"))
	login, err := w.provider.OpenLogin(t.Context(), location.Query().Get(oidc.LoginParam))
	if err != nil {
		t.Fatal(err)
	}
	if login.Room() != "sale" || login.Client() != "shop" || !login.Received().Equal(w.line.Now()) || w.provider.WaitURL(login) != location.String() {
		t.Errorf("login %+v", login)
	}
}

func TestErrorsCanBeTold(t *testing.T) {
	err := error(&oidc.Error{Code: oidc.InvalidGrant, Description: "no", Cause: oidc.ErrReplayed})
	if !errors.Is(err, oidc.InvalidGrant) || !errors.Is(err, oidc.ErrReplayed) || errors.Is(err, oidc.InvalidRequest) {
		t.Errorf("%v", err)
	}
	if got := err.Error(); got != "invalid_grant: no: used before" {
		t.Error(got)
	}
}
