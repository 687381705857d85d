package cognitosim

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Method is how a pool asks for the claims.
type Method string

// The methods of asking for the claims.
const (
	MethodGET  Method = http.MethodGet
	MethodPOST Method = http.MethodPost
)

// Config is what is configured at AWS: the ProviderDetails of an identity provider
// under their names there, and what there is of a pool and its app client.
type Config struct {
	// Domain is the pool's, such as hall.auth.eu-west-1.amazoncognito.com.
	Domain string
	// ProviderName is the name of the identity provider within the pool.
	ProviderName string
	// ClientID and ClientSecret are the pool's credentials at the provider.
	ClientID, ClientSecret string
	// AttributesRequestMethod is MethodGET by default.
	AttributesRequestMethod Method
	// OIDCIssuer is where discovery starts.
	OIDCIssuer string
	// AuthorizeScopes are separated by spaces and contain openid, the default.
	AuthorizeScopes string
	// RequiredAttributes must have a value in the end: claims of these names are
	// mapped to attributes of the same names.
	RequiredAttributes []string

	// AppClientID is the application's ID at the pool.
	AppClientID string
	// CallbackURL is the application's only redirect URI.
	CallbackURL string
	// LogoutURL is where the pool's logout leads.
	LogoutURL string

	// SendNonce adds a nonce to authorization requests.
	//
	// Assumption: no capture shows one, one report says there is.
	SendNonce bool
	// TokenInForm sends the access token in the form when asking by POST, instead of
	// in the header.
	//
	// Assumption: nobody knows what a POST for attributes looks like.
	TokenInForm bool
	// Deadline bounds each request to the provider.
	//
	// Assumption: a second, the default, from a report of "under a second".
	Deadline time.Duration

	// Client makes the requests to the provider; it must not follow redirects.
	// Required.
	Client *http.Client
	// Now is the clock; nil stands for [time.Now].
	Now func() time.Time
}

// endpoints are what discovery finds.
type endpoints struct {
	Authorize  string `json:"authorization_endpoint"`
	Token      string `json:"token_endpoint"`
	Attributes string `json:"userinfo_endpoint"`
	Keys       string `json:"jwks_uri"`
}

// User is a user of the pool.
type User struct {
	// Username is the provider's name, an underscore and the sub.
	Username string
	// Sub is the provider's sub. The pool's own is another.
	Sub string
	// ID is the pool's own sub.
	ID string
	// Attributes are what was mapped, by name.
	Attributes map[string]any
}

// UserPool is a pool with one identity provider and one app client. It is the
// [http.Handler] of the pool's domain.
type UserPool struct {
	config    Config
	endpoints endpoints
	signing   *rsa.PrivateKey
	mac       []byte // authenticates states

	mu    sync.Mutex
	users map[string]User
	codes map[string]issued // for the application
}

// New makes a pool and looks its provider up, as saving an identity provider does.
func New(ctx context.Context, c Config) (*UserPool, error) {
	if c.AttributesRequestMethod == "" {
		c.AttributesRequestMethod = MethodGET
	}
	if c.AuthorizeScopes == "" {
		c.AuthorizeScopes = "openid"
	}
	if c.Deadline == 0 {
		c.Deadline = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &UserPool{config: c, mac: make([]byte, 32), users: make(map[string]User), codes: make(map[string]issued)}
	_, _ = rand.Read(p.mac) // crypto/rand.Read never fails.
	var err error
	if p.signing, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("make the pool's key: %w", err)
	}
	switch {
	case !strings.HasPrefix(c.OIDCIssuer, "https://"):
		return nil, errors.New("oidc_issuer must begin with https")
	case strings.HasSuffix(c.OIDCIssuer, "/"):
		return nil, errors.New("oidc_issuer must not end with a slash")
	case !strings.Contains(" "+c.AuthorizeScopes+" ", " openid "):
		return nil, errors.New("authorize_scopes must contain openid")
	}
	return p, p.discover(ctx)
}

// discover fetches the provider's endpoints, of which none may be missing.
func (p *UserPool) discover(ctx context.Context) error {
	status, body, err := p.ask(ctx, http.MethodGet, p.config.OIDCIssuer+"/.well-known/openid-configuration", "", nil)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("discovery: status %d, %w", status, err)
	}
	if err := json.Unmarshal(body, &p.endpoints); err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	for _, endpoint := range []string{p.endpoints.Authorize, p.endpoints.Token, p.endpoints.Attributes, p.endpoints.Keys} {
		at, err := url.Parse(endpoint)
		// AWS allows port 80 as well, for which no https endpoint has a use.
		if err != nil || at.Scheme != "https" || at.Port() != "" && at.Port() != "443" {
			return fmt.Errorf("the endpoint %q is not on https and port 443", endpoint)
		}
	}
	return nil
}

// Users returns the users of the pool, by name.
func (p *UserPool) Users() map[string]User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.users)
}
