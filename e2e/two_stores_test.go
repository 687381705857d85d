//go:build e2e && linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// An audit that finds nothing where something is wrong proves nothing elsewhere: nodes
// behind one balancer, of which one has a store of its own, deal each position
// twice.
func TestChaosAuditFailsAFleetWithTwoStores(t *testing.T) {
	t.Parallel()
	one, other := redistest.Start(t), redistest.Start(t)
	f := newFleet(t, []*redistest.Server{one}, one.Addr, 0, nil)
	f.Nodes[0].configure(strings.Replace(f.config, one.Addr, other.Addr, 1))
	f.start()
	f.settled()
	report, text := f.crowd(0)
	if report == nil {
		t.FailNow()
	}
	if report.Audit.Passed || report.breaches("I1") == 0 {
		t.Errorf("the audit finds no position twice:\n%s", text)
	}
}
