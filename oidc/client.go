package oidc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/oidc/claims"
)

// Refresh says when a client gets refresh tokens.
type Refresh string

// The refresh policies of a client.
const (
	// RefreshOffline gives refresh tokens to requests with the scope
	// offline_access. It is the default.
	RefreshOffline Refresh = "offline_access"
	// RefreshNever gives none.
	RefreshNever Refresh = "never"
	// RefreshAlways gives them to every request, for clients that keep their
	// own session for days unless a refresh fails.
	RefreshAlways Refresh = "always"
)

// AccessTokenFormat says what a client's access tokens look like.
type AccessTokenFormat string

// The formats of access tokens.
const (
	// AccessTokenOpaque is a sealed value that only this provider can read. It
	// is the default.
	AccessTokenOpaque AccessTokenFormat = "opaque"
	// AccessTokenJWT is a signed token that resource servers can check by
	// themselves (RFC 9068). They learn by introspection alone that it has been
	// revoked.
	AccessTokenJWT AccessTokenFormat = "jwt"
)

// Reauth says what an admitted visitor must do when the client demands a new
// authentication.
type Reauth string

// What a client's demand for a new authentication means.
const (
	// ReauthConfirm asks the visitor to press a button. It is the default.
	ReauthConfirm Reauth = "confirm"
	// ReauthRequeue sends the visitor to the end of the line, after a page that
	// says so.
	ReauthRequeue Reauth = "requeue"
)

// ResponseType says what an authorization request asks for.
type ResponseType string

// The response types of clients.
const (
	// ResponseCode is the authorization code flow, which every client has unless it
	// says otherwise.
	ResponseCode ResponseType = "code"
	// ResponseIDToken is the implicit flow with an ID token alone (OpenID Connect
	// Core 1.0 §3.2), here only as a form that the browser posts, and only with a
	// nonce: a token in a URL ends up in histories and logs, and one without a
	// nonce is good for everybody who gets hold of it.
	ResponseIDToken ResponseType = "id_token"
)

// DefaultAccessTokenTTL is how long access tokens live unless the client says
// otherwise.
const DefaultAccessTokenTTL = 15 * time.Minute

// Client is a registered relying party.
type Client struct {
	// ID is the client_id: 1 to 128 characters of [A-Za-z0-9._-].
	ID string
	// Public says that the client has no secret; it must use PKCE then.
	Public bool
	// SecretHashes holds the SHA-256 of each secret that is accepted. A
	// confidential client needs at least one, a public client has none.
	SecretHashes [][32]byte
	// Room is the line that the client's users stand in.
	Room string
	// RedirectURIs are compared as strings, byte for byte: https, or http for
	// loopback, without a fragment. At least one is needed.
	RedirectURIs []string
	// PostLogoutRedirectURIs follow the same rules. There may be none.
	PostLogoutRedirectURIs []string
	// ResponseTypes are what the client may ask for; none means ResponseCode.
	ResponseTypes []ResponseType
	// Refresh says when the client gets refresh tokens; "" means RefreshOffline.
	Refresh Refresh
	// AccessTokenTTL is how long access tokens and ID tokens live, in whole
	// seconds, but never longer than the session; 0 means DefaultAccessTokenTTL.
	AccessTokenTTL time.Duration
	// AccessToken is the format of access tokens; "" means AccessTokenOpaque.
	AccessToken AccessTokenFormat
	// IDTokenAlgorithm is what ID tokens are signed with, RS256 or ES256; "" means
	// RS256.
	IDTokenAlgorithm jose.SignatureAlgorithm
	// Subject says whom the sub stands for; "" means SubjectVisit.
	Subject Subject
	// Reauth says what prompt=login and an exceeded max_age cost an admitted
	// visitor; "" means ReauthConfirm.
	Reauth Reauth
	// TransactionTTL is how long the client keeps its own side of a login; 0 means
	// as long as it takes. A visitor whose turn comes later is sent to start the
	// login afresh.
	TransactionTTL time.Duration
	// ReinitiateURL is where to start a login afresh, or [ReinitiateByError]; ""
	// if there is no such place, and then a page tells the visitor. It is a URL
	// as RedirectURIs are, in which {iss} and {target_link_uri} stand for those
	// values, percent-encoded, and which may begin with {origin} or {redirect_uri}
	// for those of the login's redirect URI.
	ReinitiateURL string
	// TargetLinkURI is where visitors want to go; "" means the origin of the
	// login's redirect URI and "/".
	TargetLinkURI string
	// QueuePosition adds the claim queue_position to ID tokens and userinfo.
	QueuePosition bool
	// Claims are further claims for ID tokens and userinfo, whatever the scope,
	// by name: strings, which may hold placeholders, booleans, int64 and float64.
	// Package claims says what they may be.
	Claims map[string]any

	template claims.Template // of Claims
}

// clientMark stands for a client inside a token: the start of the SHA-256 of
// its ID.
type clientMark [8]byte

// mark returns the client's mark.
func (c *Client) mark() clientMark {
	sum := sha256.Sum256([]byte(c.ID))
	return clientMark(sum[:8])
}

// registry holds the clients of a provider. It never changes.
type registry struct {
	byID   map[string]*Client
	byMark map[clientMark]*Client
	rooms  []string // sorted, each once
}

// newRegistry copies and checks the clients and returns all faults at once.
func newRegistry(clients []Client) (*registry, error) {
	reg := &registry{
		byID:   make(map[string]*Client, len(clients)),
		byMark: make(map[clientMark]*Client, len(clients)),
	}
	var faults []error
	for i := range clients {
		client := clients[i]
		if len(client.ResponseTypes) == 0 {
			client.ResponseTypes = []ResponseType{ResponseCode}
		}
		if client.Refresh == "" {
			client.Refresh = RefreshOffline
		}
		if client.AccessTokenTTL == 0 {
			client.AccessTokenTTL = DefaultAccessTokenTTL
		}
		if client.IDTokenAlgorithm == "" {
			client.IDTokenAlgorithm = jose.RS256
		}
		if client.AccessToken == "" {
			client.AccessToken = AccessTokenOpaque
		}
		if client.Subject == "" {
			client.Subject = SubjectVisit
		}
		if client.Reauth == "" {
			client.Reauth = ReauthConfirm
		}
		var err error
		if client.template, err = claims.New(client.Claims, client.Room); err != nil {
			faults = append(faults, fmt.Errorf("client %q: %w", client.ID, err))
		}
		if err := client.validate(); err != nil {
			faults = append(faults, fmt.Errorf("client %q: %w", client.ID, err))
		}
		if reg.byMark[client.mark()] != nil {
			faults = append(faults, fmt.Errorf("client %q: there is another client of that ID", client.ID))
		}
		reg.byID[client.ID] = &client
		reg.byMark[client.mark()] = &client
		reg.rooms = append(reg.rooms, client.Room)
	}
	slices.Sort(reg.rooms)
	reg.rooms = slices.Compact(reg.rooms)
	return reg, errors.Join(faults...)
}

// claims returns the names of the claims that templates give, sorted.
func (reg *registry) claims() []string {
	var names []string
	for _, client := range reg.byID {
		names = append(names, client.template.Names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// some reports whether there is a client that meets the condition.
func (reg *registry) some(condition func(*Client) bool) bool {
	for _, client := range reg.byID {
		if condition(client) {
			return true
		}
	}
	return false
}

// validID reports whether an ID needs no encoding wherever it may go: URLs,
// Basic credentials, logs.
func validID(id string) bool {
	for _, b := range []byte(id) {
		switch {
		case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		case b == '.', b == '_', b == '-':
		default:
			return false
		}
	}
	return id != "" && len(id) <= 128
}

// redirectsTo reports whether uri is registered.
//
// RFC 6749 §3.1.2.3 and RFC 9700 §4.1.3: strings are compared as they are,
// since every normalization is a way in.
func (c *Client) redirectsTo(uri string) bool {
	return slices.Contains(c.RedirectURIs, uri)
}

// asksFor reports whether the client may ask for a response type.
func (c *Client) asksFor(response ResponseType) bool {
	return slices.Contains(c.ResponseTypes, response)
}

// validate returns all faults of a client's registration.
func (c *Client) validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	if !validID(c.ID) {
		fault("the ID must have 1 to 128 characters of A-Z a-z 0-9 . _ -")
	}
	if c.Room == "" {
		fault("no room")
	}
	if c.Public && len(c.SecretHashes) > 0 {
		fault("a public client has no secret")
	}
	if !c.Public && len(c.SecretHashes) == 0 {
		fault("no secret, and not public")
	}
	for _, response := range c.ResponseTypes {
		if response != ResponseCode && response != ResponseIDToken {
			fault("unknown response type %q", response)
		}
	}
	if !slices.Contains([]Refresh{RefreshNever, RefreshOffline, RefreshAlways}, c.Refresh) {
		fault("unknown refresh policy %q", c.Refresh)
	}
	if !slices.Contains([]AccessTokenFormat{AccessTokenOpaque, AccessTokenJWT}, c.AccessToken) {
		fault("unknown format of access tokens %q", c.AccessToken)
	}
	if !slices.Contains([]Subject{SubjectVisit, SubjectBrowser, SubjectInsecureShared}, c.Subject) {
		fault("unknown subject %q", c.Subject)
	}
	if !slices.Contains([]Reauth{ReauthConfirm, ReauthRequeue}, c.Reauth) {
		fault("unknown reauth %q", c.Reauth)
	}
	if !slices.Contains([]jose.SignatureAlgorithm{jose.RS256, jose.ES256}, c.IDTokenAlgorithm) {
		fault("unknown algorithm %q for ID tokens", c.IDTokenAlgorithm)
	}
	if c.AccessTokenTTL < time.Second || c.AccessTokenTTL%time.Second != 0 {
		fault("access tokens must live for a whole number of seconds, not %v", c.AccessTokenTTL)
	}
	if len(c.RedirectURIs) == 0 {
		fault("no redirect URI")
	}
	for _, uri := range slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs) {
		if err := checkURI(uri); err != nil {
			fault("redirect URI %q: %w", uri, err)
		}
	}
	if err := c.checkReinitiation(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkURI checks a URI that browsers are to be sent to.
func checkURI(uri string) error {
	// The URI goes into a Location header as it is.
	for _, b := range []byte(uri) {
		if b <= ' ' || b > '~' || strings.IndexByte("\"<>\\^`{|}", b) >= 0 {
			return errors.New("characters that a URI can't have")
		}
	}
	u, err := url.Parse(uri)
	if err != nil {
		return errors.New("not a URI")
	}
	switch {
	case u.Host == "" || u.Hostname() == "":
		return errors.New("not an absolute URL")
	case u.User != nil:
		return errors.New("user information")
	case strings.Contains(uri, "#"):
		// RFC 6749 §3.1.2: a redirect URI has no fragment.
		return errors.New("a fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return errors.New("neither https nor http on loopback")
	}
}

// isLoopback reports whether a host name can only mean this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
