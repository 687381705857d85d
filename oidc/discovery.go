package oidc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
)

// metadata is the discovery document. It says what is there and nothing else,
// because relying parties do what they find in it (OpenID Connect Discovery
// 1.0 §3 and RFC 8414 §2).
type metadata struct {
	Issuer                     string   `json:"issuer"`
	AuthorizationEndpoint      string   `json:"authorization_endpoint"`
	TokenEndpoint              string   `json:"token_endpoint"`
	UserinfoEndpoint           string   `json:"userinfo_endpoint"`
	JWKSURI                    string   `json:"jwks_uri"`
	EndSessionEndpoint         string   `json:"end_session_endpoint"`
	RevocationEndpoint         string   `json:"revocation_endpoint"`
	IntrospectionEndpoint      string   `json:"introspection_endpoint"`
	ScopesSupported            []string `json:"scopes_supported"`
	ResponseTypesSupported     []string `json:"response_types_supported"`
	ResponseModesSupported     []string `json:"response_modes_supported"`
	GrantTypesSupported        []string `json:"grant_types_supported"`
	SubjectTypesSupported      []string `json:"subject_types_supported"`
	IDTokenAlgorithms          []string `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods      []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods   []string `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethods       []string `json:"code_challenge_methods_supported"`
	ClaimsSupported            []string `json:"claims_supported"`
	ClaimsParameterSupported   bool     `json:"claims_parameter_supported"`
	RequestParameterSupported  bool     `json:"request_parameter_supported"`
	RequestURIParameterSupport bool     `json:"request_uri_parameter_supported"`
}

// describe makes the discovery document.
func (p *Provider) describe() (document, error) {
	// The order matters: some clients take the first method they know.
	authMethods := []string{
		string(protocol.AuthMethodBasic),
		string(protocol.AuthMethodPost),
		string(protocol.AuthMethodNone),
	}
	m := metadata{
		Issuer:                 p.issuer,
		AuthorizationEndpoint:  p.issuer + pathAuthorize,
		TokenEndpoint:          p.issuer + pathToken,
		UserinfoEndpoint:       p.issuer + pathUserinfo,
		JWKSURI:                p.issuer + pathKeys,
		EndSessionEndpoint:     p.issuer + pathLogout,
		RevocationEndpoint:     p.issuer + pathRevoke,
		IntrospectionEndpoint:  p.issuer + pathIntrospect,
		ScopesSupported:        []string{protocol.ScopeOpenID},
		ResponseTypesSupported: []string{string(protocol.ResponseTypeCode)},
		ResponseModesSupported: []string{string(protocol.ResponseModeQuery), string(protocol.ResponseModeFormPost)},
		GrantTypesSupported:    []string{string(protocol.GrantTypeCode)},
		SubjectTypesSupported:  []string{"public"},
		IDTokenAlgorithms:      []string{string(jose.RS256)},
		TokenAuthMethods:       authMethods,
		RevocationAuthMethods:  authMethods,
		// RFC 7662 §2.1: nobody may scan for tokens, so there is no "none" here.
		IntrospectionAuthMethods: authMethods[:2],
		CodeChallengeMethods:     []string{string(protocol.CodeChallengeMethodS256)},
		ClaimsSupported:          []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr"},
	}
	// A client may ask for every scope that it finds here, and then get
	// refresh tokens that nobody wanted.
	if p.clients.some(func(c *Client) bool { return c.Refresh == RefreshOffline }) {
		m.ScopesSupported = append(m.ScopesSupported, protocol.ScopeOfflineAccess)
	}
	if p.clients.some(func(c *Client) bool { return c.Refresh != RefreshNever }) {
		m.GrantTypesSupported = append(m.GrantTypesSupported, string(protocol.GrantTypeRefreshToken))
	}
	if p.clients.some(func(c *Client) bool { return c.asksFor(ResponseIDToken) }) {
		m.ResponseTypesSupported = append(m.ResponseTypesSupported, string(ResponseIDToken))
		m.GrantTypesSupported = append(m.GrantTypesSupported, string(protocol.GrantTypeImplicit))
	}
	// OpenID Connect Core 1.0 §8: a sub that no other client sees is pairwise.
	if p.clients.some(func(c *Client) bool { return c.Subject != SubjectVisit }) {
		m.SubjectTypesSupported = append(m.SubjectTypesSupported, "pairwise")
	}
	// OpenID Connect Discovery 1.0 §3: RS256 must be there.
	if p.clients.some(func(c *Client) bool { return c.IDTokenAlgorithm == jose.ES256 }) {
		m.IDTokenAlgorithms = append(m.IDTokenAlgorithms, string(jose.ES256))
	}
	if p.clients.some(func(c *Client) bool { return c.QueuePosition }) {
		m.ClaimsSupported = append(m.ClaimsSupported, "queue_position")
	}
	m.ClaimsSupported = append(m.ClaimsSupported, p.clients.claims()...)
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return document{}, fmt.Errorf("encode discovery document: %w", err)
	}
	return newDocument("application/json", append(body, '\n')), nil
}

// serveDiscovery serves the discovery document.
func (p *Provider) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	p.discovery.ServeHTTP(w, r)
}

// keySetDocument is the published key set as bytes, made anew when the keys
// have changed.
type keySetDocument struct {
	mu   sync.Mutex
	kids string // of the keys in document
	document
}

// serveKeys serves the key set (RFC 7517 §5).
func (p *Provider) serveKeys(w http.ResponseWriter, r *http.Request) {
	set := p.keys.Public()
	if len(set.Keys) == 0 {
		noStore(w)
		p.refuse(w, r, nil, unavailable(errNoKeys))
		return
	}
	doc, err := p.keySet.of(set)
	if err != nil {
		noStore(w)
		p.refuse(w, r, nil, unavailable(err))
		return
	}
	doc.ServeHTTP(w, r)
}

// of returns the document of a key set.
func (d *keySetDocument) of(set jose.JSONWebKeySet) (document, error) {
	var names strings.Builder
	for i := range set.Keys {
		names.WriteString(set.Keys[i].KeyID + "\n")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kids == names.String() {
		return d.document, nil
	}
	body, err := json.Marshal(set)
	if err != nil {
		return document{}, fmt.Errorf("encode key set: %w", err)
	}
	d.kids = names.String()
	d.document = newDocument("application/json", append(body, '\n'))
	return d.document, nil
}

// document is a public document that seldom changes.
type document struct {
	contentType string
	body        []byte
	etag        string
}

// newDocument returns a document with a tag made of its content.
func newDocument(contentType string, body []byte) document {
	sum := sha256.Sum256(body)
	return document{
		contentType: contentType,
		body:        body,
		etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
	}
}

// ServeHTTP serves the document, or 304 to those who have it.
func (d document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", d.contentType)
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("ETag", d.etag)
	header.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body))
}
