package onboard_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/onboard"
)

// host is a server at the issuer's name, with a certificate of an authority of its
// own. Its answers can be replaced by path.
type host struct {
	server  *httptest.Server
	answers map[string]http.HandlerFunc
	found   map[string]any // the discovery document
	roots   *x509.CertPool
	seen    []*http.Request
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// refuse answers as the endpoints for relying parties do without credentials.
func refuse(scheme, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", scheme)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": code})
	}
}

// newHost starts a server with a certificate for name.
func newHost(t *testing.T, name string, from, to time.Time) *host {
	t.Helper()
	h := &host{found: map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"userinfo_endpoint": issuer + "/userinfo", "jwks_uri": issuer + "/.well-known/jwks.json", "end_session_endpoint": issuer + "/logout",
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":      []string{"S256"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "refresh_token"},
		"claims_supported": []string{"iss", "sub", "email", "email_verified", "name", "preferred_username", "given_name", "family_name"},
	}}
	h.answers = map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, h.found) },
		"/.well-known/jwks.json": func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
				"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "a", "e": "AQAB", "n": strings.Repeat("_", 342),
			}}})
		},
		"/token":    refuse("Basic", "invalid_client"),
		"/userinfo": refuse("Bearer", "invalid_token"),
		"/authorize": func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			separator := "?"
			if strings.Contains(q.Get("redirect_uri"), "?") {
				separator = "&"
			}
			http.Redirect(w, r, q.Get("redirect_uri")+separator+"error=login_required&state="+q.Get("state"), http.StatusSeeOther)
		},
	}
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.seen = append(h.seen, r)
		answer := h.answers[r.URL.Path]
		if answer == nil {
			answer = http.NotFound
		}
		answer(w, r)
	}))
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{name},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	h.roots = x509.NewCertPool()
	h.roots.AddCert(leaf)
	h.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h
}

// goodHost starts a server that is as it should be.
func goodHost(t *testing.T) *host {
	t.Helper()
	return newHost(t, "wait.example.com", time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour))
}

// probe returns a probe that finds the server under every name.
func (h *host) probe() onboard.Probe {
	address := h.server.Listener.Addr().String()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: h.roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	return onboard.Probe{
		HTTP: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.10")}, nil
		},
	}
}

func TestProbeFindsAGoodServerRight(t *testing.T) {
	h := goodHost(t)
	for _, preset := range config.Presets() {
		t.Run(string(preset.Preset), func(t *testing.T) {
			list := h.probe().Check(t.Context(), issuer, usualClient(t, preset.Preset))
			if got := worse(list); got != "" || len(list) < 5 {
				t.Errorf("findings:\n%s", got)
			}
		})
	}
}

// A client that asks for ID tokens alone is answered by a form.
func TestProbeChecksClientsThatAreAnsweredByForm(t *testing.T) {
	const body = `<form method="post" action="https://shop.example.com/callback"><input type="hidden" name="error" value="login_required">` +
		`<input type="hidden" name="state" value="client-check"></form>`
	h := goodHost(t)
	h.found["response_types_supported"] = []string{"code", "id_token"}
	status := http.StatusOK
	h.answers["/authorize"] = func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("response_type") != "id_token" || q.Get("response_mode") != "form_post" || q.Get("nonce") == "" || q.Get("prompt") != "none" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	c := usualClient(t, config.PresetGeneric, "public: true", "response_types: [id_token]")
	if got := worse(h.probe().Check(t.Context(), issuer, c)); got != "" {
		t.Errorf("findings:\n%s", got)
	}
	status = http.StatusBadRequest
	if got := worse(h.probe().Check(t.Context(), issuer, c)); !strings.Contains(got, "does not know https://shop.example.com/callback as a redirect URI") {
		t.Errorf("findings for an unknown redirect URI:\n%s", got)
	}
}

// A probe that took a place would move the line of those who wait.
func TestProbeNeverAsksForAPage(t *testing.T) {
	h := goodHost(t)
	h.probe().Check(t.Context(), issuer, usualClient(t, config.PresetGeneric))
	for _, r := range h.seen {
		if r.URL.Path == "/authorize" && r.URL.Query().Get("prompt") != "none" {
			t.Errorf("asked for %s", r.URL)
		}
	}
}

func TestProbeSaysWhatIsWrongWithTheServer(t *testing.T) {
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<p>Are you human?")
		}
	}
	const discovery, keys = "/.well-known/openid-configuration", "/.well-known/jwks.json"
	for name, row := range map[string]struct {
		change func(*host)
		preset config.Preset
		want   string
	}{
		"a challenge page in the place of tokens":   {func(h *host) { h.answers["/token"] = page(200) }, "generic", "/token answers a request without credentials with status 200"},
		"a challenge page in the place of userinfo": {func(h *host) { h.answers["/userinfo"] = page(403) }, "generic", "/userinfo answers a request without credentials with status 403"},
		"a challenge page in the place of discovery": {
			func(h *host) { h.answers[discovery] = page(200) }, "generic", "openid-configuration is not JSON",
		},
		"a redirect": {
			func(h *host) {
				h.answers[discovery] = http.RedirectHandler("https://a.example/", http.StatusMovedPermanently).ServeHTTP
			}, "generic",
			"redirects, which relying parties don't follow",
		},
		"nothing there":                          {func(h *host) { delete(h.answers, discovery) }, "generic", "answers with status 404"},
		"another issuer":                         {func(h *host) { h.found["issuer"] = issuer + "/" }, "generic", `calls itself "https://wait.example.com/"`},
		"an endpoint over http":                  {func(h *host) { h.found["token_endpoint"] = "http://wait.example.com/token" }, "generic", `has "http://wait.example.com/token" in the place of`},
		"no secrets in forms":                    {func(h *host) { h.found["token_endpoint_auth_methods_supported"] = []string{} }, "cognito", "does not offer secrets in the form"},
		"no PKCE":                                {func(h *host) { h.found["code_challenge_methods_supported"] = nil }, "dex", "does not offer PKCE (S256)"},
		"no refresh tokens":                      {func(h *host) { h.found["grant_types_supported"] = nil }, "alb", "does not offer refresh tokens"},
		"an older configuration without a claim": {func(h *host) { h.found["claims_supported"] = []string{"sub"} }, "oauth2-proxy", "does not offer a claim (email)"},
		"a key set without keys": {func(h *host) {
			h.answers[keys] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, map[string]any{}) }
		}, "generic", "has no key for RS256"},
		"a key without a name": {
			func(h *host) {
				h.answers[keys] = func(w http.ResponseWriter, _ *http.Request) {
					writeJSON(w, 200, map[string]any{"keys": []map[string]string{{"kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB", "n": strings.Repeat("_", 171)}}})
				}
			},
			"cognito", "has no kid, which Cognito needs",
		},
		"a client that the server does not know": {func(h *host) { h.answers["/authorize"] = page(400) }, "generic", "does not know https://shop.example.com/callback as a redirect URI of shop (status 400)"},
		"a redirect to somebody else": {
			func(h *host) {
				h.answers["/authorize"] = http.RedirectHandler("https://a.example/?error=login_required", http.StatusSeeOther).ServeHTTP
			}, "generic",
			"does not know https://shop.example.com/callback",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := goodHost(t)
			row.change(h)
			list := h.probe().Check(t.Context(), issuer, usualClient(t, row.preset))
			if got := worse(list); !strings.Contains(got, row.want) || onboard.Faults(list) == 0 {
				t.Errorf("findings:\n%s\nwant %s", got, row.want)
			}
		})
	}
}

// Real handshakes with certificates that relying parties refuse.
func TestProbeSaysWhatIsWrongWithTheCertificate(t *testing.T) {
	now := time.Now()
	for name, row := range map[string]struct {
		host   string
		from   time.Time
		to     time.Time
		change func(*onboard.Probe)
		want   string
	}{
		"of another name": {"shop.example.com", now.Add(-time.Hour), now.Add(time.Hour), nil, "has a certificate for shop.example.com, not for wait.example.com"},
		"expired":         {"wait.example.com", now.Add(-48 * time.Hour), now.Add(-24 * time.Hour), nil, "has a certificate that is good from"},
		"about to expire": {"wait.example.com", now.Add(-time.Hour), now.Add(24 * time.Hour), nil, "warning  the certificate expires on"},
		"of nobody we know": {"wait.example.com", now.Add(-time.Hour), now.Add(24 * time.Hour), func(p *onboard.Probe) {
			p.HTTP.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
		}, "of an authority that is not known here"},
		"of an authority that the load balancer does not know": {
			"wait.example.com", now.Add(-time.Hour), now.Add(30 * 24 * time.Hour), func(p *onboard.Probe) { p.PrivateCA = true },
			"the certificate is not one of a public authority, and the load balancer accepts no other",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newHost(t, row.host, row.from, row.to).probe()
			if row.change != nil {
				row.change(&p)
			}
			if got := worse(p.Check(t.Context(), issuer, usualClient(t, config.PresetALB))); !strings.Contains(got, row.want) {
				t.Errorf("findings:\n%s\nwant %s", got, row.want)
			}
		})
	}
}

func TestProbeSaysThatThereIsNoTLS(t *testing.T) {
	h := goodHost(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	p := h.probe()
	p.HTTP.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, plain.Listener.Addr().String())
	}
	if got := worse(p.Check(t.Context(), issuer, usualClient(t, config.PresetGeneric))); !strings.Contains(got, "does not speak TLS") {
		t.Errorf("findings:\n%s", got)
	}
}

func TestProbeLooksNamesUpForThoseFarAway(t *testing.T) {
	h := goodHost(t)
	for name, row := range map[string]struct {
		addresses []netip.Addr
		want      string
	}{
		"no IPv4 address":   {nil, "fault    wait.example.com has no IPv4 address in DNS"},
		"loopback":          {[]netip.Addr{netip.MustParseAddr("127.0.0.1")}, "fault    wait.example.com is 127.0.0.1, which leads nowhere"},
		"a private address": {[]netip.Addr{netip.MustParseAddr("10.1.2.3")}, "warning  wait.example.com is 10.1.2.3, a private address"},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.probe()
			p.Lookup = func(context.Context, string, string) ([]netip.Addr, error) { return row.addresses, nil }
			if got := worse(p.Check(t.Context(), issuer, usualClient(t, config.PresetCognito))); !strings.Contains(got, row.want) {
				t.Errorf("findings:\n%s\nwant %s", got, row.want)
			}
		})
	}
}

// A server that makes its first keys is not broken.
func TestProbeWaitsForTheFirstKeys(t *testing.T) {
	h := goodHost(t)
	ready, asked := h.answers["/.well-known/jwks.json"], 0
	h.answers["/.well-known/jwks.json"] = func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		ready(w, r)
	}
	if got := worse(h.probe().Check(t.Context(), issuer, usualClient(t, config.PresetGeneric))); got != "" {
		t.Errorf("findings:\n%s", got)
	}
}
