package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/mux"
)

// Keys signs ID tokens. Its methods are safe for concurrent use.
type Keys interface {
	// Sign returns payload as a compact JWS of that algorithm, with typ and kid in
	// its header. The algorithm is RS256 or one that a client asks for.
	Sign(ctx context.Context, algorithm jose.SignatureAlgorithm, typ string, payload []byte) (string, error)
	// Public returns the keys to publish. There are none until the first key
	// has been made; till then the provider answers temporarily_unavailable.
	Public() jose.JSONWebKeySet
	// Verify returns the payload of a compact JWS of this typ that a key of
	// ours has signed, however long ago, and an error for everything else.
	Verify(typ, token string) ([]byte, error)
}

// Labels under which keys are derived from the installation's secrets. Changing
// one makes everything worthless that was made under it.
const (
	labelSeal    = "anteroom/seal/v1"
	labelCode    = "anteroom/code/v1"
	labelToken   = "anteroom/token/v1" //nolint:gosec // a label
	labelRefresh = "anteroom/refresh/v1"
	labelSession = "anteroom/sid/v1"
	labelSubject = "anteroom/sub/v1"
)

// Options is what a provider is made of. Logger and WaitPath may be left out.
type Options struct {
	// Issuer is the issuer identifier: https, or http on loopback, without
	// query, fragment or trailing slash. All endpoints lie below it.
	Issuer string
	// Clients are the relying parties.
	Clients []Client
	// Queue is the line.
	Queue Queue
	// Keys signs ID tokens.
	Keys Keys
	// Pages shows pages.
	Pages Pages
	// Secrets derives the keys for seals, codes and opaque tokens.
	Secrets Secrets
	// Logger is told of refusals, at level debug, and of what keeps the
	// provider from answering, at level warn. Nil discards it.
	Logger *slog.Logger
	// WaitPath is the path of the waiting page below the issuer, "/wait" if
	// empty.
	WaitPath string
}

// Provider is an OpenID Provider. Its methods are safe for concurrent use.
type Provider struct {
	issuer   string
	origin   string // of the issuer, as in an Origin header
	base     string // path of the issuer, "" or "/…"
	waitPath string
	clients  *registry
	queue    Queue
	keys     Keys
	pages    Pages
	logger   *slog.Logger

	loginSeal   *sealer // logins bound to a browser
	pendingSeal *sealer // logins that came by POST and are not bound yet
	keptSeal    *sealer // logins too long for a URL
	logoutSeal  *sealer // what a logout page asks about
	accessSeal  *sealer // opaque access tokens
	jwtSeal     *sealer // the part of a JWT access token that names the grant
	refreshSeal *sealer
	codeKeys    [][]byte // newest first, as are all keys
	sessionKeys [][]byte
	subjectKeys [][]byte

	discovery document
	keySet    keySetDocument
	library   http.Handler // zitadel/oidc's endpoints, behind our doors
}

// tokenDays is for how many days tokens open at all; how long each one lives is
// said in it, and the session ends long before.
const tokenDays = 400

// New returns a provider, or an error that names every fault of the options.
func New(options Options) (*Provider, error) {
	issuer, err := checkIssuer(options.Issuer)
	clients, clientsErr := newRegistry(options.Clients)
	faults := []error{err, clientsErr}
	for _, need := range []struct {
		name    string
		missing bool
	}{
		{"queue", options.Queue == nil},
		{"keys", options.Keys == nil},
		{"pages", options.Pages == nil},
		{"secrets", options.Secrets == nil},
	} {
		if need.missing {
			faults = append(faults, fmt.Errorf("no %s", need.name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("openid provider: %w", err)
	}

	p := &Provider{
		issuer:      options.Issuer,
		origin:      issuer.Scheme + "://" + issuer.Host,
		base:        issuer.EscapedPath(),
		waitPath:    options.WaitPath,
		clients:     clients,
		queue:       options.Queue,
		keys:        options.Keys,
		pages:       options.Pages,
		logger:      options.Logger,
		loginSeal:   newSealer(options.Secrets, labelSeal, "login", 2),
		pendingSeal: newSealer(options.Secrets, labelSeal, "pending", 2),
		keptSeal:    newSealer(options.Secrets, labelSeal, "kept", 2),
		logoutSeal:  newSealer(options.Secrets, labelSeal, "logout", 1),
		accessSeal:  newSealer(options.Secrets, labelToken, "access", tokenDays),
		jwtSeal:     newSealer(options.Secrets, labelToken, "jwt", tokenDays),
		refreshSeal: newSealer(options.Secrets, labelRefresh, "refresh", tokenDays),
		codeKeys:    options.Secrets.Derive(labelCode, 32),
		sessionKeys: options.Secrets.Derive(labelSession, 32),
		subjectKeys: options.Secrets.Derive(labelSubject, 32),
	}
	if len(p.codeKeys) == 0 || len(p.sessionKeys) == 0 || len(p.subjectKeys) == 0 {
		return nil, errors.New("openid provider: no secret to derive keys from")
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	if p.waitPath == "" {
		p.waitPath = "/wait"
	}
	if p.discovery, err = p.describe(); err != nil {
		return nil, fmt.Errorf("openid provider: %w", err)
	}
	p.library = p.newLibrary()
	return p, nil
}

// checkIssuer parses an issuer identifier.
//
// OpenID Connect Discovery 1.0 §3: a URL with the https scheme, a host and no
// query or fragment. Plain http on loopback is for trying things out.
func checkIssuer(issuer string) (*url.URL, error) {
	if err := checkURI(issuer); err != nil {
		return nil, fmt.Errorf("issuer %q: %w", issuer, err)
	}
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("issuer: %w", err)
	case strings.Contains(issuer, "?"):
		return nil, fmt.Errorf("issuer %q: a query", issuer)
	case strings.HasSuffix(issuer, "/"):
		return nil, fmt.Errorf("issuer %q: a trailing slash", issuer)
	}
	return u, nil
}

// Paths of the endpoints, below the issuer.
const (
	pathDiscovery  = "/.well-known/openid-configuration"
	pathKeys       = "/.well-known/jwks.json"
	pathAuthorize  = "/authorize"
	pathToken      = "/token"
	pathUserinfo   = "/userinfo"
	pathRevoke     = "/revoke"
	pathIntrospect = "/introspect"
	pathLogout     = "/logout"
)

// Mount adds the endpoints to router, which must see whole paths, those of the
// issuer included.
func (p *Provider) Mount(router *mux.Router) {
	for path, handler := range map[string]http.Handler{
		pathDiscovery: p.openToScripts(methods{http.MethodGet: p.serveDiscovery, http.MethodHead: p.serveDiscovery}),
		pathKeys:      p.openToScripts(methods{http.MethodGet: p.serveKeys, http.MethodHead: p.serveKeys}),
		pathAuthorize: methods{
			http.MethodGet:  p.authorize,
			http.MethodHead: takeNothing,
			http.MethodPost: p.authorizeByPost,
		},
		pathToken:    p.openToScripts(methods{http.MethodPost: p.token}),
		pathUserinfo: p.openToScripts(methods{http.MethodGet: p.userinfo, http.MethodPost: p.userinfo}),
		// Some relying parties are configured with the other spelling.
		"/userInfo":    p.openToScripts(methods{http.MethodGet: p.userinfo, http.MethodPost: p.userinfo}),
		pathRevoke:     methods{http.MethodPost: p.revoke},
		pathIntrospect: methods{http.MethodPost: p.introspect},
		pathLogout: methods{
			http.MethodGet:  p.logout,
			http.MethodHead: takeNothing,
			http.MethodPost: p.logoutByPost,
		},
	} {
		router.Handle(p.base+path, handler)
	}
}
