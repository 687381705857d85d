package oidc_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/anteroom-dev/anteroom/oidc"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// serve mounts a provider under its public name and sends it one request.
func serve(t *testing.T, options oidc.Options, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	options.Issuer = "https://wait.example.com"
	options.Queue, options.Keys, options.Pages = newLine(), newSigner(), pages{}
	options.Secrets = secrets{"a secret"}
	provider, err := oidc.New(options)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter()
	provider.Mount(router)
	r := httptest.NewRequest(method, "https://wait.example.com"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, r)
	return recorder
}

func TestDiscoveryDocument(t *testing.T) {
	for name, clients := range map[string][]oidc.Client{
		"discovery.json":         testClients(),
		"discovery-minimal.json": testClients()[3:4],
	} {
		t.Run(name, func(t *testing.T) {
			got := serve(t, oidc.Options{Clients: clients}, http.MethodGet, "/.well-known/openid-configuration")
			path := "testdata/" + name
			if *update {
				if err := os.WriteFile(path, got.Body.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.Body.String()); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			if got.Header().Get("Content-Type") != "application/json" || got.Header().Get("Cache-Control") != "public, max-age=300" {
				t.Errorf("header %v", got.Header())
			}
		})
	}
}

// A relying party does what it finds in the document, so everything in it must
// be there.
func TestDiscoveredEndpointsExist(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	var document map[string]any
	if err := json.Unmarshal([]byte(b.do(http.MethodGet, "/.well-known/openid-configuration", nil).body), &document); err != nil {
		t.Fatal(err)
	}
	for name, value := range document {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		if r := b.do(http.MethodGet, value.(string), nil); r.StatusCode == http.StatusNotFound {
			t.Errorf("%s: nothing at %s", name, value)
		}
	}
}

func TestKeySet(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	r := b.do(http.MethodGet, "/.well-known/jwks.json", nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(r.body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 || !set.Keys[0].IsPublic() || set.Keys[0].KeyID != "key-1" || set.Keys[0].Use != "sig" || set.Keys[0].Algorithm != "RS256" {
		t.Errorf("key set %s", r.body)
	}
	// A rotated ring must show at once.
	w.keys.key.KeyID = "key-2"
	if r := b.do(http.MethodGet, "/.well-known/jwks.json", nil); !strings.Contains(r.body, `"key-2"`) {
		t.Errorf("after a rotation: %s", r.body)
	}
}

func TestPublicDocumentsAreRevalidated(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json"} {
		first := b.do(http.MethodGet, path, nil)
		tag := first.Header.Get("ETag")
		if tag == "" || first.Header.Get("Cache-Control") != "public, max-age=300" {
			t.Errorf("%s: header %v", path, first.Header)
		}
		if r := b.do(http.MethodGet, path, nil, "If-None-Match", tag); r.StatusCode != http.StatusNotModified || r.body != "" {
			t.Errorf("%s: status %d", path, r.StatusCode)
		}
		if r := b.do(http.MethodHead, path, nil); r.StatusCode != http.StatusOK || r.body != "" {
			t.Errorf("%s: HEAD: status %d", path, r.StatusCode)
		}
	}
}

// The library's own rules would reflect any origin, with credentials.
func TestCORSNeverAllowsCredentials(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	origin := []string{"Origin", "https://evil.example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"}
	for path, open := range map[string]bool{
		"/.well-known/openid-configuration": true,
		"/.well-known/jwks.json":            true,
		"/token":                            true,
		"/userinfo":                         true,
		"/authorize":                        false,
		"/revoke":                           false,
		"/introspect":                       false,
		"/logout":                           false,
	} {
		for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
			r := b.do(method, path, nil, origin...)
			want := ""
			if open {
				want = "*"
			}
			if got := r.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s %s: allowed origin %q, want %q", method, path, got, want)
			}
			if r.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s: allows credentials", method, path)
			}
			if method == http.MethodOptions && open &&
				(r.StatusCode != http.StatusNoContent || !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Authorization")) {
				t.Errorf("%s: preflight: status %d, header %v", path, r.StatusCode, r.Header)
			}
		}
	}
}
