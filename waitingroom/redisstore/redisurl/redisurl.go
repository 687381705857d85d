// Package redisurl reads the URLs by which a configuration names Redis servers,
// and knows nothing else of Redis.
//
//	redis://[user:password@]host[:port][/database]
//	redis+sentinel://[user:password@]host:port[,host:port…]/master-name[/database]
//	redis+cluster://[user:password@]host:port[,host:port…]
//
// With rediss in the place of redis, connections are encrypted and the server's
// certificate is checked.
package redisurl

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Kind says what stands behind the addresses.
type Kind string

// The kinds of installation.
const (
	// Single is one server.
	Single Kind = ""
	// Sentinel is the master that sentinels know.
	Sentinel Kind = "sentinel"
	// Cluster is a Redis Cluster.
	Cluster Kind = "cluster"
)

// URL is what a URL says.
type URL struct {
	Kind Kind
	// TLS says that connections are encrypted.
	TLS bool
	// Addrs are the hosts with their ports, at least one.
	Addrs []string
	// Username and Password are what to log in with; both may be empty.
	Username, Password string
	// Master is the name by which sentinels know the master.
	Master string
	// Database is the number of the database; 0 on a cluster.
	Database int
}

// maxDatabase is far beyond the databases that any server has.
const maxDatabase = 1 << 16

// Is reports whether text is meant to be a URL of this package, right or wrong.
func Is(text string) bool {
	return strings.HasPrefix(text, "redis://") || strings.HasPrefix(text, "rediss://") ||
		strings.HasPrefix(text, "redis+") || strings.HasPrefix(text, "rediss+")
}

// Parse reads a URL. Errors don't repeat it, since it may hold a password.
func Parse(text string) (URL, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	base, kind, _ := strings.Cut(scheme, "+")
	u := URL{Kind: Kind(kind), TLS: base == "rediss"}
	switch {
	case !ok, base != "redis" && base != "rediss", u.Kind != Single && u.Kind != Sentinel && u.Kind != Cluster, scheme == base+"+":
		return URL{}, errors.New("must begin with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	case strings.ContainsAny(rest, "?# \t\r\n"):
		return URL{}, errors.New("must have no query, no fragment and no spaces")
	}
	authority, path, _ := strings.Cut(rest, "/")
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		if err := u.login(authority[:at]); err != nil {
			return URL{}, err
		}
	}
	if err := u.addresses(hosts); err != nil {
		return URL{}, err
	}
	return u, u.rest(path)
}

// login reads user name and password, each percent-encoded.
func (u *URL) login(text string) error {
	user, password, _ := strings.Cut(text, ":")
	var err, passwordErr error
	u.Username, err = url.PathUnescape(user)
	u.Password, passwordErr = url.PathUnescape(password)
	if err != nil || passwordErr != nil {
		return errors.New("must have user name and password percent-encoded")
	}
	return nil
}

// addresses reads the hosts.
func (u *URL) addresses(hosts string) error {
	for host := range strings.SplitSeq(hosts, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil && u.Kind == Single {
			name, port = strings.Trim(host, "[]"), "6379"
		}
		if n, err := strconv.ParseUint(port, 10, 16); name == "" || err != nil || n == 0 {
			return errors.New("must name host:port, several with commas between them")
		}
		u.Addrs = append(u.Addrs, net.JoinHostPort(name, port))
	}
	if u.Kind == Single && len(u.Addrs) > 1 {
		return errors.New("names several hosts, so it must begin with redis+cluster:// or redis+sentinel://")
	}
	return nil
}

// rest reads what follows the hosts.
func (u *URL) rest(path string) error {
	database := path
	switch u.Kind {
	case Single:
	case Cluster:
		if path != "" {
			return errors.New("must have nothing after the hosts: a cluster has no databases")
		}
	case Sentinel:
		var name string
		var err error
		name, database, _ = strings.Cut(path, "/")
		if u.Master, err = url.PathUnescape(name); err != nil || name == "" {
			return errors.New("must name the master after the hosts, as in redis+sentinel://host:26379/mymaster")
		}
	}
	if database == "" {
		return nil
	}
	n, err := strconv.ParseUint(database, 10, 32)
	if err != nil || n > maxDatabase {
		return errors.New("must have a number as its database")
	}
	u.Database = int(n)
	return nil
}
