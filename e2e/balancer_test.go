//go:build e2e && linux

package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// balancerConfig is a load balancer without affinity. It looks after its nodes twice a
// second, and gives a request to the next node only if the first took no
// connection: it does not know which requests may be repeated.
const balancerConfig = `global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch 1
  option forwardfor
frontend public
  bind %s
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /healthz
  default-server check inter 500ms fall 1 rise 1
`

// startBalancer starts HAProxy at an address, in front of nodes at others. It ends with
// the test.
func startBalancer(t *testing.T, address string, nodes []string) {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy" // Where Debian has it, which is not on every path.
		if _, err := os.Stat(program); err != nil {
			skipOrFail(t, "no haproxy; install Debian's package haproxy to run this test")
		}
	}
	var config strings.Builder
	fmt.Fprintf(&config, balancerConfig, address)
	for i, node := range nodes {
		fmt.Fprintf(&config, "  server node%d %s\n", i, node)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-q", "-f", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // It was killed.
	})
	eventually(t, "the load balancer listens", func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}
