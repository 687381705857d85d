package config

import "time"

// Client is one relying party of OpenID Connect. Exactly one of secret_file,
// secret_sha256 and public says how it proves who it is.
type Client struct {
	// ID is the client_id: 1 to 128 of A-Z, a-z, 0-9 and "._-".
	ID string `yaml:"id" required:"true"`

	// SecretFile names the file with the client secret: 16 to 1024 printable ASCII
	// characters. Line breaks at its end are ignored.
	SecretFile string `yaml:"secret_file"`

	// SecretSHA256 is the SHA-256 of the client secret in 64 hexadecimal digits,
	// for those who keep the secret at the relying party alone. The secret must
	// be long and random, as a hash hides no short one.
	SecretSHA256 string `yaml:"secret_sha256"`

	// Public marks a client that can keep no secret, such as an app in the
	// browser. It must use PKCE.
	Public bool `yaml:"public" default:"false"`

	// Room is the id of the room in which visitors of this client wait.
	Room string `yaml:"room" required:"true"`

	// Preset says what kind of relying party it is, and sets what suits that kind:
	// the keys of the table below, as far as they are not given. Whatever
	// is given wins, claims: {} and transaction_ttl: 0 included. There is a page on each
	// kind in docs/clients.
	Preset Preset `yaml:"preset" default:"generic" enum:"alb|cognito|wordpress|mod_auth_openidc|oauth2-proxy|dex|keycloak|envoy|generic"`

	// RedirectURIs lists where a visitor may be sent with a code, at least one URI.
	// They are compared byte for byte. Each is absolute and https (http for
	// loopback hosts only), without fragment and user name; a query and a port are
	// allowed.
	RedirectURIs []string `yaml:"redirect_uris" required:"true"`

	// PostLogoutRedirectURIs lists where a visitor may be sent after logging out,
	// under the same rules.
	PostLogoutRedirectURIs []string `yaml:"post_logout_redirect_uris"`

	// ResponseTypes lists what the client may ask for: code, the authorization code
	// flow, and id_token, by which the browser posts an ID token to the client. That
	// takes no secret: public: true is for a client that has none. It is refused
	// without response_mode=form_post and a nonce.
	ResponseTypes []ResponseType `yaml:"response_types" dynamic:"[code]" enum:"code|id_token"`

	// Refresh says when the client gets a refresh token: never, for the scope
	// offline_access, or always. Each use of one yields its successor. A client
	// with a secret may repeat a request whose answer got lost, within 60 seconds; a
	// public client can't, as anybody might be repeating it: its visitors are
	// sent to log in again, which is silent while they are admitted.
	Refresh Refresh `yaml:"refresh" default:"offline_access" dynamic:"by preset" enum:"never|offline_access|always"`

	// Release says when a visit that this client ended, by revoking its tokens or
	// by a logout with its ID token, makes room for the next visitor: client is at
	// once, never is when the visit would have run out.
	Release Release `yaml:"release" default:"client" enum:"client|never"`

	// AccessTokenTTL is how long an access token is valid.
	AccessTokenTTL time.Duration `yaml:"access_token_ttl" default:"15m" min:"1s" max:"24h"`

	// AccessToken is the format of access tokens: opaque is short and means
	// something to this server alone; jwt is a signed token after RFC 9068, with
	// the issuer as its audience, for resource servers that check tokens by
	// themselves. Those learn only from /introspect or /userinfo that a visit
	// has ended early.
	AccessToken AccessToken `yaml:"access_token" default:"opaque" enum:"opaque|jwt"`

	// Subject says whom the claim sub stands for. With visit, each visit is a user
	// of its own. With browser, a browser keeps its sub over all its visits, and no
	// two clients see the same; a new master secret changes it once. With
	// insecure_shared, all visitors have one sub: whatever the client keeps by
	// sub, such as an account or a basket, is then seen by everybody, so it is
	// for clients that only open a gate, and refused with presets that make
	// accounts: cognito, wordpress, dex and keycloak.
	Subject Subject `yaml:"subject" default:"visit" enum:"visit|browser|insecure_shared"`

	// Reauth says what it takes when the client demands a new login of a visitor
	// who has logged in there before (prompt=login, or max_age is exceeded).
	// With confirm, a button, and the place is kept. With requeue, the visit ends
	// for all clients of the room and the visitor joins the end of the line, by a
	// button on a page that says so.
	Reauth Reauth `yaml:"reauth" default:"confirm" enum:"confirm|requeue"`

	// TransactionTTL is how long the client keeps its own side of a login: most
	// give up after some minutes, while a line takes as long as it takes. A
	// visitor whose turn comes later, less a margin of 30 seconds or a third,
	// whichever is less, keeps the turn and is sent to reinitiate_url, where the
	// client starts a fresh login that is answered at once.
	TransactionTTL time.Duration `yaml:"transaction_ttl" dynamic:"by preset" min:"3s" max:"720h" zero:"it never gives up"`

	// ReinitiateURL is where a login starts afresh: a URL at the client, https
	// (http for loopback hosts only). In it, {iss} stands for the issuer and
	// {target_link_uri} for the value of that key, both percent-encoded; at
	// its beginning, {origin} stands for scheme and host of the redirect URI of the
	// visitor's login, {redirect_uri} for all of it. For Keycloak it is
	// error:authentication_expired, by which it starts afresh by itself. Without it,
	// a page tells a visitor whose turn comes too late for the client, with a link to
	// target_link_uri. It is of use with a transaction_ttl only.
	ReinitiateURL string `yaml:"reinitiate_url" dynamic:"by preset; required with cognito"`

	// TargetLinkURI is the page of the client that visitors want to see, for pages
	// with a link back to it and for reinitiate_url. The rules are those of
	// redirect_uris.
	TargetLinkURI string `yaml:"target_link_uri" dynamic:"the front page of the host in the redirect URI"`

	// IDTokenAlg is what this client's ID tokens are signed with: RS256, which every
	// client knows, or ES256, which is shorter and costs less to sign.
	IDTokenAlg Alg `yaml:"id_token_alg" dynamic:"keys.alg" enum:"RS256|ES256"`

	// QueuePosition adds the claim queue_position to what the client learns of a
	// visitor.
	QueuePosition bool `yaml:"queue_position" default:"true"`

	// Claims are further claims that the client is told of a visitor, in the ID
	// token and by userinfo alike, whatever scopes it asks for: nobody in a line
	// has a name or an e-mail address, and many relying parties refuse a user
	// without. Strings may hold {sub}, which is the sub that this client sees,
	// {position} and {room}. Claims that the server gives by itself, such as iss,
	// are refused, as are empty ones and standard ones of the wrong type: email_verified
	// is true or false without quotation marks, email has at most 100 characters.
	// Together they may have 512 bytes.
	Claims Claims `yaml:"claims" dynamic:"by preset"`

	// SecretHash is the SHA-256 of the client secret, whichever way it was given.
	// It is zero for a public client, which must be asked for with Public.
	SecretHash [32]byte `yaml:"-"`
}

// Claims are claims by name: strings, booleans, int64 and float64, as package
// claims takes them. Nil are those that were not given.
type Claims map[string]any

// ResponseType is what a client may ask for (OpenID Connect Core 1.0 §3).
type ResponseType string

// The choices for [Client] ResponseTypes.
const (
	ResponseCode    ResponseType = "code"
	ResponseIDToken ResponseType = "id_token"
)

// AccessToken is the format of a client's access tokens.
type AccessToken string

// The choices for [Client] AccessToken.
const (
	AccessTokenOpaque AccessToken = "opaque"
	AccessTokenJWT    AccessToken = "jwt"
)

// Subject says whom a client's sub stands for.
type Subject string

// The choices for [Client] Subject.
const (
	SubjectVisit          Subject = "visit"
	SubjectBrowser        Subject = "browser"
	SubjectInsecureShared Subject = "insecure_shared"
)

// Reauth says what a client's demand for a new login takes.
type Reauth string

// The choices for [Client] Reauth.
const (
	ReauthConfirm Reauth = "confirm"
	ReauthRequeue Reauth = "requeue"
)

// Release says when a visit that a client ended makes room for the next.
type Release string

// The choices for [Client] Release.
const (
	ReleaseClient Release = "client"
	ReleaseNever  Release = "never"
)

// Refresh says when a client gets a refresh token.
type Refresh string

// The choices for [Client] Refresh.
const (
	RefreshNever         Refresh = "never"
	RefreshOfflineAccess Refresh = "offline_access"
	RefreshAlways        Refresh = "always"
)
