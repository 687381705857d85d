// Package oidc is an OpenID Provider whose end users authenticate by waiting
// until their turn has come. A relying party sees an ordinary provider with the
// authorization code flow (OpenID Connect Core 1.0 §3.1); that its login page is
// a waiting room is none of its business.
//
// The package knows the protocol and nothing else. Who stands where in the line,
// whose turn it is and which sessions live is asked of a [Queue]; what a page
// looks like is left to [Pages]; keys come from [Keys] and [Secrets]. With a
// Queue that says yes at once it is a provider that can be certified by itself.
//
// # Endpoints
//
// All paths lie below the issuer.
//
//	/.well-known/openid-configuration  discovery: static, and true
//	/.well-known/jwks.json             the public keys
//	/authorize   GET, POST             starts a login
//	/token       POST                  code or refresh token for tokens
//	/userinfo    GET, POST             the claims again (also /userInfo)
//	/introspect  POST                  tells a client whether its token is good
//	/revoke      POST                  ends a client's grant
//	/logout      GET, POST             ends the visit
//
// Discovery, keys, token and userinfo are open to scripts of any origin, never
// with credentials.
//
// # The way of a login
//
//	POST /authorize ──seal──▶ 303 ─┐
//	GET  /authorize ◀──────────────┘
//	   │ invalid client or redirect URI ─────▶ a page, status 400
//	   │ invalid otherwise ──────────────────▶ the client, with error
//	   │ admitted already ───────────────────▶ the client, with code
//	   │ prompt=none, or no navigation ──────▶ the client, login_required
//	   ▼
//	seal, bind to the browser, 303
//	   ▼
//	/wait?login=… ── the turn has come ──────▶ the client, with code
//
// The waiting page is not part of this package. It opens the [Login] that comes
// back in its URL with [Provider.OpenLogin], compares [Login.Browser], lets the
// visitor confirm if [Provider.NeedsConfirmation], or stand in line again if
// [Login.Requeues], has the queue take in the
// code of [Provider.NewCode], and calls [Provider.Deliver]. If the login is
// [Login.Late] by then, [Provider.Reinitiate] sends the browser to start it
// afresh at the relying party instead.
//
// A waiting login costs the server nothing: the visitor carries it, sealed. What
// may be told to the client and what only to the person at the browser are
// different types, [Error] and [Problem], and an Error can only be delivered
// through a Login, whose redirect URI is registered.
//
// A client may be registered for response_type=id_token as well, by form_post and
// with a nonce only. Its logins go the same way, and at the end the provider takes
// the code itself and posts an ID token to the client.
//
// # What is kept where
//
// An authorization code is 256 random bits, stored as a keyed hash and bound to
// client, redirect URI and PKCE challenge. Access and refresh tokens are sealed
// values that name a grant and have no row of their own; the grant lives in the
// queue, and everything that a token is good for ends with it. An access token
// in the JWT format carries such a value as its jti, which is worth nothing
// without the signature around it. ID tokens are JWTs. Stealing the store yields
// no code and no token; stealing the secrets lets the thief open and make seals,
// but not sign ID tokens.
//
// # The library beneath
//
// Token, userinfo, introspection and revocation requests run through the server of
// github.com/zitadel/oidc, behind doors of our own that read the form,
// authenticate the client and hand on only what they have looked at. That
// closes what the library leaves open: GET and secrets in the query at the
// token endpoint, CORS with credentials, codes that are looked up before the
// client is authenticated, PKCE that is skipped if the verifier is left out,
// and answers that may be cached. Authorization and logout requests are
// validated here, more strictly than the library's validators would.
package oidc
