//go:build e2e

package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// suiteTokens is a token response that passed the suite's general checks.
type suiteTokens struct {
	access, refresh, id string
	body                map[string]any
	claims              map[string]any // of the ID token
}

// login is the happy path: authorization, token and userinfo. The changes are
// those of [module.request].
func (m *module) login(c suiteClient, changes ...string) suiteTokens {
	m.Helper()
	params := m.request(c, changes...)
	return m.redeem(c, params, m.code(params, m.ask(params)))
}

// redeem exchanges the code that answered params, and asks for userinfo.
func (m *module) redeem(c suiteClient, params url.Values, code string, more ...string) suiteTokens {
	m.Helper()
	got := m.checkTokens(m.call(m.exchange(c, code, more...)))
	m.checkIDToken(c, &got, params.Get("nonce"))
	m.loggedIn = true
	if user := m.userinfo(got.access); user["sub"] != got.claims["sub"] {
		m.Errorf("userinfo has sub %v, the ID token %v", user["sub"], got.claims["sub"])
	}
	return got
}

// exchange makes the token request for a code.
func (m *module) exchange(c suiteClient, code string, more ...string) *http.Request {
	m.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {suiteCallback}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return m.tokenRequest(c, form)
}

// tokenRequest makes a request of the token endpoint with the credentials of a
// client, in the way that it is registered for.
func (m *module) tokenRequest(c suiteClient, form url.Values) *http.Request {
	m.Helper()
	method := "client_secret_basic"
	if c.inBody {
		method = "client_secret_post"
		form.Set("client_id", c.id)
		form.Set("client_secret", c.secret)
	}
	if !m.supports("token_endpoint_auth_methods_supported", method) {
		m.Errorf("token_endpoint_auth_methods_supported lacks %s", method)
	}
	r := m.form(m.endpoint("token_endpoint"), form)
	if !c.inBody {
		// RFC 6749 §2.3.1: both are encoded as form values first.
		r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	}
	return r
}

// checkTokens checks a token response.
func (m *module) checkTokens(answer reply) suiteTokens {
	m.Helper()
	got := suiteTokens{body: m.asJSON(answer)}
	if answer.status != http.StatusOK || got.body["error"] != nil {
		m.Fatalf("the token endpoint answers %d: %s", answer.status, answer.body)
	}
	got.access, _ = got.body["access_token"].(string)
	got.refresh, _ = got.body["refresh_token"].(string)
	got.id, _ = got.body["id_token"].(string)
	if kind, _ := got.body["token_type"].(string); kind != "Bearer" || got.access == "" || got.id == "" {
		m.Fatalf("the token response lacks something: %s", answer.body)
	}
	if expires, ok := got.body["expires_in"].(float64); !ok {
		m.Warn("no expires_in")
	} else if expires <= 0 || expires != float64(int64(expires)) {
		m.Errorf("expires_in is %v", got.body["expires_in"])
	}
	// RFC 6749 §5.1 demands both headers.
	if answer.header.Get("Cache-Control") != "no-store" || answer.header.Get("Pragma") != "no-cache" {
		m.Errorf("the token response may be cached: %v", answer.header)
	}
	if entropy(got.access) <= 96 || !visibleASCII.MatchString(got.access) {
		m.Errorf("the access token is too simple, or has strange characters: %q", got.access)
	}
	return got
}

var visibleASCII = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// skew is how far the clocks of provider and suite may be apart.
const skew = 5 * time.Minute

// checkIDToken verifies an ID token and decodes its claims into got. A nonce of
// "" must be absent.
func (m *module) checkIDToken(c suiteClient, got *suiteTokens, nonce string) {
	m.Helper()
	if err := json.Unmarshal(m.verify(got.id), &got.claims); err != nil {
		m.Fatal(err)
	}
	claims := got.claims
	if claims["iss"] != m.suite.server.Issuer || claims["aud"] != c.id {
		m.Errorf("the ID token is by %v for %v", claims["iss"], claims["aud"])
	}
	if claims["azp"] != nil && claims["azp"] != c.id {
		m.Errorf("azp is %v", claims["azp"])
	}
	now := time.Now()
	issued, expires := m.instant(claims, "iat"), m.instant(claims, "exp")
	if issued.Sub(now).Abs() > skew || !expires.After(now.Add(-skew)) {
		m.Errorf("the ID token is of %v until %v", issued, expires)
	}
	if claims["auth_time"] != nil {
		if at := m.instant(claims, "auth_time"); at.After(now.Add(skew)) || at.Before(now.AddDate(-1, 0, 0)) {
			m.Errorf("auth_time is %v", at)
		}
	}
	if got, _ := claims["nonce"].(string); got != nonce || (claims["nonce"] != nil) != (nonce != "") {
		m.Errorf("nonce is %v, want %q", claims["nonce"], nonce)
	}
	if sub, _ := claims["sub"].(string); !visibleASCII.MatchString(sub) {
		m.Errorf("sub is %q", sub)
	}
	if acr, ok := claims["acr"]; ok && acr == "" {
		m.Error("acr is empty")
	}
	m.checkClaimTypes(claims)
	// OpenID Connect Core 1.0 §3.1.3.6: optional, but right if it is there.
	sum := sha256.Sum256([]byte(got.access))
	if hash, ok := claims["at_hash"]; ok && hash != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		m.Errorf("at_hash is %v", hash)
	}
	if claims["name"] != nil {
		m.Warn("name in the ID token")
	}
	known := []string{
		"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash", "nbf", "jti", "sid",
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if !slices.Contains(known, name) {
			m.Warn("non-requested claim " + name + " in the ID token")
		}
	}
}

// verify checks the signature of an ID token and returns its payload. The
// default is RS256 with a key that the header names (OpenID Connect Core 1.0
// §10.1).
func (m *module) verify(token string) []byte {
	m.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		m.Fatalf("the ID token %q: %v", token, err)
	}
	kid := jws.Signatures[0].Protected.KeyID
	keys := m.keys.Key(kid)
	if kid == "" || len(keys) != 1 {
		m.Fatalf("%d published keys have the kid %q", len(keys), kid)
	}
	payload, err := jws.Verify(keys[0])
	if err != nil {
		m.Fatal(err)
	}
	return payload
}

// instant returns a claim that is a number of seconds since 1970.
func (m *module) instant(claims map[string]any, name string) time.Time {
	m.Helper()
	seconds, ok := claims[name].(float64)
	if !ok || seconds != float64(int64(seconds)) {
		m.Fatalf("%s is %v", name, claims[name])
	}
	return time.Unix(int64(seconds), 0)
}

// userinfo asks for userinfo by GET and checks the answer.
func (m *module) userinfo(access string) map[string]any {
	m.Helper()
	r := m.get(m.endpoint("userinfo_endpoint"))
	r.Header.Set("Authorization", "Bearer "+access)
	return m.checkUserinfo(m.call(r))
}

// checkUserinfo checks a userinfo response.
func (m *module) checkUserinfo(answer reply) map[string]any {
	m.Helper()
	user := m.asJSON(answer)
	if answer.status != http.StatusOK || user["sub"] == nil {
		m.Fatalf("userinfo answers %d: %s", answer.status, answer.body)
	}
	m.checkClaimTypes(user)
	return user
}

// checkClaimTypes checks the types of standard claims (OpenID Connect Core 1.0
// §5.1), which may not be empty either.
func (m *module) checkClaimTypes(claims map[string]any) {
	m.Helper()
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		switch value := claims[name].(type) {
		case nil:
			m.Errorf("claim %s is null", name)
		case string:
			if value == "" || value == "null" || slices.Contains([]string{"email_verified", "phone_number_verified", "updated_at", "address"}, name) {
				m.Errorf("claim %s is %q", name, value)
			}
			if name == "birthdate" && !regexp.MustCompile(`^\d{4}(-\d\d-\d\d)?$`).MatchString(value) {
				m.Errorf("birthdate is %q", value)
			}
		case bool:
			if name != "email_verified" && name != "phone_number_verified" {
				m.Errorf("claim %s is %v", name, value)
			}
		case float64:
			if !slices.Contains([]string{"updated_at", "iat", "exp", "nbf", "auth_time"}, name) {
				m.Errorf("claim %s is %v", name, value)
			}
			if name == "updated_at" && (value < 631152000 || value > float64(time.Now().Add(skew).Unix())) {
				m.Errorf("updated_at is %v", value)
			}
		}
	}
}

// refused checks that a token request is refused with an error code.
func (m *module) refused(r *http.Request, want string) {
	m.Helper()
	answer := m.call(r)
	if got := m.asJSON(answer); answer.status != http.StatusBadRequest || got["error"] != want {
		m.Errorf("the token endpoint answers %d %v, want 400 %s", answer.status, got["error"], want)
	}
}

// alive reports whether an access token still opens userinfo.
func (m *module) alive(access string) bool {
	m.Helper()
	r := m.get(m.endpoint("userinfo_endpoint"))
	r.Header.Set("Authorization", "Bearer "+access)
	answer := m.call(r)
	if answer.status != http.StatusOK && answer.status != http.StatusUnauthorized {
		m.Fatalf("userinfo answers %d: %s", answer.status, answer.body)
	}
	return answer.status == http.StatusOK
}
