//go:build e2e

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// discover fetches the discovery document and the keys and checks what every
// module needs of them.
func (m *module) discover() {
	m.Helper()
	answer := m.call(m.get(m.suite.server.Issuer + "/.well-known/openid-configuration"))
	m.metadata = m.asJSON(answer)
	if answer.status != http.StatusOK || m.metadata["issuer"] != m.suite.server.Issuer {
		m.Fatalf("discovery answers %d: %s", answer.status, answer.body)
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint"} {
		m.endpoint(name)
	}
	answer = m.call(m.get(m.endpoint("jwks_uri")))
	set := m.asJSON(answer)
	if err := json.Unmarshal([]byte(answer.body), &m.keys); err != nil || answer.status != http.StatusOK {
		m.Fatalf("jwks_uri answers %d: %v: %s", answer.status, err, answer.body)
	}
	m.checkKeys(set)
}

// checkKeys checks the published keys: no private or symmetric material, sound,
// each with a name of its own.
func (m *module) checkKeys(set map[string]any) {
	m.Helper()
	raw, _ := set["keys"].([]any)
	// The library leaves keys out that it doesn't know.
	if len(raw) == 0 || len(raw) != len(m.keys.Keys) {
		m.Fatalf("of %d keys, %d are understood", len(raw), len(m.keys.Keys))
	}
	seen := make(map[string]bool)
	for i, key := range m.keys.Keys {
		members, _ := raw[i].(map[string]any)
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, ok := members[private]; ok {
				m.Errorf("key %q is published with its member %s", key.KeyID, private)
			}
		}
		if key.KeyID == "" || seen[key.KeyID] || !key.Valid() || !key.IsPublic() {
			m.Errorf("key %d is unsound, or its kid %q is not its own", i, key.KeyID)
		}
		seen[key.KeyID] = true
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() < 2048 || key.Algorithm != "RS256" || key.Use != "sig" {
				m.Errorf("RSA key %q: %d bits, alg %q, use %q", key.KeyID, public.N.BitLen(), key.Algorithm, key.Use)
			}
		case *ecdsa.PublicKey:
			if key.Algorithm != "ES256" || key.Use != "sig" {
				m.Errorf("EC key %q: alg %q, use %q", key.KeyID, key.Algorithm, key.Use)
			}
		default:
			m.Warn("a key of an unknown type")
		}
	}
}

// Members of a discovery document that the suite knows, by their type.
var (
	urlMembers = []string{
		"issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint",
		"end_session_endpoint", "revocation_endpoint", "introspection_endpoint", "check_session_iframe",
		"service_documentation", "op_policy_uri", "op_tos_uri",
	}
	listMembers = []string{
		"scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported", "acr_values_supported",
		"subject_types_supported", "id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported",
		"request_object_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
		"revocation_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported",
		"code_challenge_methods_supported", "display_values_supported", "claim_types_supported", "claims_supported",
		"claims_locales_supported", "ui_locales_supported", "prompt_values_supported",
	}
	boolMembers = []string{
		"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported",
		"require_request_uri_registration", "authorization_response_iss_parameter_supported",
		"frontchannel_logout_supported", "frontchannel_logout_session_supported",
		"backchannel_logout_supported", "backchannel_logout_session_supported",
	}
)

// checkMetadata is the config plan's look at the discovery document.
func (m *module) checkMetadata() {
	m.Helper()
	m.checkMemberTypes()
	m.checkHTTPS()
	issuer, err := url.Parse(m.endpoint("issuer"))
	if err != nil || issuer.Scheme != "https" || issuer.Host == "" || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.User != nil {
		m.Errorf("the issuer is %v: %v", m.metadata["issuer"], err)
	}
	for list, values := range map[string][]string{
		"response_types_supported":              {"code", "code id_token", "id_token", "token id_token", "code id_token token", "code token"},
		"subject_types_supported":               {"public", "pairwise"},
		"id_token_signing_alg_values_supported": {"RS256"},
		"scopes_supported":                      {"openid"},
	} {
		if !slices.ContainsFunc(values, func(value string) bool { return m.supports(list, value) }) {
			m.Errorf("%s is %v", list, m.metadata[list])
		}
	}
	for _, name := range []string{"userinfo_endpoint", "claims_supported", "scopes_supported"} {
		if m.metadata[name] == nil {
			m.Warn("no " + name)
		}
	}
	for _, name := range []string{"grant_types_supported", "code_challenge_methods_supported"} {
		if values, ok := m.metadata[name].([]any); ok && len(values) == 0 {
			m.Errorf("%s is empty", name)
		}
	}
	if m.metadata["code_challenge_methods_supported"] != nil &&
		!m.supports("code_challenge_methods_supported", "S256") && !m.supports("code_challenge_methods_supported", "plain") {
		m.Errorf("code_challenge_methods_supported is %v", m.metadata["code_challenge_methods_supported"])
	}
	if m.metadata["request_object_signing_alg_values_supported"] != nil && !m.supports("request_object_signing_alg_values_supported", "RS256") {
		m.Warn("request_object_signing_alg_values_supported lacks RS256")
	}
	scopes, _ := m.metadata["scopes_supported"].([]any)
	for _, scope := range scopes {
		// RFC 6749 §3.3.
		if text, _ := scope.(string); !regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`).MatchString(text) {
			m.Errorf("scopes_supported has %v", scope)
		}
	}
}

// checkMemberTypes checks the types of all members, and warns of unknown ones.
func (m *module) checkMemberTypes() {
	m.Helper()
	for _, name := range slices.Sorted(maps.Keys(m.metadata)) {
		var sound bool
		switch value := m.metadata[name]; {
		case slices.Contains(urlMembers, name):
			text, ok := value.(string)
			u, err := url.Parse(text)
			sound = ok && err == nil && u.IsAbs()
		case slices.Contains(listMembers, name):
			list, ok := value.([]any)
			sound = ok && !slices.ContainsFunc(list, func(item any) bool { _, ok := item.(string); return !ok })
		case slices.Contains(boolMembers, name):
			_, sound = value.(bool)
		default:
			m.Warn("unknown discovery member " + name)
			continue
		}
		if !sound {
			m.Errorf("%s is %v", name, m.metadata[name])
		}
	}
}

// checkHTTPS demands https of every endpoint.
func (m *module) checkHTTPS() {
	m.Helper()
	for name, value := range m.metadata {
		if text, _ := value.(string); (name == "jwks_uri" || strings.HasSuffix(name, "_endpoint")) && !strings.HasPrefix(text, "https://") {
			m.Errorf("%s is %v", name, value)
		}
	}
}
