package config

import (
	"crypto/x509"
	"log/slog"
	"net/netip"
	"time"
)

// The comments of these structs, and of Client, are rendered into docs/configuration.md, so they
// speak of keys rather than of fields. Tags:
//
//	yaml      the key
//	default   the value when the key is not given
//	enum      the values allowed, separated by |
//	min, max  the range of a number or duration
//	zero      0 is allowed beside the range, and this is what it means
//	required  the key must be given
//	dynamic   a default that depends on other keys, in words

// Config is a configuration that has been read and found right.
type Config struct {
	// Issuer is the URL under which the world reaches the public listener, and
	// the name by which relying parties know the server. It is compared byte for
	// byte: choose it once and keep it. It must be https (http is accepted for
	// loopback hosts only: localhost, names below .localhost, 127.0.0.0/8 and
	// [::1]) with a host in lower case; a port other than the default and a path are
	// allowed, a trailing slash, query, fragment and user name are not.
	Issuer string `yaml:"issuer" required:"true"`

	// Listen is the address of the public listener, host:port. Without a host it
	// listens on all addresses; port 0 takes a free one.
	Listen string `yaml:"listen" default:":8080"`

	// TLS makes the public listener speak HTTPS by itself, where no proxy in front
	// of it does.
	TLS TLS `yaml:"tls"`

	// Management configures the listener for operators.
	Management Management `yaml:"management"`

	// Store says where the state is kept.
	Store Store `yaml:"store"`

	// StateDir is a directory in which this node notes once a second how far its
	// rooms have come, so that losing all nodes and a shared store together loses
	// no place. Each node needs its own.
	StateDir string `yaml:"state_dir"`

	// SecretFile names the file with the master secret, from which all keys
	// derive: 32 bytes or more a line, newest first, so that a secret can be
	// replaced without ending what the older one sealed. If the file does
	// not exist, the server creates it on its first start, readable by
	// its owner only. Whoever has it can forge places and logins, and whoever
	// loses it ends them all: keep a copy apart from the store.
	SecretFile string `yaml:"secret_file" dynamic:"master-secret beside the store's file; with memory:, a secret that lives as long as the process; with Redis it must be given, the same on all nodes"`

	// Keys configures the keys that tokens are signed with.
	Keys Keys `yaml:"keys"`

	// TrustedProxies lists the proxies in front of the server, as CIDR prefixes or
	// single addresses. The client's address is taken from the forwarding headers
	// of these alone. A prefix that covers every address is refused, as then
	// anybody could claim any address.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`

	// Log configures what is written to standard error.
	Log Log `yaml:"log"`

	// Rooms lists the waiting rooms, at least one.
	Rooms []Room `yaml:"rooms" required:"true"`

	// Clients lists the relying parties: the sites and proxies that send their
	// visitors here to "log in".
	Clients []Client `yaml:"clients"`

	// MasterSecrets are the master secrets, newest first, from SecretFile or
	// ANTEROOM_SECRET. If there are none, the server makes one and writes it to
	// SecretFile; if that is empty too, it keeps the secret in memory.
	MasterSecrets []Secret `yaml:"-"`
}

// TLS names the certificate of a listener. Without one it speaks plain HTTP.
type TLS struct {
	// CertFile names a PEM file with the certificate and, after it, the
	// intermediate ones up to the authority's. The server reads it again within five
	// seconds of a change, and keeps what it has until certificate and key fit.
	CertFile string `yaml:"cert_file"`

	// KeyFile names a PEM file with the certificate's private key, which is read
	// again likewise. Both are given, or none.
	KeyFile string `yaml:"key_file"`

	// Cert is the certificate in PEM, from CertFile or ANTEROOM_TLS_CERT. It is
	// empty if the listener speaks plain HTTP.
	Cert Secret `yaml:"-"`

	// Key is its key in PEM, from KeyFile or ANTEROOM_TLS_KEY.
	Key Secret `yaml:"-"`
}

// Enabled reports whether the listener speaks HTTPS.
func (t *TLS) Enabled() bool { return !t.Cert.IsZero() && !t.Key.IsZero() }

// Management configures the listener for operators: the control API and metrics.
type Management struct {
	// Listen is the address of the management listener, host:port. It must never
	// be public. Port 0 takes a free one.
	Listen string `yaml:"listen" default:"127.0.0.1:8081"`

	// TokenFile names the file with the admin token, which requests carry as
	// "Authorization: Bearer": 16 characters or more out of A-Z, a-z, 0-9 and
	// "-._~+/=". If the file does not exist, the server creates it on its first
	// start, readable by its owner only. It has the role admin and the name "admin".
	TokenFile string `yaml:"token_file" dynamic:"none if there are tokens; else admin-token beside the store's file or, with memory:, beside the configuration file"`

	// Tokens lists further tokens, each for somebody who is to do only part of it.
	// Their files and token_file are read again within five seconds of a change.
	Tokens []Token `yaml:"tokens"`

	// TLS makes the management listener speak HTTPS.
	TLS TLS `yaml:"tls"`

	// InsecurePlaintext allows a management listener beyond loopback although it
	// speaks plain HTTP. Whoever can listen in on that network reads the admin token.
	InsecurePlaintext bool `yaml:"insecure_plaintext" default:"false"`

	// Token is the admin token, from TokenFile or ANTEROOM_MANAGEMENT_TOKEN. If it
	// is empty, the server makes one and writes it to TokenFile, unless that is
	// empty as well.
	Token Secret `yaml:"-"`
}

// Token is a credential for the management listener, beside or in place of the
// admin token.
type Token struct {
	// Name says in the log whose order it was: 1 to 50 of A-Z, a-z, 0-9 and "._@-",
	// and not "admin" if there is a token_file.
	Name string `yaml:"name" required:"true"`

	// File names the file with the token, in the same form as token_file. It must exist.
	File string `yaml:"file" required:"true"`

	// Role says what the token is good for: viewer may look, at metrics too;
	// operator may move the line as well; admin may do everything.
	Role Role `yaml:"role" required:"true" enum:"viewer|operator|admin"`

	// Rooms lists the ids of the rooms that the token is good for. Without any it
	// is good for all, and for what belongs to no room, such as metrics.
	Rooms []string `yaml:"rooms"`

	// Value is the token itself, from File.
	Value Secret `yaml:"-"`
}

// Role is what a [Token] is good for.
type Role string

// The choices for [Token] Role.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Store says where the state is kept.
type Store struct {
	// URL is bolt:PATH for a file of the embedded store, which one process
	// uses at a time; memory: to forget everything at the end; or, for any number
	// of nodes, redis://[user:password@]host[:port][/database],
	// redis+sentinel://host:port,host:port/master-name or
	// redis+cluster://host:port,host:port for Redis or Valkey from 7.0 on, and the same
	// with rediss for TLS.
	URL string `yaml:"url" default:"bolt:anteroom.db"`

	// PasswordFile names the file with the password for Redis, which wins over the
	// one in the URL.
	PasswordFile string `yaml:"password_file"`

	// CAFile names a file in PEM with the certificates of the authorities that vouch
	// for Redis, with a URL of rediss, in the place of the system's. Servers must do
	// without a certificate of their clients (tls-auth-clients no).
	CAFile string `yaml:"ca_file"`

	// Acks is how many replicas of Redis must have taken each change before it
	// counts as done. With 1, a failover loses nothing; it costs a round trip
	// between master and replica.
	Acks int `yaml:"acks" default:"0" min:"0" max:"16"`

	// Path is the file of a bolt: URL, resolved, or empty for others.
	Path string `yaml:"-"`

	// Password is what PasswordFile holds.
	Password Secret `yaml:"-"`

	// Authorities is what CAFile holds, or nil.
	Authorities *x509.CertPool `yaml:"-"`
}

// Keys configures the keys that tokens are signed with. They are made by the
// server, and kept in the store under the master secret.
type Keys struct {
	// Alg is what the ID tokens of clients without an id_token_alg of their own are
	// signed with. A key for RS256 is there in any case, as relying parties may
	// count on it.
	Alg Alg `yaml:"alg" default:"RS256" enum:"RS256|ES256"`

	// RotateEvery is how long a key signs. The next one is published an hour before
	// it takes over, and the public half of the old one for 30 days after that.
	RotateEvery time.Duration `yaml:"rotate_every" default:"720h" min:"24h" max:"26280h" zero:"only by hand, with anteroom keys rotate"`
}

// Alg is an algorithm that ID tokens are signed with (RFC 7518 §3.1).
type Alg string

// The algorithms of [Keys] and [Client].
const (
	AlgRS256 Alg = "RS256"
	AlgES256 Alg = "ES256"
)

// Log configures what is written to standard error. No secret and no query
// string is ever logged, at any level.
type Log struct {
	// Format is text for people or json for machines.
	Format string `yaml:"format" default:"text" enum:"text|json"`

	// Level is the least level that is written.
	Level slog.Level `yaml:"level" default:"info" enum:"debug|info|warn|error"`
}

// Room is one line in front of one site.
type Room struct {
	// ID names the room in addresses and in the store, where its state stays
	// under that name: 1 to 50 of a-z, 0-9 and "-".
	ID string `yaml:"id" required:"true"`

	// Name is what visitors read on the waiting page, up to 100 characters.
	Name string `yaml:"name" dynamic:"the id"`

	// Inlet says what lets visitors in.
	Inlet Inlet `yaml:"inlet"`

	// PositionTTL is how long a visitor has for claiming the turn once it has come.
	// It can't be 0 with an inlet of kind capacity, where a place that nobody
	// claims holds a slot.
	PositionTTL time.Duration `yaml:"position_ttl" dynamic:"15m; 2m with an inlet of kind capacity" min:"1s" max:"720h" zero:"for ever"`

	// SessionTTL is how long a visitor stays admitted. Refreshing tokens extends it.
	SessionTTL time.Duration `yaml:"session_ttl" default:"1h" min:"1s" max:"720h"`

	// SessionMax is the longest that refreshing extends a visit to, counted from
	// admission. It is no shorter than session_ttl.
	SessionMax time.Duration `yaml:"session_max" dynamic:"four times session_ttl" min:"1s" max:"2880h"`

	// ExpiredPlaces says what becomes of places that nobody claimed in time: reuse
	// hands them to the next in line, keep leaves them unused. It has no meaning
	// with an inlet of kind capacity, which fills every slot, nor with open.
	ExpiredPlaces ExpiredPlaces `yaml:"expired_places" default:"reuse" enum:"reuse|keep"`

	// PublicAPI opens the JSON API below /public/ for this room, by which places
	// can be taken without a browser.
	PublicAPI bool `yaml:"public_api" default:"true"`
}

// Inlet says what moves a room's serving counter, below which visitors may enter.
type Inlet struct {
	// Kind is open (everybody enters at once, and is counted), manual (the counter
	// moves when an operator says so), periodic (add visitors every so
	// often, spread evenly) or capacity (as many visitors on the site as max).
	Kind InletKind `yaml:"kind" default:"manual" enum:"open|manual|periodic|capacity"`

	// Add is how many visitors a periodic inlet lets in during each interval.
	// Required there, and of no use elsewhere.
	Add int `yaml:"add" min:"1" max:"1000000"`

	// Every is the interval of a periodic inlet. Required there, and of no use
	// elsewhere.
	Every time.Duration `yaml:"every" min:"100ms" max:"24h"`

	// Max is how many visitors an inlet of kind capacity lets be on the site at a
	// time, those included whose turn has come and who haven't arrived yet.
	// Required there, and of no use elsewhere.
	Max int `yaml:"max" min:"1" max:"100000000"`

	// Start is when a periodic inlet begins to let visitors in, in RFC 3339 form
	// such as 2026-11-27T09:00:00Z. The room is closed before. Without it, the
	// room is open from the first start of the server.
	Start time.Time `yaml:"start"`

	// End is when a periodic inlet closes the room, later than start. Without it,
	// the room stays open.
	End time.Time `yaml:"end"`
}

// InletKind is the kind of an [Inlet].
type InletKind string

// The kinds of inlet.
const (
	InletOpen     InletKind = "open"
	InletManual   InletKind = "manual"
	InletPeriodic InletKind = "periodic"
	InletCapacity InletKind = "capacity"
)

// ExpiredPlaces is what becomes of places that nobody claimed in time.
type ExpiredPlaces string

// The choices for [Room] ExpiredPlaces.
const (
	ExpiredReuse ExpiredPlaces = "reuse"
	ExpiredKeep  ExpiredPlaces = "keep"
)
