// Package albsim plays an AWS Application Load Balancer whose listener rule has the
// action authenticate-oidc, request by request, so that logging in through one can
// be tried without one. It is written to be read as a description of that service
// from a provider's side. What is documented by AWS or agrees in public captures of
// its traffic is simply done; each line that goes beyond says
//
//	Assumption: …
//
// so a pass here is no proof against AWS itself.
//
// # A login
//
//	GET https://shop.example.com/sale?size=9           no session cookie
//	  302 to the authorization endpoint, with client_id, redirect_uri,
//	      response_type=code, scope, state and the extra parameters, in this order;
//	      no nonce, no PKCE. Sets the cookie AWSALBAuthNonce.
//	GET https://shop.example.com/oauth2/idpresponse?code=…&state=…
//	  The state must open, be younger than 15 minutes and belong to the cookie.
//	  Only then is the code spent:
//	    POST token endpoint           form; credentials in the body, or Basic
//	    GET  userinfo endpoint        Bearer
//	  302 to https://shop.example.com/sale?size=9, with the session in cookies
//	  AWSELBAuthSessionCookie-0 to -3.
//	GET https://shop.example.com/sale?size=9           with the cookies
//	  Forwarded to the target with x-amzn-oidc-accesstoken, x-amzn-oidc-identity
//	  and x-amzn-oidc-data, an ES256 JWT with the claims of userinfo.
//
// The redirect URI is made of the request's host, so each host name of a load
// balancer is a redirect URI to be registered.
//
// # A session
//
// Without a refresh token the session lasts for SessionTimeout, 7 days by default,
// whatever the provider thinks of it. With one, the load balancer refreshes the
// claims each time the access token has expired; if that fails, the visitor is sent
// to log in again. So a provider that wants to end a session gives a
// refresh token, and refuses it when the time has come.
//
// # What the load balancer does not do
//
// It has no logout: the application expires the session cookies and sends the
// browser to the provider's logout page. It does not hand the ID token on. It has
// no setting for the provider's keys.
//
// # Names
//
// A [LoadBalancer] is the [http.Handler] of one listener rule. Paths that other
// rules answer without a login are other handlers beside it.
package albsim
