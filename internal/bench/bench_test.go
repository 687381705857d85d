package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	for name, test := range map[string]struct {
		numbers []float64
		want    summary
	}{
		"one number":            {[]float64{2}, summary{2, 2, 2}},
		"an odd number of them": {[]float64{3, 1, 2}, summary{2, 1, 3}},
		"an even number of them has a mean inside": {[]float64{4, 1, 3, 2}, summary{2.5, 1, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := summarize(test.numbers); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// runs are two pairs with the ratios 1.2 and 1.4.
func runs() comparison {
	return comparison{
		server: []cost{{cpu: 12 * time.Microsecond, throughput: 70_000}, {cpu: 14 * time.Microsecond, throughput: 70_000}},
		bare:   []cost{{cpu: 10 * time.Microsecond, throughput: 100_000}, {cpu: 10 * time.Microsecond, throughput: 100_000}},
	}
}

func TestTheTableSaysWhichBoundWasMissed(t *testing.T) {
	got := table([]line{runs().cpuLine("join", 1.29), runs().throughputLine("join", 0.7)})
	want := `| what                             | measured (median)                        | spread    | bound         |        |
|----------------------------------|------------------------------------------|-----------|---------------|--------|
| join: CPU per request            | 1.30 × bare (13.0 µs against 10.0 µs)    | 1.20–1.40 | ≤ 1.29 × bare | MISSED |
| join: throughput, 64 connections | 0.70 × bare (70.0 k/s against 100.0 k/s) | 0.70–0.70 | ≥ 0.70 × bare | ok     |
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
}

func TestAReportKeepsWhatPeopleWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := writeReport(path, 1, nil); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(made), "# Performance\n") {
		t.Errorf("a new report begins with %.40q", made)
	}
	document := "# Mine\n\n" + reportBegin + "old\n" + reportEnd + "\nAbout it.\n"
	want := "# Mine\n\n" + reportBegin + "new\n" + reportEnd + "\nAbout it.\n"
	if diff := cmp.Diff(want, insert(document, "new\n")); diff != "" {
		t.Errorf("the document (-want +got):\n%s", diff)
	}
}

func TestWhatLinuxSaysOfAProcess(t *testing.T) {
	if got, err := parseSchedstat("3456789 120 17\n"); err != nil || got != 3456789 {
		t.Errorf("got %v, %v, want 3.456789ms", got, err)
	}
	if _, err := parseSchedstat(""); err == nil {
		t.Error("an empty schedstat is no error")
	}
	if got, err := parseAnonymous("VmRSS:\t   9000 kB\nRssAnon:\t    5120 kB\n"); err != nil || got != 5*mib {
		t.Errorf("got %v, %v, want 5 MiB", got, err)
	}
	if _, err := parseAnonymous("VmRSS:\t   9000 kB\n"); err == nil {
		t.Error("a status without RssAnon is no error")
	}
}

func TestTheHardware(t *testing.T) {
	const cpuinfo = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Some CPU\n\nprocessor\t: 1\ncpu family\t: 6\n"
	if got, want := cpuModel(cpuinfo), "Some CPU (cpu family 6, model 143)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	const mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmpfiles xfs rw 0 0\n"
	for dir, want := range map[string][2]string{
		"/tmp": {"tmpfs", "tmpfs"}, "/tmp/x": {"tmpfs", "tmpfs"}, "/var/tmp": {"/dev/vda", "ext4"}, "/tmpfiles/x": {"/dev/vdb", "xfs"},
	} {
		if device, filesystem := mountOf(mounts, dir); device != want[0] || filesystem != want[1] {
			t.Errorf("%s is on %s %s, want %v", dir, device, filesystem, want)
		}
	}
}

func TestAssetsOfAPage(t *testing.T) {
	page := `<link rel="icon" href="/static/mark.svg"><script src="/static/wait.js" defer></script><img src="/static/mark.svg"><a href="https://shop.example.com/">`
	got, err := assetsOf(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/static/mark.svg", "/static/wait.js"}, got); diff != "" {
		t.Errorf("assets (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`<script src="https://cdn.example.com/a.js">`, `<img src="//cdn.example.com/a.png">`, `<p>`} {
		if _, err := assetsOf(bad); err == nil {
			t.Errorf("%s is no error", bad)
		}
	}
}

func TestTheCommandLine(t *testing.T) {
	for name, args := range map[string][]string{
		"something that can't be measured": {"-only", "join,luck"},
		"no runs":                          {"-runs", "0"},
		"an argument":                      {"join"},
		"an unknown flag":                  {"-fast"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), args, t.Output(), t.Output()); err == nil {
				t.Error("no error")
			}
		})
	}
}

// The bare handler must send what the server sent, byte for byte, or it is no
// yardstick.
func TestTheBareHandlerAnswersAlike(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(`{"a":1}`))
	}))
	defer origin.Close()
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	want, err := ask(t.Context(), origin.Listener.Addr().String(), request)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	greeting, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- want.serve(ctx, writerFunc(func(b []byte) { greeting <- string(b) })) }()
	_, address, _ := strings.Cut(strings.TrimSpace(<-greeting), "public=")
	got, err := ask(t.Context(), address, request)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the answer (-server +bare):\n%s", diff)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(bytes.Clone(b))
	return len(b), nil
}

func TestTheGeneratorSendsAsManyAsItIsTold(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the generator needs Linux")
	}
	served := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		if r.URL.RawQuery == "close" {
			w.Header().Set("Connection", "close")
		}
		served <- struct{}{}
	}))
	defer server.Close()
	want := 0
	for path, ok := range map[string]bool{"/": true, "/?close": true, "/missing": false} {
		g, err := dial(t.Context(), 3, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.send(20); (err == nil) != ok {
			t.Errorf("%s: got %v", path, err)
		}
		if ok {
			want += 20
		}
		if len(served) != want {
			t.Errorf("%s: %d requests came in, want %d", path, len(served), want)
		}
		if err := g.close(); err != nil {
			t.Error(err)
		}
	}
}
