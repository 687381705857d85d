package cognitosim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/e2e/cognitosim"
	"github.com/anteroom-dev/anteroom/e2e/stage"
)

// What the application is told of this provider's own refusals.
func TestRefusalsReachTheApplication(t *testing.T) {
	for _, test := range []struct {
		name, client, want string
		change             func(*cognitosim.Config)
	}{
		{"another secret", "", "WaitingRoom Error - 401 invalid_client", func(c *cognitosim.Config) { c.ClientSecret = "wrong" }},
		{"no claims for the pool's attributes", "claims: {}", "attributes required: [email, email_verified]", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := openHall(t, "inlet: {kind: open}", test.client, test.change)
			h.failed(h.Browser().Go(loginURL), test.want)
		})
	}
}

// A pool gets no refresh token, with which it could do nothing, not even if it asks.
func TestAPoolGetsNoRefreshToken(t *testing.T) {
	h := openHall(t, "inlet: {kind: open}", "", func(c *cognitosim.Config) { c.AuthorizeScopes = "openid offline_access" })
	keep := &keeper{next: h.wire.next}
	h.wire.next = keep
	h.welcomed(h.Browser().Go(loginURL))
	if len(keep.answers) == 0 || strings.Contains(strings.Join(keep.answers, ""), "refresh_token") {
		t.Errorf("the answers are %q", keep.answers)
	}
}

// keeper keeps the answers of the token endpoint.
type keeper struct {
	next    http.RoundTripper
	answers []string
}

// RoundTrip implements [http.RoundTripper].
func (k *keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := k.next.RoundTrip(r)
	if err != nil || r.URL.Path != "/token" {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	k.answers = append(k.answers, string(body))
	answer.Body = io.NopCloser(strings.NewReader(string(body)))
	return answer, nil
}

// The console refuses what a pool could not work with.
func TestAPoolDemandsHTTPSOnPort443WithoutASlash(t *testing.T) {
	s := stage.Start(t, "rooms: [{id: sale}]")
	odd := &provider{}
	s.Host("odd.example.com", odd)
	for _, test := range []struct {
		name, issuer, token, want string
	}{
		{"this provider", stage.Issuer, "", ""},
		{"a slash at the end", stage.Issuer + "/", "", "slash"},
		{"plain http", "http://wait.example.com", "", "https"},
		{"an endpoint on another port", oddIssuer, oddIssuer + ":8443/token", "port 443"},
		{"a missing endpoint", oddIssuer, "-", "port 443"},
	} {
		t.Run(test.name, func(t *testing.T) {
			*odd = newProvider(t, s.Now())
			odd.endpoint = test.token
			_, err := cognitosim.New(t.Context(), cognitosim.Config{OIDCIssuer: test.issuer, Client: s.Client()})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// What a pool makes of a provider that gets things wrong.
func TestFaultsOfAProviderReachTheApplication(t *testing.T) {
	h := openHall(t, "inlet: {kind: open}", "", nil)
	var odd atomic.Pointer[provider] // A request that takes long may outlive its test.
	good := newProvider(t, h.Now())
	odd.Store(&good)
	h.Host("odd.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { odd.Load().ServeHTTP(w, r) }))
	h.addPool(h.config(func(c *cognitosim.Config) {
		c.OIDCIssuer, c.Deadline = oddIssuer, 200*time.Millisecond
	}))
	for _, test := range []struct {
		name, want string
		spoil      func(*provider)
	}{
		{"nothing", "", func(*provider) {}},
		{"another issuer", "Bad id_token issuer https://else.example.com", func(p *provider) { p.claims["iss"] = "https://else.example.com" }},
		{"another audience", "Bad id_token audience", func(p *provider) { p.claims["aud"] = []string{"else"} }},
		{"an audience of several", "", func(p *provider) { p.claims["aud"] = []string{"else", "pool"} }},
		{"an old token", "id_token expired", func(p *provider) { p.claims["exp"] = 1 }},
		{"no kid", "without kid", func(p *provider) { p.kid = "" }},
		{"a kid that isn't published", "not in the jwks", func(p *provider) { p.kid = "other" }},
		{"a symmetric signature", "", func(p *provider) { p.symmetric = secret }},
		{"a wrong symmetric signature", "invalid_token_signature: Error when verifying Symmetric MAC", func(p *provider) { p.symmetric = strings.Repeat("wrong", 8) }},
		{"an address of 2,049 letters", "longer than 2048", func(p *provider) { p.claims["email"] = strings.Repeat("x", 2049) }},
		{"no address", "attributes required: [email]", func(p *provider) { delete(p.claims, "email") }},
		{"an error", "access_denied: not today", func(p *provider) { p.denies = true }},
		{"tokens that take long", "WaitingRoom Error - 0 timeout", func(p *provider) { p.slow = "/token" }},
		{"attributes that take long", "userInfo endpoint", func(p *provider) { p.slow = "/userinfo" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			next := newProvider(t, h.Now())
			test.spoil(&next)
			odd.Store(&next)
			if p := h.Browser().Go(loginURL); test.want == "" {
				h.welcomed(p)
			} else {
				h.failed(p, test.want)
			}
		})
	}
}

const oddIssuer = "https://odd.example.com"

// provider is one that is told what to answer.
type provider struct {
	key       *ecdsa.PrivateKey
	kid       string
	claims    map[string]any
	symmetric string // the secret of an HMAC instead
	endpoint  string // a token endpoint elsewhere, or "-" for none
	slow      string // the path that answers too late
	denies    bool
}

// newProvider returns one that gets everything right.
func newProvider(t *testing.T, now time.Time) provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return provider{key: key, kid: "k", claims: map[string]any{
		"iss": oddIssuer, "sub": "me", "aud": "pool", "exp": now.Add(time.Hour).Unix(),
		"email": "me@visitors.invalid", "email_verified": true,
	}}
}

// ServeHTTP answers as told.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == p.slow {
		_, _ = io.Copy(io.Discard, r.Body) // Only then does a server notice that its client has gone.
		<-r.Context().Done()
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		token := oddIssuer + "/token"
		if p.endpoint != "" {
			token = strings.TrimPrefix(p.endpoint, "-")
		}
		p.answer(w, map[string]any{
			"authorization_endpoint": oddIssuer + "/authorize", "token_endpoint": token,
			"userinfo_endpoint": oddIssuer + "/userinfo", "jwks_uri": oddIssuer + "/keys",
		})
	case "/keys":
		p.answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "k"}}})
	case "/authorize":
		q := url.Values{"code": {"c"}, "state": {r.URL.Query().Get("state")}}
		if p.denies {
			q = url.Values{"error": {"access_denied"}, "error_description": {"not today"}, "state": q["state"]}
		}
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+q.Encode(), http.StatusFound)
	case "/token":
		p.answer(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": p.sign()})
	case "/userinfo":
		p.answer(w, map[string]any{"sub": "me"})
	}
}

func (p *provider) answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// sign returns the ID token that it was told to give.
func (p *provider) sign() string {
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.kid}}
	if p.symmetric != "" {
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(p.symmetric)}
	}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		return err.Error()
	}
	payload, err := json.Marshal(p.claims)
	if err != nil {
		return err.Error()
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return err.Error()
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return err.Error()
	}
	return token
}
