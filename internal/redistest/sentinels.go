package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinels are a master with replicas, and three sentinels that watch them.
type Sentinels struct {
	// Name is that of the master, to the sentinels.
	Name string
	// Master and Replicas are what they were at the start.
	Master   *Server
	Replicas []*Server
	// Sentinels are three servers.
	Sentinels []*Server
}

// StartSentinels starts a master, some replicas of it, and three sentinels, which
// give a master up after a second of silence.
func StartSentinels(tb testing.TB, replicas int) *Sentinels {
	tb.Helper()
	return Loopback().StartSentinels(tb, replicas)
}

// StartSentinels starts them on a host, as the function of that name does.
func (h Host) StartSentinels(tb testing.TB, replicas int) *Sentinels {
	tb.Helper()
	s := &Sentinels{Name: "line", Master: h.Start(tb, "--repl-diskless-sync-delay", "0")}
	ip, port, _ := net.SplitHostPort(s.Master.Addr)
	for range replicas {
		s.Replicas = append(s.Replicas, h.Start(tb, "--repl-diskless-sync-delay", "0", "--replicaof", ip+" "+port))
	}
	for range 3 {
		s.Sentinels = append(s.Sentinels, h.sentinel(tb, s.Name, ip, port))
	}
	for _, sentinel := range s.Sentinels {
		sentinel.awaitQuorum(s.Name, replicas)
	}
	return s
}

// sentinel starts one. It writes to its configuration file what it finds out.
func (h Host) sentinel(tb testing.TB, name, masterIP, masterPort string) *Server {
	tb.Helper()
	s := h.server(tb)
	_, port, _ := net.SplitHostPort(s.Addr)
	dir := tb.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	lines := []string{"bind " + h.IP, "dir " + dir}
	if h.Authority == nil {
		lines = append(lines, "port "+port)
	} else {
		lines = append(lines, "port 0", "tls-port "+port)
		args := h.Authority.args(tb, h.IP)
		for i := 0; i < len(args); i += 2 {
			lines = append(lines, strings.TrimPrefix(args[i], "--")+" "+args[i+1])
		}
	}
	lines = append(lines,
		fmt.Sprintf("sentinel monitor %s %s %s 2", name, masterIP, masterPort),
		fmt.Sprintf("sentinel down-after-milliseconds %s 1000", name),
		fmt.Sprintf("sentinel failover-timeout %s 3000", name), "")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.args = append(s.args, file, "--sentinel")
	s.Run()
	return s
}

// awaitQuorum waits until a sentinel knows the two others and the replicas.
func (s *Server) awaitQuorum(name string, replicas int) {
	s.tb.Helper()
	client := redis.NewSentinelClient(&redis.Options{Addr: s.Addr, TLSConfig: s.host.Authority.trust()})
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		master, err := client.Master(s.tb.Context(), name).Result()
		if err == nil && master["num-other-sentinels"] == "2" && master["num-slaves"] == strconv.Itoa(replicas) && master["flags"] == "master" {
			return
		}
		if time.Now().After(end) {
			s.tb.Fatalf("the sentinels don't know each other: %v %v", err, master)
		}
	}
}

// URL returns the URL of the master behind the sentinels, in the form of package
// redisurl.
func (s *Sentinels) URL() string {
	scheme := "redis"
	if s.Master.host.Authority != nil {
		scheme = "rediss"
	}
	var addrs []string
	for _, sentinel := range s.Sentinels {
		addrs = append(addrs, sentinel.Addr)
	}
	return scheme + "+sentinel://" + strings.Join(addrs, ",") + "/" + s.Name
}
