//go:build e2e && linux

package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// fleetSize is how many nodes a fleet has.
const fleetSize = 3

// A fleet is nodes that serve one room, sale, from one store behind one load
// balancer.
type fleet struct {
	*testing.T
	Issuer string // The load balancer's URL.
	Nodes  []*server
	Redis  []*redistest.Server // One, or the six of a cluster, whose first has the room.

	config string
	before int64 // How many places were dealt before the crowd came.
}

// fleetRoom is the configuration that all nodes share, after the store.
const fleetRoom = `trusted_proxies: ["127.0.0.0/8", "198.18.0.0/15"]
rooms: [{id: sale, inlet: {kind: manual}, position_ttl: 15m, session_ttl: 1h}]
`

// newFleet prepares nodes and starts the balancer. The first node is in the enclave, if
// there is one; way is where they find a single Redis.
func newFleet(t *testing.T, redis []*redistest.Server, way string, acks int, aside *enclave) *fleet {
	t.Helper()
	f := &fleet{T: t, Redis: redis}
	url := "redis://" + way
	if len(redis) > 1 {
		var addresses []string
		for _, s := range redis {
			addresses = append(addresses, s.Addr)
		}
		url = "redis+cluster://" + strings.Join(addresses, ",")
	}
	f.config = fmt.Sprintf("store: {url: %q, acks: %d}\nstate_dir: state\n", url, acks) + fleetRoom +
		fmt.Sprintf(guestClient, sha256.Sum256([]byte(guestSecret)))

	public := freeAddress(t, "127.0.0.1")
	_, port, _ := net.SplitHostPort(public)
	f.Issuer = "http://localhost:" + port
	master, token := rand.Text()+rand.Text(), rand.Text()
	var addresses []string
	for i := range fleetSize {
		address := freeAddress(t, "127.0.0.1")
		if i == 0 && aside != nil {
			_, port, _ := net.SplitHostPort(address)
			address = net.JoinHostPort(aside.Service, port)
		}
		n := newServer(t, address, f.Issuer, f.config)
		if i == 0 && aside != nil {
			n.program = append(aside.Prefix(), binary)
		}
		n.AdminToken = token
		n.write("admin-token", token+"\n")
		n.write("master", master+"\n")
		if err := os.Mkdir(filepath.Join(n.dir, "state"), 0o700); err != nil {
			t.Fatal(err)
		}
		f.Nodes, addresses = append(f.Nodes, n), append(addresses, address)
	}
	startBalancer(t, public, addresses)
	return f
}

// start starts all nodes.
func (f *fleet) start() {
	f.Helper()
	for _, n := range f.Nodes {
		n.start()
	}
}

// settled waits until the balancer has found all nodes, and the room has begun.
func (f *fleet) settled() {
	f.Helper()
	row := 0
	eventually(f.T, "the balancer gives everybody to a node", func() bool {
		b, err := joinAPI(http.DefaultClient, f.Issuer)
		if err != nil || b == nil {
			row = 0
			return false
		}
		row++
		return row == 4*fleetSize // Half a second, too, which is how often it looks.
	})
	f.before = f.latest().Dealt
}

// Pause stops the program where it is, and Resume lets it go on.
func (s *server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// A room is what the management listener says of one.
type roomState struct {
	Generation, Dealt, Serving, Alive, Admitted int64
}

// latest returns how the room stands, as the store knows it.
func (f *fleet) latest() roomState {
	f.Helper()
	f.Nodes[fleetSize-1].Serve(0) // The answer is the store's, and the node keeps what it says.
	return f.room()
}

// room returns how the room stands, as the last node knows it.
func (f *fleet) room() (r roomState) {
	f.Helper()
	text := f.Nodes[fleetSize-1].manage("GET", "/admin/api/rooms/sale", "")
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		f.Fatal(err)
	}
	return r
}

// A crowdReport is what `anteroom load --json` writes, as far as it is looked at here.
type crowdReport struct {
	Crowd struct {
		Arrived, Queued, Admitted, Waiting, Served, Failed int64
		TurnedAway                                         int64 `json:"turned_away"`
	}
	Requests []struct {
		Kind   string
		Count  int64
		Errors map[string]int64
	}
	Audit struct {
		Passed bool
		Checks []struct {
			Invariant string
			Looked    int `json:"looked_at"`
			Breaches  int
		}
		Breaches []crowdBreach
		Notes    []string
	}
	Started time.Time
}

// A crowdBreach is one that the audit tells of, with all that was seen of those
// concerned, at times in seconds since the crowd began.
type crowdBreach struct {
	Invariant, Says string
	History         []struct {
		Invoked, Completed float64
		Says               string
	}
}

// shown returns when those concerned were told the position that a breach of I1 is
// about.
func (r *crowdReport) shown(b crowdBreach) (times []time.Time) {
	_, position, _ := strings.Cut(b.Says, "hold ")
	for _, e := range b.History {
		if strings.HasSuffix(e.Says, "was shown "+position) {
			times = append(times, r.Started.Add(time.Duration(e.Completed*float64(time.Second))))
		}
	}
	return times
}

// breaches returns how often an invariant was broken.
func (r *crowdReport) breaches(invariant string) int {
	for _, c := range r.Audit.Checks {
		if c.Invariant == invariant {
			return c.Breaches
		}
	}
	return 0
}

// errors returns how many requests had no answer of use, of how many.
func (r *crowdReport) errors() (failed, all int64) {
	for _, q := range r.Requests {
		all += q.Count
		for _, n := range q.Errors {
			failed += n
		}
	}
	return failed, all
}

// refused returns how many codes were refused the first time that an answer to them
// arrived, and how many times none arrived: then the code may have been redeemed.
func (r *crowdReport) refused() (refused, unsure int64) {
	for _, q := range r.Requests {
		if q.Kind != "token" {
			continue
		}
		for what, n := range q.Errors {
			if what == strconv.Itoa(http.StatusBadRequest) {
				refused += n
			} else {
				unsure += n
			}
		}
	}
	return refused, unsure
}

const (
	// crowdFor is how long a crowd is watched, of which crowdOver is how long it arrives.
	crowdFor  = 20 * time.Second
	crowdOver = 10 * time.Second
	// The operator serves so many visitors so often.
	serveNumber = 10
	serveEvery  = 250 * time.Millisecond
)

// crowd sends a crowd through the balancer and returns, in the end, what its audit
// says. One that keeps coming for longer is not as dense.
func (f *fleet) crowd(longer time.Duration, flags ...string) (report *crowdReport, text string) {
	f.Helper()
	dir := f.TempDir()
	secret, token, out := filepath.Join(dir, "secret"), filepath.Join(dir, "token"), filepath.Join(dir, "report.json")
	for name, content := range map[string]string{secret: guestSecret, token: f.Nodes[0].AdminToken} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			f.Error(err)
			return nil, ""
		}
	}
	ctx, cancel := context.WithTimeout(f.Context(), longer+3*crowdFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{
		"load",
		"--issuer", f.Issuer, "--client", "shop", "--client-secret-file", secret, "--redirect-uri", guestCallback, "--room", "sale",
		// The first node may be where nobody but the balancer gets.
		"--management", f.Nodes[1].Management + "," + f.Nodes[2].Management, "--token-file", token,
		"--visitors", strconv.Itoa(400 + 15*int(longer.Seconds())), "--over", (crowdOver + longer).String(), "--arrivals", "poisson",
		"--api", "30%", "--replay", "10%", "--return", "10%", "--refresh", "20%",
		"--serve", fmt.Sprintf("%d/%v", serveNumber, serveEvery), "--stay", "3s-7s", "--reading", "300ms", "--timeout", "5s",
		"--for", (crowdFor + longer).String(), "--json", out,
	}, flags...)...)
	told, err := cmd.CombinedOutput()
	content, readErr := os.ReadFile(out)
	if readErr != nil || len(content) == 0 {
		f.Errorf("the crowd ended without a report: %v\n%s", err, told)
		return nil, ""
	}
	report = &crowdReport{}
	if err := json.Unmarshal(content, report); err != nil {
		f.Error(err)
	}
	return report, string(told)
}
