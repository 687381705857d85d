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

// A demo is a running `anteroom demo`.
type demo struct {
	URL string // as printed, with the line break

	t      *testing.T
	data   string // where it puts its data
	cmd    *exec.Cmd
	log    strings.Builder
	more   []byte     // printed after the URL; for those who have read exited
	exited chan error // receives once, when cmd has ended
}

// startDemo starts the demo and waits until it has printed a line.
func startDemo(t *testing.T) *demo {
	t.Helper()
	d := &demo{t: t, data: t.TempDir(), cmd: exec.Command(binary, "demo", "--port", "0"), exited: make(chan error, 1)}
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.data)
	d.cmd.Stderr = &d.log
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Interrupt)
	line := make(chan string, 1)
	go func() {
		out := bufio.NewReader(stdout)
		if first, err := out.ReadString('\n'); err == nil {
			line <- first
		}
		d.more, _ = io.ReadAll(out)
		d.exited <- d.cmd.Wait()
	}()
	select {
	case d.URL = <-line:
	case <-time.After(startLimit):
		t.Fatalf("the demo printed nothing within %v", startLimit)
	}
	return d
}

// Interrupt presses Ctrl-C, and fails the test unless the demo ends in good order
// and leaves nothing behind.
func (d *demo) Interrupt() {
	d.t.Helper()
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-d.exited:
		if err != nil {
			d.t.Errorf("after Ctrl-C: %v\n%s", err, d.log.String())
		}
		if len(d.more) > 0 {
			d.t.Errorf("the demo printed %q after its URL", d.more)
		}
		if left, err := filepath.Glob(filepath.Join(d.data, "*")); err != nil || len(left) > 0 {
			d.t.Errorf("the demo left %q behind: %v", left, err)
		}
	case <-time.After(stopLimit):
		_ = d.cmd.Process.Kill()
		<-d.exited
		d.t.Errorf("the demo still ran %v after Ctrl-C", stopLimit)
	}
	d.cmd = nil
}

// A person runs the demo, opens its URL, watches the line move, is in the shop
// within about half a minute, and presses Ctrl-C.
func TestDemoLetsAVisitorIntoTheShop(t *testing.T) {
	d := startDemo(t)
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/\n$`).MatchString(d.URL) {
		t.Fatalf("the demo printed %q, want a URL", d.URL)
	}
	b := newBrowser(t)
	begin := time.Now()
	b.Goes(strings.TrimSpace(d.URL), inLine)
	ahead := b.Number("#ahead")
	eventually(t, "the line moves", func() bool { return b.Number("#ahead") < ahead })
	b.Screenshot("demo-waiting")
	b.Sees("You are in")
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v to get in", took)
	}
	text := get(b, chromedp.Evaluate[string](`document.querySelector("table").textContent`))
	if !strings.Contains(text, "queue_position") {
		t.Errorf("the shop shows %q, want the claims", text)
	}
	b.Screenshot("demo-shop")
	if c := b.Complaints(); len(c) > 0 {
		t.Errorf("the browser complained: %q", c)
	}
	d.Interrupt()
}
