package onboard

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/internal/config"
)

const (
	// minRSA is the least size of an RSA key (RFC 7518 §3.3), in bits.
	minRSA = 2048
	// keyRetries and keyPause are how often, and after how long, the key set of a
	// server without keys is asked for again.
	keyRetries = 10
	keyPause   = 500 * time.Millisecond
)

// discovery is what a relying party looks for in the discovery document.
type discovery struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	Keys          string   `json:"jwks_uri"`
	Logout        string   `json:"end_session_endpoint"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Responses     []string `json:"response_types_supported"`
	Grants        []string `json:"grant_types_supported"`
	Claims        []string `json:"claims_supported"`
}

// discover gets the discovery document and checks it, and the certificate of the
// connection. It returns false if there is nothing to go on with.
func (v *visit) discover(ctx context.Context) (discovery, bool) {
	target := v.issuer + "/.well-known/openid-configuration"
	got, wrong := v.send(ctx, http.MethodGet, target, nil, nil)
	if wrong != "" {
		v.fault("%s %s", v.issuer, wrong)
		return discovery{}, false
	}
	if got.TLS != nil {
		v.checkCertificate(got.TLS)
	}
	var found discovery
	switch err := json.Unmarshal(got.body, &found); {
	case got.StatusCode >= 300 && got.StatusCode < 400:
		v.fault("%s redirects, which relying parties don't follow; the issuer must be the address of the server itself", target)
		return discovery{}, false
	case got.StatusCode != http.StatusOK:
		v.fault("%s answers with status %d; is it the server that runs there, and is the path of the issuer passed on to it?", target, got.StatusCode)
		return discovery{}, false
	case err != nil || !got.isJSON():
		v.fault("%s is not JSON; something in front of the server answers instead", target)
		return discovery{}, false
	case found.Issuer != v.issuer:
		// OpenID Connect Discovery 1.0 §4.3: they must be identical.
		v.fault("the running server calls itself %.200q, the configuration %q; restart it with this configuration", found.Issuer, v.issuer)
		return found, false
	}
	before := len(v.findings)
	v.checkEndpoints(found)
	v.checkAbilities(found)
	if len(v.findings) == before {
		v.ok("the discovery document is right")
	}
	return found, true
}

// checkEndpoints compares the endpoints with where they are.
func (v *visit) checkEndpoints(found discovery) {
	for _, endpoint := range []struct{ path, got string }{
		{"/authorize", found.Authorization},
		{"/token", found.Token},
		{"/userinfo", found.Userinfo},
		{"/.well-known/jwks.json", found.Keys},
		{"/logout", found.Logout},
	} {
		if endpoint.got != v.issuer+endpoint.path {
			v.fault("the discovery document has %.200q in the place of %s%s; something rewrites it", endpoint.got, v.issuer, endpoint.path)
		}
	}
}

// checkAbilities compares what the running server can do with what the client needs.
func (v *visit) checkAbilities(found discovery) {
	need := func(list []string, value, what string) {
		if !slices.Contains(list, value) {
			v.fault("the running server does not offer %s (%s); restart it with this configuration", what, value)
		}
	}
	if v.demands.secret {
		need(found.Methods, "client_secret_post", "secrets in the form")
	}
	if v.client.Public || v.client.Preset == config.PresetDex || v.client.Preset == config.PresetEnvoy {
		need(found.Challenges, "S256", "PKCE")
	}
	for _, response := range v.client.ResponseTypes {
		need(found.Responses, string(response), "the response type")
	}
	if v.client.Refresh != config.RefreshNever {
		need(found.Grants, "refresh_token", "refresh tokens")
	}
	if v.client.IDTokenAlg != "" {
		need(found.Algorithms, string(v.client.IDTokenAlg), "the algorithm of ID tokens")
	}
	for _, name := range slices.Sorted(maps.Keys(v.client.Claims)) {
		need(found.Claims, name, "a claim")
	}
}

// checkKeys gets the key set and looks for the keys that ID tokens of the client
// are signed with.
func (v *visit) checkKeys(ctx context.Context, target string) {
	if u, err := url.Parse(target); err != nil || !strings.HasPrefix(u.String(), v.issuer+"/") {
		return // A fault already.
	}
	got, wrong := v.send(ctx, http.MethodGet, target, nil, nil)
	// A server that has just been started for the first time is making its keys.
	for range keyRetries {
		if wrong != "" || got.StatusCode != http.StatusServiceUnavailable {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(keyPause):
		}
		got, wrong = v.send(ctx, http.MethodGet, target, nil, nil)
	}
	if wrong != "" {
		v.fault("%s %s", target, wrong)
		return
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(got.body, &set); err != nil || got.StatusCode != http.StatusOK {
		v.fault("%s is no key set (status %d)", target, got.StatusCode)
		return
	}
	wanted := string(v.client.IDTokenAlg)
	signs := false
	for i := range set.Keys {
		key := &set.Keys[i]
		if key.KeyID == "" {
			v.fault("a key of %s has no kid, which %s needs", target, v.demands.name)
		}
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSA {
			v.fault("the key %s has %d bits only", key.KeyID, public.N.BitLen())
		}
		signs = signs || key.Use == "sig" && (key.Algorithm == wanted || wanted == "")
	}
	if !signs {
		v.fault("%s has no key for %s, by which the ID tokens of %s are signed", target, wanted, v.client.ID)
		return
	}
	v.ok("the key set has a key for ID tokens")
}
