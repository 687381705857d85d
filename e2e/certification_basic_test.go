//go:build e2e

package e2e_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// happy is a login of the first client with changes of the request.
func happy(changes ...string) func(*module) {
	return func(m *module) { m.login(firstClient, changes...) }
}

// userinfoBy is a login whose access token is then shown in another way. What
// the suite only warns of is the POST with the token in its body.
func userinfoBy(inBody bool) func(*module) {
	return func(m *module) {
		access, form := m.login(firstClient).access, url.Values{}
		if inBody {
			form.Set("access_token", access)
		}
		r := m.form(m.endpoint("userinfo_endpoint"), form)
		if !inBody {
			r.Header.Set("Authorization", "Bearer "+access)
		}
		answer := m.call(r)
		if inBody && answer.status/100 != 2 {
			m.Warn("userinfo takes no token in the body")
			return
		}
		m.checkUserinfo(answer)
	}
}

// scopes is a login with scopes that give claims. The suite leaves it out unless
// all of them are advertised, and so does this table: a provider without user
// data has none to give.
func scopes(names ...string) func(*module) {
	return func(m *module) {
		if !slices.ContainsFunc(names, func(name string) bool { return !m.supports("scopes_supported", name) }) {
			m.Fatalf("scopes %v are advertised: check their claims", names)
		}
		// Asking for them must do no harm.
		m.login(firstClient, "scope", "openid "+strings.Join(names, " "))
		m.skipped = true
	}
}

// alternateHappyFlow has scopes and parameters in reverse order. The suite leaves
// it out where there is no email; the order must do no harm even so.
func alternateHappyFlow(m *module) {
	if m.supports("scopes_supported", "email") {
		m.Fatal("the scope email is advertised: check its claims")
	}
	params := m.request(firstClient, "scope", "email openid")
	names := slices.Sorted(maps.Keys(params))
	slices.Reverse(names)
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name+"="+url.QueryEscape(params.Get(name)))
	}
	at := m.arrives(m.browser.Goes(m.endpoint("authorization_endpoint") + "?" + strings.Join(pairs, "&")))
	m.redeem(firstClient, params, m.code(params, at))
	m.skipped = true
}

func responseTypeMissing(m *module) {
	params := m.request(firstClient, "response_type", "")
	at := m.ask(params)
	if at.back == nil {
		m.staysOnPage(at)
		return
	}
	if got := m.fault(params, at); got != "invalid_request" && got != "unsupported_response_type" {
		m.Errorf("the error is %s", got)
	}
}

func withoutNonce(m *module) { m.login(firstClient, "nonce", "") }

// again logs in twice in one browser, some time apart, and compares. A repeated
// authentication shows a page and moves auth_time on by whole seconds;
// otherwise the second login shows none and changes nothing.
func again(apart time.Duration, repeated bool, first, second []string) func(*module) {
	return func(m *module) {
		one := m.login(firstClient, first...)
		pause(apart)
		second := slices.Clone(second)
		if i := slices.Index(second, "id_token_hint"); i >= 0 {
			second[i+1] = one.id
		}
		params := m.request(firstClient, second...)
		waits := m.browser.waits
		at := m.ask(params)
		if repeated {
			at = m.confirms(at)
		}
		two := m.redeem(firstClient, params, m.code(params, at))
		if m.browser.waits != waits {
			m.Error("the second login waits in line")
		}
		if one.claims["sub"] != two.claims["sub"] {
			m.Errorf("sub is %v, then %v", one.claims["sub"], two.claims["sub"])
		}
		before, after := m.instant(one.claims, "auth_time"), m.instant(two.claims, "auth_time")
		if repeated && !after.After(before) || !repeated && !after.Equal(before) {
			m.Errorf("auth_time is %v, then %v", before, after)
		}
		if repeated && time.Since(after) > waitLimit {
			m.Errorf("auth_time is %v, long ago", after)
		}
	}
}

func promptNoneNotLoggedIn(m *module) {
	params := m.request(firstClient, "prompt", "none", "state", strings.Repeat("-._~"+rand.Text(), 8)[:128])
	got := m.fault(params, m.ask(params))
	if !slices.Contains(noLogin, got) {
		m.Errorf("the error is %s", got)
	}
	if m.browser.waits > 0 {
		m.Error("prompt=none is shown a page")
	}
}

// noLogin are the errors that may answer prompt=none without a login (OpenID
// Connect Core 1.0 §3.1.2.6).
var noLogin = []string{"login_required", "interaction_required", "account_selection_required", "consent_required"}

func acrValues(m *module) {
	wanted := "1 2"
	if offered, ok := m.metadata["acr_values_supported"].([]any); ok {
		var names []string
		for _, value := range offered {
			name, _ := value.(string)
			names = append(names, name)
		}
		wanted = strings.Join(names, " ")
	}
	got := m.login(firstClient, "acr_values", wanted)
	if acr, _ := got.claims["acr"].(string); acr == "" || !slices.Contains(strings.Fields(wanted), acr) {
		m.Warn("no acr that was asked for")
	}
}

// codeReuse redeems a code a second time.
func codeReuse(after time.Duration) func(*module) {
	return func(m *module) {
		params := m.request(firstClient)
		code := m.code(params, m.ask(params))
		got := m.redeem(firstClient, params, code)
		pause(after)
		m.refused(m.exchange(firstClient, code), "invalid_grant")
		if m.alive(got.access) {
			m.Warn("the access token outlives the reuse of its code")
		}
	}
}

func registeredRedirectURI(m *module) {
	m.staysOnPage(m.ask(m.request(firstClient, "redirect_uri", suiteCallback+"/"+rand.Text())))
}

func postRequest(m *module) {
	params, began := m.request(firstClient), time.Now()
	at := m.arrives(m.browser.Posts(m.endpoint("authorization_endpoint"), params))
	m.redeem(firstClient, params, m.code(params, at))
	if took := time.Since(began); took > 30*time.Second {
		m.Warn("the callback comes after 30 s")
	}
}

func secretInBody(m *module) { m.login(postClient) }

// unsigned is a request object whose signature is none.
func (m *module) unsigned(params url.Values) string {
	claims := make(map[string]any)
	for name := range params {
		claims[name] = params.Get(name)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		m.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// requestObject sends state, nonce and response mode in the request object
// alone: a provider that doesn't look into it must say so, since it would
// answer without them, and say so in that mode.
func requestObject(m *module) {
	if m.metadata["request_object_signing_alg_values_supported"] != nil || m.metadata["request_parameter_supported"] != false {
		m.Fatal("request objects are advertised: check their use")
	}
	params := m.request(firstClient)
	params.Set("request", m.unsigned(params))
	for _, name := range []string{"state", "nonce", "response_mode"} {
		params.Del(name)
	}
	if got := m.fault(params, m.ask(params)); got != "request_not_supported" {
		m.Errorf("the error is %s", got)
	}
	m.skipped = true
}

func requestObjectWithRedirectURI(m *module) {
	params := m.request(firstClient)
	params.Set("request", m.unsigned(params))
	params.Set("redirect_uri", suiteCallback+"/"+rand.Text())
	m.staysOnPage(m.ask(params))
}

func claimsEssential(m *module) {
	got := m.login(firstClient, "claims", `{"userinfo":{"name":{"essential":true}}}`)
	if m.userinfo(got.access)["name"] == nil {
		m.Warn("no name in userinfo")
	}
}

func refreshToken(m *module) {
	changes := []string{"scope", "openid"}
	if m.supports("scopes_supported", "offline_access") {
		changes = []string{"scope", "openid offline_access", "prompt", "consent"}
	}
	one := m.refreshes(firstClient, m.login(firstClient, changes...))
	two := m.login(secondClient, append(changes, "nonce", (rand.Text() + rand.Text())[:43])...)
	m.refused(m.refreshRequest(firstClient, two.refresh), "invalid_grant")
	m.refreshes(secondClient, two)
	if !m.alive(one.access) {
		m.Error("the first client's token has ended with the other's attempt")
	}
}

func (m *module) refreshRequest(c suiteClient, token string) *http.Request {
	return m.tokenRequest(c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// refreshes uses a refresh token and checks what comes.
func (m *module) refreshes(c suiteClient, old suiteTokens) suiteTokens {
	m.Helper()
	if old.refresh == "" {
		if m.supports("grant_types_supported", "refresh_token") {
			m.Warn("no refresh token")
		}
		m.skipped = true
		return old
	}
	if !m.supports("grant_types_supported", "refresh_token") {
		m.Warn("the grant type refresh_token is not listed")
	}
	pause(1100 * time.Millisecond) // iat has whole seconds
	got := m.checkTokens(m.call(m.refreshRequest(c, old.refresh)))
	if len(got.refresh)*8 < 128 || entropy(got.refresh) <= 96 || !visibleASCII.MatchString(got.refresh) {
		m.Errorf("the refresh token is %q", got.refresh)
	}
	m.checkIDToken(c, &got, "")
	for _, name := range []string{"iss", "sub", "aud", "azp", "auth_time"} {
		if old.claims[name] != got.claims[name] {
			m.Errorf("%s is %v, then %v", name, old.claims[name], got.claims[name])
		}
	}
	if old.claims["iat"] == got.claims["iat"] || old.access == got.access {
		m.Error("the refreshed tokens are not new")
	}
	if m.userinfo(got.access)["sub"] != got.claims["sub"] {
		m.Error("the refreshed access token is of another visitor")
	}
	return got
}

func withPKCE(m *module) {
	verifier := strings.ToLower(rand.Text() + rand.Text())
	sum := sha256.Sum256([]byte(verifier))
	params := m.request(firstClient, "code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256")
	m.redeem(firstClient, params, m.code(params, m.ask(params)), "code_verifier", verifier)
}
