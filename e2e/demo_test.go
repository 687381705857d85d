//go:build e2e

package e2e_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A person runs the demo, opens its URL, watches the line move, is in the shop
// within about half a minute, and presses Ctrl-C.
func TestDemoLetsAVisitorIntoTheShop(t *testing.T) {
	data := t.TempDir()
	cmd := exec.Command(binary, "demo", "--port", "0")
	cmd.Env = append(os.Environ(), "TMPDIR="+data)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, exited := make(chan string, 1), make(chan error, 1)
	var rest []byte
	go func() {
		out := bufio.NewReader(stdout)
		if line, err := out.ReadString('\n'); err == nil {
			lines <- line
		}
		rest, _ = io.ReadAll(out)
		exited <- cmd.Wait()
	}()
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case err = <-exited:
			exited <- err // for who asks again
		case <-time.After(stopLimit):
			_ = cmd.Process.Kill()
			t.Errorf("the demo still ran %v after Ctrl-C", stopLimit)
		}
	}
	t.Cleanup(stop)

	var line string
	select {
	case line = <-lines:
	case <-time.After(startLimit):
		t.Fatalf("the demo printed nothing within %v", startLimit)
	}
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/\n$`).MatchString(line) {
		t.Fatalf("the demo printed %q, want a URL", line)
	}
	b := newBrowser(t)
	begin := time.Now()
	b.Goes(strings.TrimSpace(line), inLine)
	ahead := b.Number("#ahead")
	eventually(t, "the line moves", func() bool { return b.Number("#ahead") < ahead })
	b.Screenshot("demo-waiting")
	b.Sees("You are in")
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v to get in", took)
	}
	if text := get(b, chromedp.Evaluate[string](`document.querySelector("table").textContent`)); !strings.Contains(text, "queue_position") {
		t.Errorf("the shop shows %q, want the claims", text)
	}
	b.Screenshot("demo-shop")
	if c := b.Complaints(); len(c) > 0 {
		t.Errorf("the browser complained: %q", c)
	}

	stop()
	if err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, log.String())
	}
	if len(rest) > 0 {
		t.Errorf("the demo also printed %q", rest)
	}
	if left, err := filepath.Glob(filepath.Join(data, "*")); err != nil || len(left) > 0 {
		t.Errorf("the demo left %q behind: %v", left, err)
	}
}
