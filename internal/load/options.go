package load

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

// The limits of a rehearsal.
const (
	maxVisitors    = 1_000_000
	maxConnections = 10_000
	maxFor         = 24 * time.Hour
	// minServe is the shortest time between two orders of the operator.
	minServe = 50 * time.Millisecond
)

// Options says what is to be rehearsed.
type Options struct {
	// Issuer is the issuer's URL; its path is that of everything public.
	Issuer string
	// Via are base URLs that requests are sent to in turn, with the issuer's host
	// name, such as those of single nodes. None stands for the issuer.
	Via []string
	// Own are host names that the configuration at hand says are the operator's.
	Own []string
	// IOwnThisHost allows any host. Whoever sets it says so.
	IOwnThisHost bool
	// TLS is for https; nil trusts the system's authorities.
	TLS *tls.Config

	// Client, Secret, RedirectURI and Scope are the relying party's. A client
	// without a secret is a public one.
	Client, Secret, RedirectURI, Scope string
	// Room is where API visitors join and the operator serves.
	Room string

	// Visitors arrive over Over as Arrivals says.
	Visitors int
	Arrivals Arrivals
	Over     time.Duration
	// Patience is how long a visitor waits before leaving.
	Patience Span
	// Stay is how long a visitor stays on the site.
	Stay Span
	// Reading is how long a visitor looks at "it is your turn"; the page gives 1.5 s.
	Reading time.Duration
	// NoShow never claim their turn, API have no browser, Refresh use their refresh
	// token, Replay have their code redeemed twice, and Return come again with a
	// place whose visit has ended.
	NoShow, API, Refresh, Replay, Return Share

	// Management are the nodes' management listeners, of which one that does not
	// answer makes room for the next. There may be none.
	Management []*admin.Client
	// Serve lets visitors in through Management; the zero value lets others do it.
	// If Alone, nobody and nothing else raises the counter, on pain of a breach.
	Serve Rate
	Alone bool
	// Capacity is how many visits may be alive; 0 is without limit.
	Capacity int64
	// Stale is how old a counter in an answer may be, for the audit.
	Stale time.Duration
	// Tolerate names invariants whose breaches are told but do not fail the run.
	Tolerate []string

	// Connections is how many requests may be in flight.
	Connections int
	// Timeout bounds a request, and For the rehearsal.
	Timeout, For time.Duration
	// Seed makes the visitors' choices repeatable.
	Seed uint64

	// Progress takes one line now and then; nil stands for silence. On a Terminal, the
	// line is written over.
	Progress io.Writer
	Terminal bool
}

// Faults returns all that is wrong with the options, in the words of the command's
// flags.
func (o *Options) Faults() (faults []string) {
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	add(o.Visitors < 1 || o.Visitors > maxVisitors, "--visitors must be between 1 and %d", maxVisitors)
	add(o.Connections < 1 || o.Connections > maxConnections, "--connections must be between 1 and %d", maxConnections)
	add(o.Over < 0 || o.Over > maxFor, "--over must be between 0 and %v", maxFor)
	add(o.For <= 0 || o.For > maxFor, "--for must be between 1s and %v", maxFor)
	add(o.Timeout < time.Millisecond || o.Timeout > time.Minute, "--timeout must be between 1ms and 1m")
	add(o.Stale < 0, "--stale must not be negative")
	add(o.Reading < 0, "--reading must not be negative")
	add(o.Capacity < 0, "--capacity must not be negative")
	add(o.API < 1 && o.Client == "", "--client is required, unless --api is 100%%")
	add(o.API < 1 && o.RedirectURI == "", "--redirect-uri is required, unless --api is 100%%")
	add((o.API > 0 || o.Serve.N > 0) && o.Room == "", "--room is required with --api and --serve")
	add(o.Serve.N > 0 && len(o.Management) == 0, "--serve needs --management URL and --token-file FILE, or --config FILE")
	for _, name := range o.Tolerate {
		add(!slices.Contains([]string{"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"}, name), "--tolerate knows no %q", name)
	}
	if o.Issuer == "" {
		return append(faults, "--issuer URL or --config FILE is required")
	}
	faults = append(faults, o.refused("--issuer", o.Issuer)...)
	for _, via := range o.Via {
		faults = append(faults, o.refused("--via", via)...)
	}
	for _, m := range o.Management {
		faults = append(faults, o.refused("--management", m.URL)...)
	}
	return faults
}

// refused says why load may not talk to an address.
func (o *Options) refused(flag, address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return []string{flag + " must be of the form http://host:port or https://host"}
	}
	host := u.Hostname()
	if o.IOwnThisHost || isLoopback(host) || slices.Contains(o.Own, host) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s is neither this machine nor the issuer of --config; if it is yours, say --i-own-this-host", flag, host)}
}

// isLoopback reports whether a host name can be no other machine's.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
