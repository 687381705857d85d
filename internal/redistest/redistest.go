// Package redistest starts real Redis servers for tests, on loopback and with
// nothing but the test's own data.
//
// A machine without redis-server skips such tests, unless the environment variable CI
// is set: there, what is missing fails the run.
package redistest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startTimeout bounds how long a server may take to answer. Machines that run
// tests are busy.
const startTimeout = 20 * time.Second

// Host is where servers run, and how.
type Host struct {
	// IP is the address that they listen on.
	IP string
	// Prefix is a command that runs them there, such as "ip netns exec NAME".
	Prefix []string
	// Program is the server's; if empty, redis-server.
	Program string
	// Authority certifies servers that speak TLS and nothing else; if nil, they speak
	// in the clear.
	Authority *Authority
}

// Loopback is this machine.
func Loopback() Host { return Host{IP: "127.0.0.1"} }

// Valkey is this machine with Valkey in the place of Redis. Not every system has a
// package of it, so a machine without skips the test, also where CI is set.
func Valkey(tb testing.TB) Host {
	tb.Helper()
	h := Loopback()
	h.Program = "valkey-server"
	if _, err := exec.LookPath(h.Program); err != nil {
		tb.Skip("no valkey-server on the PATH")
	}
	return h
}

// Server is a running server.
type Server struct {
	// Addr is its host and port.
	Addr string

	tb   testing.TB
	host Host
	args []string // With the program's name.
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a server that ends with the test. Arguments are added to its
// command line, and win over those that Start gives: no snapshots, no append-only
// file.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return Loopback().Start(tb, args...)
}

// Start starts a server on a host, as the function of that name does.
func (h Host) Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s := h.server(tb)
	_, port, _ := net.SplitHostPort(s.Addr)
	listen := []string{"--port", port}
	if h.Authority != nil {
		listen = append([]string{"--port", "0", "--tls-port", port}, h.Authority.args(tb, h.IP)...)
	}
	s.args = slices.Concat(s.args, []string{
		"--bind", h.IP, "--protected-mode", "no", "--dir", tb.TempDir(), "--save", "", "--appendonly", "no",
	}, listen, args)
	s.Run()
	return s
}

// server returns a server that isn't running yet, with a free port.
func (h Host) server(tb testing.TB) *Server {
	tb.Helper()
	program := h.Program
	if program == "" {
		program = "redis-server"
	}
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("%s is missing; install Debian's package redis-server", program)
		}
		tb.Skipf("no %s; install Debian's package redis-server to run this test", program)
	}
	return &Server{Addr: net.JoinHostPort(h.IP, freePort(tb)), tb: tb, host: h, args: append(slices.Clone(h.Prefix), program)}
}

// freePort returns a port that nobody listens on, nor on that of the bus of a
// cluster's node, 10,000 above. Both are below those that the system gives to
// outgoing connections, one of which could take it before the server does, and below
// those that tests of the built binary give to its nodes.
func freePort(tb testing.TB) string {
	tb.Helper()
	var err error
	for range 100 {
		port := 12_000 + rand.IntN(4_000) //nolint:gosec // No secret.
		if err = errors.Join(tryPort(tb, port), tryPort(tb, port+10_000)); err == nil {
			return strconv.Itoa(port)
		}
	}
	tb.Fatal(err)
	return ""
}

func tryPort(tb testing.TB, port int) error {
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

// Run starts the server again after [Server.Kill] or [Server.Shutdown], with the
// same data directory.
func (s *Server) Run() {
	s.tb.Helper()
	cmd := exec.Command(s.args[0], s.args[1:]...) //nolint:gosec,noctx // The test's own arguments; its end kills the server.
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	done := make(chan struct{})
	s.cmd, s.done = cmd, done
	go func() {
		_ = cmd.Wait() // A test that kills it knows how it ended.
		close(done)
	}()
	s.tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	s.await()
}

// await waits until the server has loaded its data and answers.
func (s *Server) await() {
	s.tb.Helper()
	client := s.Client()
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := client.Ping(s.tb.Context()).Err()
		if err == nil && s.Running() {
			return
		}
		if !s.Running() || time.Now().After(end) {
			s.tb.Fatalf("server at %s: %v", s.Addr, err)
		}
	}
}

// Client returns a client of this server that repeats nothing by itself.
func (s *Server) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, TLSConfig: s.host.Authority.trust()})
}

// Kill ends the server at once.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Running reports whether the server hasn't ended.
func (s *Server) Running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Do runs a command and fails the test if that fails.
func (s *Server) Do(args ...any) any {
	s.tb.Helper()
	client := s.Client().WithTimeout(startTimeout)
	defer func() { _ = client.Close() }()
	value, err := client.Do(s.tb.Context(), args...).Result()
	if err != nil {
		s.tb.Fatalf("%v: %v", args, err)
	}
	return value
}

// StartCluster starts a Redis Cluster of three masters with a replica each, and
// returns its six servers, masters first.
func StartCluster(tb testing.TB) []*Server {
	tb.Helper()
	return Loopback().StartCluster(tb)
}

// StartCluster starts a cluster on a host, as the function of that name does.
func (h Host) StartCluster(tb testing.TB) []*Server {
	tb.Helper()
	return StartClusterOn(tb, [6]Host{h, h, h, h, h, h})
}

// StartClusterOn does the same on several hosts. The first has the master of the
// first third of the slots, whose replica is on another host if there is one.
func StartClusterOn(tb testing.TB, hosts [6]Host) []*Server {
	tb.Helper()
	var servers []*Server
	args := []string{"--cluster", "create"}
	for i, host := range hosts {
		s := host.Start(tb, "--cluster-enabled", "yes", "--cluster-config-file", fmt.Sprintf("nodes-%d.conf", i),
			"--cluster-node-timeout", "2000", "--enable-debug-command", "local", "--repl-diskless-sync-delay", "0")
		servers = append(servers, s)
		args = append(args, s.Addr)
	}
	args = append(args, "--cluster-replicas", "1", "--cluster-yes")
	if a := hosts[0].Authority; a != nil {
		args = append(args, "--tls", "--cacert", a.File)
	}
	if out, err := exec.CommandContext(tb.Context(), "redis-cli", args...).CombinedOutput(); err != nil {
		tb.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	for _, s := range servers {
		s.settle(len(servers))
	}
	return servers
}

// settle waits until a node of a cluster knows all others and is ready, and its
// replica, or its master, is in touch.
func (s *Server) settle(nodes int) {
	s.tb.Helper()
	client := s.Client()
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		info, err := client.ClusterInfo(s.tb.Context()).Result()
		peers, peersErr := client.Info(s.tb.Context(), "replication").Result()
		info += peers
		if err = errors.Join(err, peersErr); err == nil &&
			strings.Contains(info, "cluster_state:ok\r\n") &&
			strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(nodes)+"\r\n") &&
			(strings.Contains(info, "state=online") || strings.Contains(info, "master_link_status:up")) {
			return
		}
		if time.Now().After(end) {
			s.tb.Fatalf("the cluster isn't ready: %v\n%s", err, info)
		}
	}
}
