package oidc

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// exchange is one request on its way through the library, and the response
// writer that the library gets. A fault found on the way is kept for our own
// door to tell: the library knows neither the headers nor the status that go
// with it.
type exchange struct {
	http.ResponseWriter
	client *Client // authenticated; nil at the userinfo endpoint
	fault  *Error
}

// exchangeKey is the context key of an exchange.
type exchangeKey struct{}

// WriteHeader writes the status unless there is a fault to be told instead.
func (x *exchange) WriteHeader(status int) {
	if x.fault == nil {
		x.ResponseWriter.WriteHeader(status)
	}
}

// Write writes the body unless there is a fault to be told instead.
func (x *exchange) Write(b []byte) (int, error) {
	if x.fault != nil {
		return len(b), nil
	}
	return x.ResponseWriter.Write(b)
}

// exchangeOf returns the exchange that a call of the library belongs to.
func exchangeOf(ctx context.Context) *exchange {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		// Only forward calls the library.
		panic("oidc: call without an exchange")
	}
	return x
}

// forward hands a request to the library: POST, with the parameters that have
// been looked at and nothing else of what came in, neither query nor headers
// nor cookies.
func (p *Provider) forward(w http.ResponseWriter, r *http.Request, client *Client, path string, form url.Values) {
	x := &exchange{ResponseWriter: w, client: client}
	if client != nil {
		form.Set("client_id", client.ID)
	}
	inner := &http.Request{
		Method:   http.MethodPost,
		URL:      &url.URL{Path: path},
		Header:   http.Header{},
		Body:     http.NoBody,
		Form:     form,
		PostForm: form,
	}
	p.library.ServeHTTP(x, inner.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	if x.fault != nil {
		p.refuse(w, r, client, x.fault)
	}
}

// newLibrary sets the library up with the endpoints that go through it. Its own
// CORS rules are switched off: they allow every origin, with credentials.
func (p *Provider) newLibrary() http.Handler {
	return op.RegisterServer(library{provider: p}, op.Endpoints{
		Token:         op.NewEndpoint(pathToken),
		Userinfo:      op.NewEndpoint(pathUserinfo),
		Revocation:    op.NewEndpoint(pathRevoke),
		Introspection: op.NewEndpoint(pathIntrospect),
	}, op.WithServerCORSOptions(nil))
}

// library is the provider as the library calls it.
type library struct {
	op.UnimplementedServer
	provider *Provider
}

var _ op.Server = library{}

// VerifyClient returns the client that was authenticated at the door.
func (library) VerifyClient(ctx context.Context, _ *op.Request[op.ClientCredentials]) (op.Client, error) {
	return registration{exchangeOf(ctx).client}, nil
}

// CodeExchange redeems an authorization code.
func (l library) CodeExchange(ctx context.Context, r *op.ClientRequest[protocol.AccessTokenRequest]) (*op.Response, error) {
	x := exchangeOf(ctx)
	return x.answer(l.provider.redeem(ctx, x.client, r.Data))
}

// RefreshToken renews the tokens of a grant. A scope parameter is ignored: what
// was granted stays granted, and more never is (RFC 6749 §6).
func (l library) RefreshToken(ctx context.Context, r *op.ClientRequest[protocol.RefreshTokenRequest]) (*op.Response, error) {
	x := exchangeOf(ctx)
	return x.answer(l.provider.renew(ctx, x.client, r.Data.RefreshToken))
}

// UserInfo returns the claims of the visitor whom an access token names.
func (l library) UserInfo(ctx context.Context, r *op.Request[protocol.UserInfoRequest]) (*op.Response, error) {
	return exchangeOf(ctx).answer(l.provider.describeVisitor(ctx, r.Data.AccessToken))
}

// Revocation ends the grant of a token.
func (l library) Revocation(ctx context.Context, r *op.ClientRequest[protocol.RevocationRequest]) (*op.Response, error) {
	x := exchangeOf(ctx)
	return x.answer(nil, l.provider.revokeToken(ctx, x.client, r.Data.Token))
}

// Introspect says whether a token of the asking client is good.
func (l library) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	x := exchangeOf(ctx)
	return x.answer(l.provider.inspect(ctx, x.client, r.Data.Token))
}

// answer gives the library what to write, or keeps the fault for the door. The
// library would log a fault on the default logger, as a warning, at the whim of
// anybody who sends one.
func (x *exchange) answer(data any, fault *Error) (*op.Response, error) {
	x.fault = fault
	if fault != nil {
		data = nil
	}
	return op.NewResponse(data), nil
}

// registration is a client as the library asks for it. The library uses only
// the ID, the grant types and the kind of client.
type registration struct{ *Client }

var _ op.Client = registration{}

func (c registration) GetID() string                    { return c.ID }
func (c registration) RedirectURIs() []string           { return c.Client.RedirectURIs }
func (c registration) PostLogoutRedirectURIs() []string { return c.Client.PostLogoutRedirectURIs }

func (c registration) ApplicationType() op.ApplicationType {
	if c.Public {
		return op.ApplicationTypeUserAgent
	}
	return op.ApplicationTypeWeb
}

func (c registration) AuthMethod() protocol.AuthMethod {
	if c.Public {
		return protocol.AuthMethodNone
	}
	return protocol.AuthMethodBasic
}

func (c registration) ResponseTypes() []protocol.ResponseType {
	return []protocol.ResponseType{protocol.ResponseTypeCode}
}

func (c registration) GrantTypes() []protocol.GrantType {
	if c.Refresh == RefreshNever {
		return []protocol.GrantType{protocol.GrantTypeCode}
	}
	return []protocol.GrantType{protocol.GrantTypeCode, protocol.GrantTypeRefreshToken}
}

func (c registration) LoginURL(string) string              { return "" }
func (c registration) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (c registration) IDTokenLifetime() time.Duration      { return c.AccessTokenTTL }
func (c registration) DevMode() bool                       { return false }
func (c registration) IsScopeAllowed(string) bool          { return false }
func (c registration) ClockSkew() time.Duration            { return 0 }

// IDTokenUserinfoClaimsAssertion is false: the ID token is made by us.
func (c registration) IDTokenUserinfoClaimsAssertion() bool { return false }

func (c registration) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (c registration) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// newOperation returns a random ID for a change of the queue, which makes the
// change safe to repeat when a reply is lost.
func newOperation() [16]byte {
	var op [16]byte
	_, _ = rand.Read(op[:]) // never fails
	return op
}
