package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignalEndsAtOnce holds a request open, for which a stopping server
// waits, and shows that an operator who doesn't want to wait need not.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	config := filepath.Join(t.TempDir(), "anteroom.yaml")
	err := os.WriteFile(config, []byte(`
issuer: http://localhost:8080
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0"}
store: {url: "memory:"}
rooms: [{id: sale}]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "anteroom", "serve", "--config", config)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // None that configures it.
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var public, management string
	if _, err := fmt.Sscanf(line, "listening public=%s management=%s", &public, &management); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	held := dial(t, public)
	if _, err := fmt.Fprint(held, "GET /healthz HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	// An answer to somebody who came later shows that the first bytes have been seen.
	other := dial(t, public)
	if _, err := fmt.Fprint(other, "GET /healthz HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(other).ReadString('\n'); err != nil || !strings.Contains(answer, "200") {
		t.Fatalf("got %q, %v", answer, err)
	}

	signalProcess(t, cmd)
	waitUntilClosed(t, public)
	signalProcess(t, cmd)
	began := time.Now()
	_ = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, want the signal to have its usual effect", cmd.ProcessState)
	}
	if took := time.Since(began); took > stopLimit/2 {
		t.Errorf("it took %v to end", took)
	}
}

func signalProcess(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// waitUntilClosed waits until nobody listens at an address, which is how a server
// shows that it is stopping.
func waitUntilClosed(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(stopLimit / 2); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("it still accepts connections after a signal")
}
