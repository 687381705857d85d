package load_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/load"
)

// small returns options of a small crowd that comes to an address.
func small(issuer string) load.Options {
	return load.Options{
		Issuer: issuer, Client: "shop", RedirectURI: callback, Visitors: 20, Arrivals: load.Step,
		Patience: load.Always(load.Never), Connections: 1, Timeout: 5 * time.Second, For: 10 * time.Second,
	}
}

// Who may be met is decided by the name alone, before anything is sent.
func TestOnlyThisMachineAndOwnHostsAreMet(t *testing.T) {
	for address, met := range map[string]bool{
		"http://localhost:8080":              true,
		"http://127.0.0.1:8080":              true,
		"http://127.1.2.3":                   true,
		"http://[::1]:8080":                  true,
		"http://[::ffff:127.0.0.1]:8080":     true,
		"https://own.example":                true,
		"https://own.example:8443/line":      true,
		"https://wait.example.com":           false,
		"http://localhost.example.com":       false,
		"http://127.0.0.1.example.com":       false,
		"http://0.0.0.0:8080":                false,
		"http://10.0.0.1":                    false,
		"http://[fe80::1]":                   false,
		"http://localhost@wait.example.com":  false,
		"http://wait.example.com#@localhost": false,
		"http://wait.example.com?localhost":  false,
		"ftp://localhost":                    false,
		"localhost:8080":                     false,
		"":                                   false,
	} {
		for flag, o := range map[string]load.Options{
			"--issuer": small(address), "--via": small("http://localhost"), "--management": small("http://localhost"),
		} {
			o.Own = []string{"own.example"}
			switch flag {
			case "--via":
				o.Via = []string{"http://localhost", address}
			case "--management":
				o.Management = []*admin.Client{{URL: address}}
			}
			faults := strings.Join(o.Faults(), "\n")
			if got := faults == ""; got != met {
				t.Errorf("%s %s: met is %v, want %v\n%s", flag, address, got, met, faults)
			}
			if !met && !strings.Contains(faults, flag) {
				t.Errorf("%s %s: the fault does not say which flag: %s", flag, address, faults)
			}
		}
	}
	o := small("https://wait.example.com")
	o.IOwnThisHost = true
	if faults := o.Faults(); len(faults) > 0 {
		t.Errorf("its owner is refused: %q", faults)
	}
}

// A server that stands still is asked less by whoever waits for it, and would look
// good by the time that its answers take alone.
func TestAWaitForAFreeConnectionCounts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond) // The server is slow; no test waits for this.
		http.Error(w, "no", http.StatusBadRequest)
	}))
	defer server.Close()
	got := rehearse(t, small(server.URL))
	if len(got.Requests) != 1 || got.Requests[0].Count != 20 || got.Requests[0].Errors["400"] != 20 || got.Crowd.Failed != 20 {
		t.Fatalf("the requests: %+v", got.Requests)
	}
	if r := got.Requests[0]; r.Latency.Max < 380 || r.Latency.P50 < 150 || r.Service.P50 > r.Latency.P50/2 {
		t.Errorf("latency %+v, service %+v", r.Latency, r.Service)
	}
}

// Somebody else's server may send what it likes.
func TestARedirectElsewhereIsNotFollowed(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the trap was met") }))
	defer trap.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, trap.URL+"/wait?login=x", http.StatusSeeOther)
	}))
	defer server.Close()
	got := rehearse(t, small(server.URL))
	if got.Crowd.Failed != 20 || got.Crowd.SentRound == 0 {
		t.Errorf("the crowd: %+v", got.Crowd)
	}
}
