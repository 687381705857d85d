package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/anteroom-dev/anteroom/waitingroom/redisstore/redisurl"
)

const maxRoomName = 100 // Characters.

// Defaults that depend on other keys.
const (
	defaultPositionTTL  = 15 * time.Minute
	capacityPositionTTL = 2 * time.Minute
	sessionMaxFactor    = 4
)

// usable reports whether the value at path was given and nothing has been found
// wrong with it. Defaults need no further check.
func (l *loader) usable(path string) bool {
	return l.given(path) && !l.broken[path]
}

// check notes what is wrong with the value at path, if fault says so.
func (l *loader) check(path, fault string) {
	if fault != "" && l.usable(path) {
		l.fault(path, "%s", fault)
	}
}

// validate checks what the tags of the structs cannot say.
func (l *loader) validate(c *Config) {
	l.check("issuer", checkIssuer(c.Issuer))
	if c.TLS.Enabled() && strings.HasPrefix(c.Issuer, "http:") && !l.broken["issuer"] {
		l.fault("tls", "needs an issuer that begins with https://")
	}
	l.checkListeners(c)
	l.checkStore(c)
	if l.usable("rooms") && len(c.Rooms) == 0 {
		l.fault("rooms", "must list at least one room")
	}
	rooms := l.checkRooms(c)
	l.checkClients(c, rooms)
	l.checkTokens(c, rooms)
}

// checkStore checks the store's URL, and does not repeat it, as URLs of stores
// can hold passwords.
func (l *loader) checkStore(c *Config) {
	if redisurl.Is(c.Store.URL) {
		u, err := redisurl.Parse(c.Store.URL)
		if err != nil {
			l.check("store.url", err.Error())
		} else if c.Store.Authorities != nil && !u.TLS {
			l.fault("store.ca_file", "needs a store.url that begins with rediss")
		}
		if len(c.MasterSecrets) == 0 && !l.broken["secret_file"] {
			l.fault("secret_file", "must be there, and hold the same on all nodes that share a store")
		}
		return
	}
	if c.Store.Path == "" && c.Store.URL != "memory:" {
		l.check("store.url", "must be bolt:PATH, memory: or a URL of Redis, such as redis://HOST:6379")
	}
	if c.Store.Acks != 0 {
		l.fault("store.acks", "is for Redis alone")
	}
	if c.Store.Authorities != nil {
		l.fault("store.ca_file", "is for Redis alone")
	}
}

// checkListeners checks the addresses to listen on.
func (l *loader) checkListeners(c *Config) {
	public, fault := parseListener(c.Listen)
	l.check("listen", fault)
	management, fault := parseListener(c.Management.Listen)
	l.check("management.listen", fault)
	if l.broken["listen"] || l.broken["management.listen"] {
		return
	}
	if public.port != 0 && public.port == management.port &&
		(public.host == management.host || public.host == "" || management.host == "") {
		if l.given("management.listen") {
			l.fault("management.listen", "must differ from listen (%s)", c.Listen)
		} else {
			l.fault("listen", "must differ from management.listen (%s)", c.Management.Listen)
		}
	}
	secure := c.Management.TLS.Enabled() || c.Management.InsecurePlaintext
	if !isLoopback(management.host) && !secure && !l.brokenBelow("management.tls") && !l.broken["management.insecure_plaintext"] {
		l.fault("management.listen", "is beyond loopback, where the admin token would travel in the clear; "+
			"give it a certificate (management.tls), or set management.insecure_plaintext: true if that network is safe")
	}
}

// brokenBelow reports whether a fault has been noted for path or a key below it.
func (l *loader) brokenBelow(path string) bool {
	for broken := range l.broken {
		if broken == path || strings.HasPrefix(broken, path+".") {
			return true
		}
	}
	return false
}

// listener is an address to listen on.
type listener struct {
	host string // Empty for all addresses.
	port uint64
}

// parseListener takes HOST:PORT, :PORT or [IPv6]:PORT, or says what is wrong.
func parseListener(address string) (parsed listener, fault string) {
	const form = "must be HOST:PORT or :PORT with a port number"
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return listener{}, form
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return listener{}, form
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !isHostName(host) {
		return listener{}, form
	}
	return listener{host: host, port: number}, ""
}

// checkRooms checks all rooms and returns their ids.
func (l *loader) checkRooms(c *Config) []string {
	form := regexp.MustCompile(`^[a-z0-9-]{1,50}$`)
	var ids []string
	for i := range c.Rooms {
		room, at := &c.Rooms[i], fmt.Sprintf("rooms[%d].", i)
		if !form.MatchString(room.ID) {
			l.check(at+"id", `must be 1 to 50 of a-z, 0-9 and "-"`)
		}
		ids = append(ids, room.ID)
		if !l.given(at + "name") {
			room.Name = room.ID
		} else if n := utf8.RuneCountInString(room.Name); n < 1 || n > maxRoomName {
			l.check(at+"name", fmt.Sprintf("must have 1 to %d characters", maxRoomName))
		}
		l.checkInlet(&room.Inlet, at+"inlet")
		l.checkTimes(room, at)
	}
	l.checkUnique(ids, "rooms[%d].id")
	return ids
}

// checkTimes gives a room the times that depend on others, and checks them.
func (l *loader) checkTimes(room *Room, at string) {
	if !l.given(at + "position_ttl") {
		room.PositionTTL = defaultPositionTTL
		if room.Inlet.Kind == InletCapacity {
			room.PositionTTL = capacityPositionTTL
		}
	} else if room.Inlet.Kind == InletCapacity && room.PositionTTL == 0 && l.usable(at+"position_ttl") {
		l.fault(at+"position_ttl", "cannot be 0 with an inlet of kind capacity: places that nobody claims would hold their slots for ever")
	}
	if !l.given(at + "session_max") {
		room.SessionMax = sessionMaxFactor * room.SessionTTL
	} else if room.SessionMax < room.SessionTTL && l.usable(at+"session_max") {
		l.fault(at+"session_max", "must not be shorter than session_ttl")
	}
	if kind := room.Inlet.Kind; kind == InletCapacity || kind == InletOpen {
		l.check(at+"expired_places", fmt.Sprintf("has no meaning with an inlet of kind %s", kind))
	}
}

// inletKeys are the keys that belong to a kind of inlet, and those of them
// that it requires.
func inletKeys(kind InletKind) (keys, required []string) {
	switch kind {
	case InletPeriodic:
		return []string{"add", "every", "start", "end"}, []string{"add", "every"}
	case InletCapacity:
		return []string{"max"}, []string{"max"}
	default:
		return nil, nil
	}
}

// checkInlet checks what the kind of an inlet demands and forbids.
func (l *loader) checkInlet(inlet *Inlet, path string) {
	if l.broken[path+".kind"] || l.broken[path] {
		return
	}
	keys, required := inletKeys(inlet.Kind)
	for _, key := range []string{"add", "every", "start", "end", "max"} {
		if !slices.Contains(keys, key) {
			l.check(path+"."+key, fmt.Sprintf("has no meaning for an inlet of kind %s", inlet.Kind))
		}
	}
	for _, key := range required {
		if at := path + "." + key; !l.given(at) {
			l.fault(at, "is required for an inlet of kind %s", inlet.Kind)
		}
	}
	if inlet.Kind == InletPeriodic && l.usable(path+".start") && !inlet.End.After(inlet.Start) {
		l.check(path+".end", "must be later than start")
	}
}

// checkClients checks all clients, given the ids of the rooms.
func (l *loader) checkClients(c *Config, rooms []string) {
	form := regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	var ids []string
	for i := range c.Clients {
		client, at := &c.Clients[i], fmt.Sprintf("clients[%d]", i)
		if !form.MatchString(client.ID) {
			l.check(at+".id", `must be 1 to 128 of A-Z, a-z, 0-9 and "._-"`)
		}
		ids = append(ids, client.ID)
		l.checkAuthentication(client, at)
		if !l.given(at + ".id_token_alg") {
			client.IDTokenAlg = c.Keys.Alg
		}
		if !l.broken["rooms"] {
			l.check(at+".room", checkRoom(client.Room, rooms))
		}
		if l.usable(at+".redirect_uris") && len(client.RedirectURIs) == 0 {
			l.fault(at+".redirect_uris", "must list at least one URI")
		}
		l.checkResponseTypes(client, at+".response_types")
		l.applyPreset(client, at)
		l.checkPreset(client, at)
		l.checkClaims(client, at+".claims")
		l.checkURIs(client.RedirectURIs, at+".redirect_uris")
		l.checkURIs(client.PostLogoutRedirectURIs, at+".post_logout_redirect_uris")
		l.checkReinitiation(client, at)
	}
	l.checkUnique(ids, "clients[%d].id")
}

// checkAuthentication checks that a client proves who it is in exactly one way.
func (l *loader) checkAuthentication(client *Client, path string) {
	var ways []string
	for _, key := range []string{"secret_file", "secret_sha256", "public"} {
		if l.given(path+"."+key) && (key != "public" || client.Public) {
			ways = append(ways, key)
		}
	}
	switch {
	case len(ways) > 1:
		l.fault(path, "must have only one of %s", strings.Join(ways, ", "))
	case len(ways) == 0 && !l.broken[path] && !l.broken[path+".public"]:
		l.fault(path, "must have one of secret_file, secret_sha256 and public: true")
	}
}

// checkResponseTypes checks what a client may ask for.
func (l *loader) checkResponseTypes(client *Client, path string) {
	if !l.given(path) {
		client.ResponseTypes = []ResponseType{ResponseCode}
	}
	if len(client.ResponseTypes) == 0 {
		l.check(path, "must list at least one")
	}
	names := make([]string, len(client.ResponseTypes))
	for i, response := range client.ResponseTypes {
		names[i] = string(response)
	}
	l.checkUnique(names, path+"[%d]")
}

// checkReinitiation checks where a client's logins start afresh.
func (l *loader) checkReinitiation(client *Client, path string) {
	l.check(path+".reinitiate_url", checkReinitiateURL(client.ReinitiateURL))
	if client.ReinitiateURL != "" && client.TransactionTTL == 0 && !l.broken[path+".transaction_ttl"] {
		l.check(path+".reinitiate_url", "has no meaning without a transaction_ttl")
	}
	l.check(path+".target_link_uri", checkRedirectURI(client.TargetLinkURI))
}

// checkRoom returns what is wrong with the id of a room that must exist.
func checkRoom(id string, rooms []string) (fault string) {
	if slices.Contains(rooms, id) {
		return ""
	}
	return fmt.Sprintf("%.64q is not the id of a room%s", id, suggestion(id, rooms))
}

// checkURIs checks the items of a list of redirect URIs.
func (l *loader) checkURIs(uris []string, path string) {
	for i, uri := range uris {
		l.check(fmt.Sprintf("%s[%d]", path, i), checkRedirectURI(uri))
	}
	l.checkUnique(uris, path+"[%d]")
}

// checkUnique notes values that stand in a list twice. The format makes the path
// of a value out of its index.
func (l *loader) checkUnique(values []string, format string) {
	first := make(map[string]string)
	for i, value := range values {
		at := fmt.Sprintf(format, i)
		if !l.usable(at) {
			continue
		}
		if other, taken := first[value]; taken {
			l.fault(at, "is the same as %s on line %d", other, l.origin(other).line)
			continue
		}
		first[value] = at
	}
}
