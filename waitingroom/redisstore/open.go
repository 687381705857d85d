package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore/redisurl"
)

// Errors of [Check], which say what an operator has to change.
var (
	// ErrEvicts says that Redis drops keys when its memory is full, and with them
	// visitors.
	ErrEvicts = errors.New("redis evicts keys when memory is full; set maxmemory-policy to noeviction")
	// ErrForbidden says that the user may not do all that the scripts do. One that is
	// stopped in its middle has done half of its work.
	ErrForbidden = errors.New("redis forbids its user a part of what the scripts do")
	// ErrOld says that Redis lacks commands that the scripts use.
	ErrOld = errors.New("redis is older than 7.0")
)

const (
	// dialTimeout and callTimeout bound one attempt; the engine tries again.
	dialTimeout = time.Second
	callTimeout = 2 * time.Second
)

// Options are the choices of a Store. The zero value is right for one server.
type Options struct {
	// Password wins over the one in the URL, if not empty.
	Password string
	// Acks is how many replicas must have taken a change before it counts as done.
	// With 1 a single failover loses nothing.
	Acks int
	// Authorities are whom to believe what certificates say, with a URL of rediss; if
	// nil, the system's.
	Authorities *x509.CertPool
	// Logger is told when a room was settled after a loss; nil for nobody.
	Logger *slog.Logger
}

// Open returns a store over the server, the master behind sentinels, or the
// cluster that a URL names; package redisurl says in which form. It connects to
// nothing yet. An error doesn't repeat the URL, which may hold a password.
func Open(text string, o Options) (*Store, error) {
	u, err := redisurl.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("redis url: %w", err)
	}
	if o.Password != "" {
		u.Password = o.Password
	}
	return New(client(u, o.Authorities), o)
}

// client makes the client. Its own retries are off: a script whose reply was lost
// may have had its effect, and only the engine knows which verbs may be repeated.
func client(u redisurl.URL, authorities *x509.CertPool) redis.UniversalClient {
	o := redis.UniversalOptions{
		Addrs: u.Addrs, Username: u.Username, Password: u.Password, MasterName: u.Master, DB: u.Database,
		IsClusterMode: u.Kind == redisurl.Cluster, MaxRetries: -1, ContextTimeoutEnabled: true,
		DialerRetries: 1, DialTimeout: dialTimeout, ReadTimeout: callTimeout, WriteTimeout: callTimeout,
	}
	if u.TLS {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities}
		if u.Kind == redisurl.Single {
			o.TLSConfig.ServerName, _, _ = net.SplitHostPort(u.Addrs[0])
		}
	}
	return redis.NewUniversalClient(&o)
}

// Check returns nil if every master is fit to keep a line: new enough, set to
// refuse writes rather than forget keys when its memory is full, and
// willing to do for this user all that the scripts do.
func (s *Store) Check(ctx context.Context) error {
	err := s.eachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		info, err := master.InfoMap(ctx, "server", "memory").Result()
		if err != nil {
			return unavailable(err)
		}
		version := info["Server"]["redis_version"]
		if major, err := strconv.Atoi(strings.SplitN(version, ".", 2)[0]); err != nil || major < 7 {
			return fmt.Errorf("%w: %s", ErrOld, version)
		}
		if policy := info["Memory"]["maxmemory_policy"]; policy != "noeviction" {
			return fmt.Errorf("%w (it is %s)", ErrEvicts, policy)
		}
		lacks, err := s.scripts.may.Run(ctx, master, nil).StringSlice()
		if err != nil {
			return unavailable(err)
		}
		if len(lacks) > 0 {
			return fmt.Errorf("%w: %s", ErrForbidden, strings.Join(lacks, ", "))
		}
		return nil
	})
	for _, told := range []error{nil, waitingroom.ErrUnavailable, ErrOld, ErrEvicts, ErrForbidden} {
		if errors.Is(err, told) {
			return advised(err)
		}
	}
	return advised(unavailable(err)) // It was the cluster itself that could not be looked at.
}

func (s *Store) eachMaster(ctx context.Context, do func(context.Context, *redis.Client) error) error {
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, do)
	case *redis.Client:
		return do(ctx, c)
	}
	return nil
}
