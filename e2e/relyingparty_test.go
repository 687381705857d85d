//go:build e2e

package e2e_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A relyingParty is a kind of relying party that is tested as others run it: a
// program of its own with a configuration of its own, listening on 127.0.0.1,
// while the provider is on 127.0.0.2, because cookies ignore ports.
//
// Each demands a login on every path but those named below, and shows then, in
// the elements that [shown] reads, who is logged in and which path was asked
// for. Besides it has
//
//	/          what visitors find who had to start their login afresh
//	/leave     logs out here and at the provider, which then leads to
//	/goodbye   a page for everybody
type relyingParty struct {
	Callback string // path of the redirect URI
	Client   string // further keys of the client but for transaction_ttl, as configuration
	// Refused is on the page that it shows when the provider answers
	// login_required, and Late when a login comes back after its time-out.
	Refused, Late string
	// Overwritten is on the page of a tab whose login a later tab's has replaced,
	// if it remembers one login of a browser, and UnknownKey when a token is signed
	// by a key that came after it fetched the keys, if it doesn't fetch them again
	// within seconds.
	Overwritten, UnknownKey string
	// Cannot says which scenarios it cannot play, and why.
	Cannot map[string]string
	// Start runs it until the test ends, and returns when it listens.
	Start func(t *testing.T, s relyingPartySettings)
}

// relyingPartySettings say how a relying party is to be run.
type relyingPartySettings struct {
	Address   string // where to listen: host and port
	Issuer    string
	Authority *authority // trusted for the issuer
	ClientID  string
	Secret    string
	// Patience is how long a login may take, in whole seconds.
	Patience time.Duration
	// Refreshes says to keep the session alive by refresh tokens. Otherwise it
	// ends with the ID token.
	Refreshes bool
}

// URL returns the base URL of the relying party.
func (s relyingPartySettings) URL() string { return "http://" + s.Address }

// A stage has a server and a relying party, both running.
type stage struct {
	*server
	relyingParty
	URL string // base URL of the relying party

	authority *authority
}

// newStage starts a server with the room sale, and the relying party as a client
// of it, both as the scenario wants them.
func newStage(t *testing.T, party relyingParty, s scenario) *stage {
	t.Helper()
	settings := relyingPartySettings{
		Address: freeAddress(t, "127.0.0.1"), Authority: newAuthority(t),
		ClientID: "site", Secret: cmp.Or(s.Secret, "siteSecretSiteSecretSiteSecret"),
		Patience: cmp.Or(s.Patience, 2*waitLimit), Refreshes: s.Refreshes,
	}
	var client strings.Builder
	fmt.Fprintf(&client, "id: %s\nroom: sale\nsecret_sha256: \"%x\"\n", settings.ClientID, sha256.Sum256([]byte(settings.Secret)))
	fmt.Fprintf(&client, "redirect_uris: [%q]\npost_logout_redirect_uris: [%q]\n", settings.URL()+party.Callback, settings.URL()+"/goodbye")
	fmt.Fprintf(&client, "transaction_ttl: %v\n", cmp.Or(s.TransactionTTL, settings.Patience))
	client.WriteString(party.Client + "\n" + s.Client)
	config := fmt.Sprintf("rooms: [{id: sale, name: Spring sale, %s}]\nclients:\n  -\n", s.Room)
	for line := range strings.Lines(client.String()) {
		config += "    " + line
	}
	st := &stage{relyingParty: party, URL: settings.URL(), authority: settings.Authority}
	st.server = startSecureServer(t, settings.Authority, "127.0.0.2", config+"\n")
	settings.Issuer = st.Issuer
	party.Start(t, settings)
	return st
}

// NewBrowser returns a browser that has never been here.
func (st *stage) NewBrowser() *plainBrowser { return newPlainBrowser(st.t, st.authority) }

// Inside fails the test unless the browser has been let in to a path, and
// returns as whom.
func (st *stage) Inside(b *plainBrowser, path string) string {
	st.t.Helper()
	who, at, ok := shown(b.Page.body)
	if !ok || b.Page.status != http.StatusOK || "http://"+b.Page.from.Host != st.URL {
		st.t.Fatalf("the browser should be inside, but is at %s\nafter\n%s", b, b.Way())
	}
	if at != path || who == "" {
		st.t.Fatalf("got in to %q as %q, want %q as somebody", at, who, path)
	}
	return who
}

// InLine fails the test unless the browser waits, and returns at which position.
func (st *stage) InLine(b *plainBrowser) int64 {
	st.t.Helper()
	position := b.Position()
	if position == 0 || "https://"+b.Page.from.Host != st.Issuer {
		st.t.Fatalf("the browser should wait, but is at %s\nafter\n%s", b, b.Way())
	}
	return position
}

// Says fails the test unless the browser is at a page of the relying party that
// lets nobody in and says something.
func (st *stage) Says(b *plainBrowser, text string) {
	st.t.Helper()
	_, _, in := shown(b.Page.body)
	if in || "http://"+b.Page.from.Host != st.URL || !strings.Contains(b.Page.body, text) {
		st.t.Fatalf("the relying party should say %q, but the browser is at %s\nafter\n%s", text, b, b.Way())
	}
}

// Run runs a command of the program under test against the server.
func (st *stage) Run(args ...string) {
	st.t.Helper()
	cmd := exec.CommandContext(st.t.Context(), binary, append(args, "--config", "anteroom.yaml")...)
	cmd.Dir = st.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		st.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// fill lets one browser in to a room for one, and another wait.
func (st *stage) fill() (inside, waiting *plainBrowser) {
	st.t.Helper()
	inside, waiting = st.NewBrowser(), st.NewBrowser()
	inside.Goes(st.URL + deepLink)
	st.Inside(inside, deepLink)
	waiting.Goes(st.URL + deepLink)
	st.InLine(waiting)
	return inside, waiting
}

// handOver lets one browser log out, and the next in.
func (st *stage) handOver(t *testing.T, inside, waiting *plainBrowser) {
	t.Helper()
	st.leaves(inside)
	waiting.Reloads()
	st.Inside(waiting, deepLink)
}

// leaves lets a browser log out, which must ask nothing.
func (st *stage) leaves(b *plainBrowser) {
	st.t.Helper()
	b.Goes(st.URL + "/leave")
	if got := "http://" + b.Page.from.Host + b.Page.from.Path; got != st.URL+"/goodbye" || b.Page.status != http.StatusOK {
		st.t.Fatalf("after logging out the browser is at %s\nafter\n%s", b, b.Way())
	}
}

// keys returns how many keys the provider publishes.
func (st *stage) keys() int {
	st.t.Helper()
	b := st.NewBrowser()
	b.Goes(st.Issuer + "/.well-known/jwks.json")
	return strings.Count(b.Page.body, `"kid"`)
}

var shownToVisitor = regexp.MustCompile(`<p id="who">([^<]+)</p>\s*<p id="path">([^<]*)</p>`)

// shown returns what a page of a relying party says of its visitor.
func shown(page string) (who, path string, ok bool) {
	match := shownToVisitor.FindStringSubmatch(page)
	if match == nil {
		return "", "", false
	}
	return html.UnescapeString(match[1]), html.UnescapeString(match[2]), true
}

// startGuardedSite starts the site that a gateway guards, and returns its URL. It
// knows its visitors from what the gateway adds to requests: who says whose one
// is, and leave where to send a visitor who wants to log out.
func startGuardedSite(t *testing.T, who, leave func(*http.Request) string) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		visitor := who(r)
		switch {
		case r.URL.Path == "/goodbye":
			fmt.Fprint(w, `<!doctype html><title>Goodbye</title><link rel="icon" href="data:,">`)
		case visitor == "":
			t.Errorf("the gateway let a request for %s pass without a login", r.URL.Path)
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/leave":
			http.Redirect(w, r, leave(r), http.StatusSeeOther)
		default:
			fmt.Fprintf(w, "<!doctype html><title>Inside</title><link rel=\"icon\" href=\"data:,\">\n<p id=\"who\">%s</p>\n<p id=\"path\">%s</p>",
				html.EscapeString(visitor), html.EscapeString(r.URL.RequestURI()))
		}
	}))
	t.Cleanup(site.Close)
	return site.URL
}

// startProcess runs a program that is to listen at an address until the test
// ends, and returns when it does. What it writes is shown if the test fails.
func startProcess(t *testing.T, address string, cmd *exec.Cmd) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // An error means that it has ended already.
		select {
		case <-exited:
		case <-time.After(stopLimit):
			_ = cmd.Process.Kill()
			<-exited
		}
		if text, err := os.ReadFile(path); err == nil && t.Failed() {
			t.Logf("the log of %s:\n%s", filepath.Base(cmd.Path), text)
		}
	})
	eventually(t, filepath.Base(cmd.Path)+" listens", func() bool {
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("%s ended before it listened: %v", filepath.Base(cmd.Path), err)
		default:
		}
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
}

// program returns the path of a program that the machine should have.
func program(t *testing.T, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skipOrFail(t, "%s is not here: %s", name, install)
	}
	return path
}
