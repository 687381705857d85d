// Package cognitosim plays an Amazon Cognito user pool that has an OpenID Connect
// provider as its identity provider, request by request, so that logging in through
// one can be tried without one. It is written to be read as a description of that
// service from a provider's side. What is documented by AWS or agrees in public
// captures of its traffic is simply done; each line that goes beyond says
//
//	Assumption: …
//
// so a pass here is no proof against AWS itself.
//
// # A login
//
// An application sends the browser to the pool, the pool sends it to the provider,
// and all the way back:
//
//	GET https://POOL/oauth2/authorize?response_type=code&client_id=APP&redirect_uri=…
//	    &identity_provider=WaitingRoom&state=…
//	  302 to the provider's authorization endpoint, with client_id, redirect_uri,
//	      scope, response_type=code and state, in this order; no nonce, no PKCE.
//	      Sets the cookies XSRF-TOKEN, csrf-state and csrf-state-legacy.
//	GET https://POOL/oauth2/idpresponse?code=…&state=…
//	  State and cookie must belong together and be younger than five minutes. Then
//	    POST token endpoint           form; credentials in the body, never Basic
//	    GET  the keys                 at each login
//	    GET or POST userinfo          Bearer
//	  each within about a second. The attributes of the pool are filled from ID token
//	  and userinfo; a user WaitingRoom_SUB is made or updated.
//	  302 to the application, with a code and tokens of the pool's own.
//
// What goes wrong at the provider reaches the application as error and
// error_description. What goes wrong with the state ends on a page of the pool that
// says no more than that something went wrong: the way back is lost with the
// state. So a login that takes longer than five minutes has to begin again at the
// application.
//
// # What it demands of a provider
//
// An issuer that begins with https and does not end with a slash, endpoints on port
// 443, a kid in each ID token, its key at the jwks_uri, and a value for each
// attribute that the pool requires.
//
// # What it does not do
//
// It never refreshes, and its logout never tells the provider.
package cognitosim
