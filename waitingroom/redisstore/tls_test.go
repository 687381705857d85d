package redisstore_test

import (
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// encrypted returns this machine with servers that speak nothing but TLS, and the
// authority that vouches for them.
func encrypted(t *testing.T) (redistest.Host, *redistest.Authority) {
	t.Helper()
	h := redistest.Loopback()
	h.Authority = redistest.NewAuthority(t)
	return h, h.Authority
}

func TestEncryptedConnectionsToOneServer(t *testing.T) {
	h, authority := encrypted(t)
	server := h.Start(t)
	server.Do("CONFIG", "SET", "requirepass", "p@ss")
	n := dial(t, "rediss://"+server.Addr, redisstore.Options{Password: "p@ss", Authorities: authority.Pool})
	if first := n.deal(3); first != 1 {
		t.Errorf("dealt %d", first)
	}
	n.must(n.Check(t.Context()))
}

func TestEncryptedConnectionsToACluster(t *testing.T) {
	t.Parallel()
	h, authority := encrypted(t)
	n := dial(t, clusterURL("rediss", h.StartCluster(t)), redisstore.Options{Acks: 1, Authorities: authority.Pool})
	if first := n.deal(3); first != 1 {
		t.Errorf("dealt %d", first)
	}
	n.must(n.Check(t.Context()))
}

func TestEncryptedConnectionsThroughSentinels(t *testing.T) {
	t.Parallel()
	h, authority := encrypted(t)
	s := h.StartSentinels(t, 1)
	n := dial(t, s.URL(), redisstore.Options{Acks: 1, Authorities: authority.Pool})
	if first := n.deal(3); first != 1 {
		t.Errorf("dealt %d", first)
	}
	n.must(n.Check(t.Context()))
}

// Nobody who can stand in for the server is believed.
func TestEncryptedConnectionsToAServerThatIsNotVouchedForAreRefused(t *testing.T) {
	h, authority := encrypted(t)
	server := h.Start(t)
	_, port, _ := net.SplitHostPort(server.Addr)
	for _, test := range []struct {
		name, url   string
		authorities *x509.CertPool
		want        string
	}{
		{"by another authority", "rediss://" + server.Addr, redistest.NewAuthority(t).Pool, "unknown authority"},
		{"by none of the system's", "rediss://" + server.Addr, nil, "unknown authority"},
		{"under that name", "rediss://localhost:" + port, authority.Pool, "localhost"},
		{"as it is asked in the clear", "redis://" + server.Addr, authority.Pool, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := redisstore.Open(test.url, redisstore.Options{Authorities: test.authorities})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			_, err = store.Counters(t.Context(), room)
			if !errors.Is(err, waitingroom.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("asked for the counters: %v", err)
			}
		})
	}
}
