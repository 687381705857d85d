package albsim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// OnUnauthenticatedRequest says what becomes of a request without a session.
type OnUnauthenticatedRequest string

// What becomes of a request without a session.
const (
	// Authenticate sends the visitor to the provider. It is the default.
	Authenticate OnUnauthenticatedRequest = "authenticate"
	// Allow forwards the request without the headers that tell who it is.
	Allow OnUnauthenticatedRequest = "allow"
	// Deny answers 401, unless the request shows a session that has run out.
	Deny OnUnauthenticatedRequest = "deny"
)

// TokenAuth says how the load balancer authenticates at the token endpoint. AWS
// does not document it.
type TokenAuth string

// The two ways in which the load balancer may authenticate.
const (
	// ClientSecretPost puts the credentials in the body.
	//
	// Assumption: it is what the real one does, since the adapter that AWS
	// published for it reads the body only.
	ClientSecretPost TokenAuth = "post"
	// ClientSecretBasic puts them in the Authorization header, encoded as RFC 6749
	// §2.3.1 says.
	ClientSecretBasic TokenAuth = "basic"
)

// Param is a parameter that is added to authorization requests.
type Param struct{ Name, Value string }

// Config is what is configured at AWS, under the names of its API, and what the
// simulator leaves open.
type Config struct {
	// Issuer, and the endpoints below, are full https URLs. There is no discovery
	// and no setting for the keys.
	Issuer string
	// AuthorizationEndpoint is where browsers are sent.
	AuthorizationEndpoint string
	// TokenEndpoint is asked by the load balancer itself.
	TokenEndpoint string
	// UserInfoEndpoint is asked by the load balancer itself.
	UserInfoEndpoint string
	// ClientID and ClientSecret are the load balancer's credentials.
	ClientID, ClientSecret string
	// SessionCookieName is AWSELBAuthSessionCookie by default.
	SessionCookieName string
	// SessionTimeout is 604800 s, seven days, by default.
	SessionTimeout time.Duration
	// Scope is openid by default.
	Scope string
	// AuthenticationRequestExtraParams are at most ten.
	AuthenticationRequestExtraParams []Param
	// OnUnauthenticatedRequest is Authenticate by default.
	OnUnauthenticatedRequest OnUnauthenticatedRequest

	// TokenAuth is ClientSecretPost by default.
	TokenAuth TokenAuth
	// ValidateSignature fetches the keys by discovery at Issuer for each login.
	//
	// Assumption: it is unknown whether the real one verifies signatures at all, so
	// tests should pass with both.
	ValidateSignature bool
	// AcceptAudienceList takes an aud that is a list with the client ID in it.
	//
	// Assumption: it is unknown whether the real one does; by default it doesn't.
	AcceptAudienceList bool
	// ReuseNonce keeps a nonce cookie that the browser has, instead of setting a
	// new one for each authorization request.
	//
	// Assumption: it is unknown what the real one does; by default the cookie is
	// new, so that of two tabs only the later one can finish its login.
	ReuseNonce bool
	// EndpointTimeout bounds a request to the provider.
	//
	// Assumption: 10 s by default.
	EndpointTimeout time.Duration

	// Target is what requests are forwarded to. Required.
	Target http.Handler
	// Client makes the requests to the provider; it must not follow redirects.
	// Required.
	Client *http.Client
	// Now is the clock; nil stands for [time.Now].
	Now func() time.Time
	// AccessLog is told of each request that was not answered as hoped, in the words
	// of the real access log; nil tells nobody.
	AccessLog func(status int, reason Reason, cause error)
}

// LoadBalancer is one listener rule with its state, which is keys alone: all else
// is in cookies.
type LoadBalancer struct {
	config  Config
	sealing cipher.AEAD       // of states and session cookies
	signing *ecdsa.PrivateKey // of x-amzn-oidc-data
	kid     string
}

// New returns a load balancer, or all that AWS would refuse about its configuration.
func New(c Config) (*LoadBalancer, error) {
	var faults []error
	for name, endpoint := range map[string]string{
		"Issuer": c.Issuer, "AuthorizationEndpoint": c.AuthorizationEndpoint,
		"TokenEndpoint": c.TokenEndpoint, "UserInfoEndpoint": c.UserInfoEndpoint,
	} {
		if !strings.HasPrefix(endpoint, "https://") {
			faults = append(faults, fmt.Errorf("%s must be a full https URL, not %q", name, endpoint))
		}
	}
	if len(c.AuthenticationRequestExtraParams) > 10 {
		faults = append(faults, errors.New("AuthenticationRequestExtraParams has more than ten entries"))
	}
	if c.ClientID == "" || c.ClientSecret == "" || c.Target == nil || c.Client == nil {
		faults = append(faults, errors.New("ClientID, ClientSecret, Target and Client are needed"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	lb := &LoadBalancer{config: withDefaults(c), kid: newKeyID()}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand.Read never fails.
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if lb.sealing, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	lb.signing, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return lb, err
}

// With returns another rule of the same load balancer, which shares its sessions.
func (lb *LoadBalancer) With(on OnUnauthenticatedRequest) *LoadBalancer {
	other := *lb
	other.config.OnUnauthenticatedRequest = on
	return &other
}

func withDefaults(c Config) Config {
	if c.SessionCookieName == "" {
		c.SessionCookieName = "AWSELBAuthSessionCookie"
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 7 * 24 * time.Hour
	}
	if c.Scope == "" {
		c.Scope = "openid"
	}
	if c.OnUnauthenticatedRequest == "" {
		c.OnUnauthenticatedRequest = Authenticate
	}
	if c.TokenAuth == "" {
		c.TokenAuth = ClientSecretPost
	}
	if c.EndpointTimeout == 0 {
		c.EndpointTimeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AccessLog == nil {
		c.AccessLog = func(int, Reason, error) {}
	}
	return c
}
