// Package wpsim replays a WordPress site whose visitors log in by the plugin OpenID
// Connect Generic 3.10.3, request by request, so that logging in to one can be tried
// without PHP and a database. The requests were seen with the real plugin on
// WordPress 6.1.9, set to "auto login" and "enforce privacy", which hold the visitors of
// every page in line; what the replay leaves out does not concern a provider.
//
//	GET /sale/                        302 to wp-login.php?redirect_to=…&reauth=1
//	GET /wp-login.php?redirect_to=…   302 to the authorization endpoint, with
//	    response_type=code, scope, client_id, state and redirect_uri, in this order
//	GET /wp-admin/admin-ajax.php?action=openid-connect-authorize&code=…&state=…
//	    POST token endpoint      credentials in the form, and a scope; a Host without
//	                             its port
//	    GET  userinfo endpoint   Bearer; again by POST if the answer is no JSON
//	    302 to the page that was asked for, with a session of two days
//	GET /wp-login.php?action=logout   302 to the provider's logout, with the ID token
//
// The state is a row in the database, for 180 seconds: no browser is bound to it, and
// using it does not use it up. What goes wrong ends on the login page with
// login-error, which does not try again. No signature, issuer, audience or nonce is
// looked at, and there is no PKCE. The plugin never refreshes.
//
// Each sub is a user of its own, and needs an email and a preferred_username in
// userinfo.
package wpsim
