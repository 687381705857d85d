//go:build e2e && linux

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// An enclave is a network namespace with two ways into it: one for visitors, and one
// for what nodes and stores say to each other, which can be cut. Its addresses are
// those set aside for tests of networks, RFC 2544 appendix C.2.2.
type enclave struct {
	Service string // The address that the balancer finds a node at.

	name          string
	link          string // What the names of its interfaces begin with.
	store, beyond string // Its address and this side's on the way that can be cut.
}

// enclaves counts them. Several may be there at a time.
var enclaves atomic.Int64

// newEnclave makes one that ends with the test. It needs root.
func newEnclave(t *testing.T) *enclave {
	t.Helper()
	n := int(enclaves.Add(1))
	third := (os.Getpid() + n) % 256 // Other runs on this machine have other process numbers.
	visitors, stores := fmt.Sprintf("198.18.%d.", third), fmt.Sprintf("198.19.%d.", third)
	e := &enclave{
		Service: visitors + "2", store: stores + "2", beyond: stores + "1",
		name: fmt.Sprintf("anteroom%d-%d", os.Getpid(), n), link: fmt.Sprintf("a%d-%d", os.Getpid(), n),
	}
	if out, err := ip("netns", "add", e.name); err != nil {
		skipOrFail(t, "this test makes a network namespace, and needs iproute2 and root for it: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := ip("netns", "del", e.name); err != nil { // Its interfaces go with it.
			t.Errorf("remove the network namespace: %v %s", err, out)
		}
	})
	e.must(t, "netns", "exec", e.name, "ip", "link", "set", "lo", "up")
	for name, subnet := range map[string]string{"v": visitors, "s": stores} {
		here, there := e.link+name+"0", e.link+name+"1"
		e.must(t, "link", "add", here, "type", "veth", "peer", "name", there, "netns", e.name)
		t.Cleanup(func() { _, _ = ip("link", "del", here) }) // At once, not when the namespace is gone.
		e.must(t, "addr", "add", subnet+"1/30", "dev", here)
		e.must(t, "link", "set", here, "up")
		e.must(t, "-n", e.name, "addr", "add", subnet+"2/30", "dev", there)
		e.must(t, "-n", e.name, "link", "set", there, "up")
	}
	return e
}

// Prefix is the command that runs another inside.
func (e *enclave) Prefix() []string { return []string{"ip", "netns", "exec", e.name} }

// cluster starts a cluster of which the room's master alone is inside.
func (e *enclave) cluster(t *testing.T) []*redistest.Server {
	t.Helper()
	in, out := redistest.Host{IP: e.store, Prefix: e.Prefix()}, redistest.Host{IP: e.beyond}
	return redistest.StartClusterOn(t, [6]redistest.Host{in, out, out, out, out, out})
}

// Cut lets nothing through between the two sides, without a word to either.
func (e *enclave) Cut(t *testing.T) {
	t.Helper()
	e.must(t, "-n", e.name, "route", "add", "blackhole", e.beyond+"/32")
	e.must(t, "route", "add", "blackhole", e.store+"/32")
}

// Heal undoes Cut.
func (e *enclave) Heal(t *testing.T) {
	t.Helper()
	e.must(t, "-n", e.name, "route", "del", "blackhole", e.beyond+"/32")
	e.must(t, "route", "del", "blackhole", e.store+"/32")
}

func (e *enclave) must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := ip(args...); err != nil {
		t.Fatalf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

func ip(args ...string) (string, error) {
	out, err := exec.Command("ip", args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
