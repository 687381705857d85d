package demo_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/demo"
)

const (
	// A small crowd in front of a wide door: a wait of about four seconds.
	crowd     = 40
	perSecond = 10

	// enterLimit is how long the way into the shop may take on a busy machine.
	enterLimit = 30 * time.Second
)

// TestDemo starts the demo as the command does, but with a short line, and goes
// through it as an impatient person does whose browser has no scripts.
func TestDemo(t *testing.T) {
	d := start(t)

	t.Run("a visitor waits behind the crowd, sees the line move and gets in", func(t *testing.T) {
		b := newBrowser(t)
		waited, last := b.enter(d.url)
		if len(waited) < 2 {
			t.Fatalf("the visitor saw the waiting page %d times, want at least twice", len(waited))
		}
		position := waited[0].position
		if position <= crowd {
			t.Errorf("the visitor has position %d, but %d others came before", position, crowd)
		}
		if limit := int64(crowd + 30*perSecond); position > limit {
			t.Errorf("the visitor has position %d, want at most %d", position, limit)
		}
		if ahead := position - waited[0].serving - 1; ahead > crowd {
			t.Errorf("%d are ahead of the visitor, but the crowd has only %d heads", ahead, crowd)
		}
		for _, page := range waited {
			if page.position != position {
				t.Errorf("the position changed from %d to %d", position, page.position)
			}
		}
		if first, final := waited[0].serving, waited[len(waited)-1].serving; final <= first {
			t.Errorf("the line did not move: it was at %d and then at %d", first, final)
		}
		if want := fmt.Sprintf("You were number <strong>%d</strong>", position); !strings.Contains(last, want) {
			t.Errorf("the shop does not say %q:\n%s", want, last)
		}
		for _, claim := range []string{"iss", "sub", "aud", "nonce", "auth_time", "sid", "queue_position"} {
			if !strings.Contains(last, "<code>"+claim+"</code>") {
				t.Errorf("the shop does not show the claim %s", claim)
			}
		}

		if _, body := b.get(d.url); !strings.Contains(body, "You are in") {
			t.Errorf("after a reload the visitor is out:\n%s", body)
		}
		address, body := b.post(d.url + "logout")
		if want := d.url + "goodbye"; address.String() != want {
			t.Errorf("after logging out the visitor is at %s%s, want %s", address.Host, address.Path, want)
		}
		if !strings.Contains(body, "You have left the shop") {
			t.Errorf("the shop does not say goodbye:\n%s", body)
		}
		if address, _ := b.get(d.url); !strings.HasSuffix(address.Path, "/wait") {
			t.Errorf("who has logged out is let in again, to %s%s", address.Host, address.Path)
		}
	})

	// A login that another browser began could log the visitor in as somebody else
	// (RFC 6749 §10.12).
	t.Run("a login that another browser began is refused", func(t *testing.T) {
		page, _ := newBrowser(t).stop().get(d.url)
		state := page.Query().Get("state")
		if state == "" {
			t.Fatalf("the shop sends its visitors to %s without a state", page.Host)
		}
		b := newBrowser(t)
		if _, body := b.get(d.url + "callback?code=x&state=" + state); !strings.Contains(body, "Another browser began this login") {
			t.Errorf("the shop did not refuse:\n%s", body)
		}
		if b.status != http.StatusBadRequest {
			t.Errorf("the shop answered %d, want %d", b.status, http.StatusBadRequest)
		}
	})

	t.Run("a login that nobody began is refused", func(t *testing.T) {
		b := newBrowser(t)
		if _, body := b.get(d.url + "callback?code=x&state=y"); b.status != http.StatusBadRequest {
			t.Errorf("the shop answered %d, want %d:\n%s", b.status, http.StatusBadRequest, body)
		}
	})

	d.stop()
	if got := d.stderr.String(); strings.Contains(got, "level=") {
		t.Errorf("the log is not empty:\n%s", got)
	}
	if got := d.stderr.String(); !strings.Contains(got, "Port "+d.taken+" is taken") {
		t.Errorf("nothing says that port %s is taken:\n%s", d.taken, got)
	}
	if rest := d.rest(); rest != "" {
		t.Errorf("standard output has more than one line: %q", rest)
	}
	left, err := os.ReadDir(d.temp)
	if err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

// running is a demo in this process.
type running struct {
	url    string // The one line on standard output.
	taken  string // The port that the demo was asked to use, but that is taken.
	temp   string // Where temporary files go.
	stderr *buffer
	stop   func()        // Ends the demo, and fails the test if it ended badly.
	rest   func() string // What it wrote to standard output after the URL.
}

// start starts a demo on a port that is taken, and waits for its URL.
func start(t *testing.T) running {
	t.Helper()
	d := running{temp: t.TempDir(), stderr: &buffer{}}
	t.Setenv("TMPDIR", d.temp)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	port := socket.Addr().(*net.TCPAddr).Port
	d.taken = strconv.Itoa(port)

	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := demo.Run(ctx, demo.Options{
			Port: port, Crowd: crowd, PerSecond: perSecond, Stdout: writer, Stderr: d.stderr,
			Logger: slog.New(slog.NewTextHandler(d.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
		writer.Close()
		ended <- err
	}()
	var once sync.Once
	out := bufio.NewReader(reader)
	more := make(chan string, 1)
	d.rest = func() string { return <-more }
	d.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the demo ended with %v", err)
			}
		})
	}
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("the demo ended without a URL: %v\n%s", <-ended, d.stderr)
	}
	t.Cleanup(d.stop)
	go func() {
		rest, _ := io.ReadAll(out)
		more <- string(rest)
	}()
	d.url = strings.TrimSuffix(line, "\n")
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/$`).MatchString(d.url) {
		t.Fatalf("the demo printed %q, want one URL", line)
	}
	return d
}

// browser is a browser without scripts, written apart from the crowd's so that
// one fault does not hide another.
type browser struct {
	t      *testing.T
	client *http.Client
	status int    // Of the last answer.
	after  string // Its Refresh header.
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, client: &http.Client{Jar: jar, Timeout: enterLimit}}
}

// stop lets the browser stop at the first redirect, and report where it leads.
func (b *browser) stop() *browser {
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

func (b *browser) get(address string) (*url.URL, string) {
	b.t.Helper()
	return b.load(http.MethodGet, address)
}

func (b *browser) post(address string) (*url.URL, string) {
	b.t.Helper()
	return b.load(http.MethodPost, address)
}

// load returns the page that an address leads to, and where it is.
func (b *browser) load(method, address string) (*url.URL, string) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.status, b.after = response.StatusCode, response.Header.Get("Refresh")
	if next, err := response.Location(); err == nil {
		return next, string(body)
	}
	return response.Request.URL, string(body)
}

// standing is what one waiting page says.
type standing struct {
	position, serving int64
}

// enter opens the shop and reloads the page every second until it is in, sooner
// than Refresh asks for: the crowd obeys that already, and impatience must neither
// help nor harm. It returns what the waiting pages said, and the shop's page.
func (b *browser) enter(shop string) (waited []standing, last string) {
	b.t.Helper()
	deadline := time.Now().Add(enterLimit)
	address, body := b.get(shop)
	for b.after != "" {
		waited = append(waited, standing{b.number(body, "position"), b.number(body, "serving")})
		if time.Now().After(deadline) {
			b.t.Fatalf("not in the shop after %v; the line said %v", enterLimit, waited)
		}
		time.Sleep(time.Second)
		address, body = b.get(address.String())
	}
	if address.String() != shop {
		b.t.Fatalf("ended at %s%s with %d:\n%s", address.Host, address.Path, b.status, body)
	}
	return waited, body
}

// number returns the number that the waiting page has in the element of an id.
func (b *browser) number(body, id string) int64 {
	b.t.Helper()
	found := regexp.MustCompile(`id="` + id + `">([0-9,.\x{202f}\x{a0}]+)<`).FindStringSubmatch(body)
	if found == nil {
		b.t.Fatalf("the waiting page does not show its %s:\n%s", id, body)
	}
	digits := regexp.MustCompile(`\D`).ReplaceAllString(found[1], "")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// buffer is a bytes.Buffer that may be written and read at the same time.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
