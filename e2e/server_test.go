//go:build e2e

package e2e_test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// startLimit bounds how long the listening line may take. It is no
	// promise of speed: a busy machine under test may be slow.
	startLimit = 30 * time.Second

	// stopLimit is the 10 seconds that the program may take to stop, and some
	// for a busy machine.
	stopLimit = 15 * time.Second
)

// Ports of servers are above those that Redis gets, with its buses.
const (
	firstPort = 26000
	ports     = 6000
)

// nextPort counts the ports that were tried, from somewhere on.
var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(mathrand.Int64N(ports))
	return &n
}()

// A server is a running `anteroom serve` with a store, a configuration and
// ports of its own, which all stay the same when it is restarted.
type server struct {
	Issuer     string // base URL of the public listener
	Management string // base URL of the management listener
	AdminToken string // bearer token for the management listener

	t       *testing.T
	dir     string
	public  string   // where the public listener is
	program []string // the command, without its arguments
	env     []string // beside the environment of the test
	address string   // the line that the program has to print
	cmd     *exec.Cmd
	exited  chan error // receives once, when cmd has ended
}

// startServer starts the program with the embedded store and waits until it
// listens. The configuration is what follows the head, which names the issuer,
// both listeners, the store and the secret: rooms, clients and the like. The
// server stops with the test and must then stop in good order.
func startServer(t *testing.T, config string) *server {
	t.Helper()
	public := freeAddress(t, "127.0.0.1")
	_, port, err := net.SplitHostPort(public)
	if err != nil {
		t.Fatal(err)
	}
	return startServerAt(t, public, "http://localhost:"+port, config)
}

// startSecureServer does the same over https, with a certificate of the
// authority. The host is an address of the loopback network, such as 127.0.0.2:
// cookies ignore ports, so it is not that of the relying party.
func startSecureServer(t *testing.T, a *authority, host, config string) *server {
	t.Helper()
	certificate, key := a.Issue(host)
	public := freeAddress(t, host)
	return startServerAt(t, public, "https://"+public,
		fmt.Sprintf("tls: {cert_file: %q, key_file: %q}\n", certificate, key)+config)
}

// startServerAt starts the program with its public listener at an address and
// under an issuer.
func startServerAt(t *testing.T, public, issuer, config string) *server {
	t.Helper()
	s := newServer(t, public, issuer, `store: {url: "bolt:anteroom.db"}`+"\n"+config)
	s.start()
	return s
}

// newServer prepares the program, with its public listener at an address and under
// an issuer, and does not start it. The configuration names the store as well.
func newServer(t *testing.T, public, issuer, config string) *server {
	t.Helper()
	management := freeAddress(t, "127.0.0.1")
	s := &server{
		Issuer:     issuer,
		Management: "http://" + management,
		AdminToken: rand.Text(),
		t:          t,
		dir:        t.TempDir(),
		public:     public,
		program:    []string{binary},
		address:    fmt.Sprintf("listening public=%s management=%s", public, management),
	}
	s.write("admin-token", s.AdminToken+"\n")
	s.configure(config)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log())
		}
	})
	return s
}

// configure writes the configuration: a head and what follows.
func (s *server) configure(config string) {
	s.t.Helper()
	s.write("anteroom.yaml", fmt.Sprintf(`issuer: %s
listen: %q
management: {listen: %q, token_file: admin-token}
secret_file: master
`, s.Issuer, s.public, strings.TrimPrefix(s.Management, "http://"))+config)
}

// Stop asks the program to stop, as a service manager does, and fails the test
// if it does not end in time or not with exit code 0. A stopped server may be
// stopped again.
func (s *server) Stop() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	// An error means that it has ended already; how, is said below.
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		s.cmd = nil
		if err != nil {
			s.t.Errorf("the server ended badly: %v", err)
		}
	case <-time.After(stopLimit):
		s.Kill()
		s.t.Errorf("the server still ran %v after SIGTERM", stopLimit)
	}
}

// Kill ends the program on the spot, as a crash does.
func (s *server) Kill() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
	s.cmd = nil
}

// Restart starts the program again on the same store and ports, after stopping
// it in good order if it still runs.
func (s *server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// Log returns all that the program has written to standard error, over all
// restarts.
func (s *server) Log() string {
	s.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Error(err)
	}
	return string(log)
}

// start runs the program and returns when it listens.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(s.program[0], slices.Concat(s.program[1:], []string{"serve", "--config", "anteroom.yaml"})...)
	cmd.Dir = s.dir
	cmd.Stderr = log
	// A variable of whoever runs the tests must not configure the program.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "ANTEROOM_")
	})
	cmd.Env = append(cmd.Env, s.env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, exited := make(chan string, 1), make(chan error, 1)
	go func() {
		out := bufio.NewReader(stdout)
		if first, err := out.ReadString('\n'); err == nil {
			line <- strings.TrimSuffix(first, "\n")
		}
		_, _ = io.Copy(io.Discard, out)
		exited <- cmd.Wait()
	}()
	s.cmd, s.exited = cmd, exited
	select {
	case got := <-line:
		if got != s.address {
			s.t.Fatalf("the server printed %q, want %q", got, s.address)
		}
	case err := <-exited:
		s.cmd = nil
		s.t.Fatalf("the server ended before it listened: %v", err)
	case <-time.After(startLimit):
		s.t.Fatalf("the server did not listen within %v", startLimit)
	}
}

// write puts a file into the server's folder, which is its working directory.
func (s *server) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// freeAddress returns an address of a host on the loopback network at which
// nothing listens. A fixed port rather than :0 lets the issuer be written down first
// and a restarted server be found again. It is below those that the system hands
// out to connections, one of which might take it before the program does. No two
// tests are told of the same one: each listens only after a while.
func freeAddress(t *testing.T, host string) string {
	t.Helper()
	for range 100 {
		port := firstPort + int(nextPort.Add(1))%ports
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	t.Fatalf("no port of %s is free", host)
	return ""
}
