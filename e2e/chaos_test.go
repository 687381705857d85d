//go:build e2e && linux

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// A calamity is something that happens to a fleet while a crowd is in line, and what
// has to be true all the same.
type calamity struct {
	name string // As a sentence.
	// redis starts the store; nil is one server that keeps nothing on disk.
	redis func(*testing.T) []*redistest.Server
	acks  int
	// split says that a node and the room's master are where they can be cut off.
	split bool
	// longer is how much longer than usual the crowd keeps coming.
	longer time.Duration
	// prepare changes nodes before they start; it may be nil.
	prepare func(*trial)
	strike  func(*trial)

	// loses says that the store may lose what it acknowledged: then visits may be
	// forgotten and taken up again, but no place may, and nobody enters early.
	loses bool
	// skips says that positions may be skipped, which raises the serving counter
	// past them.
	skips bool
	// duplicates says that the promise allows positions to be dealt twice, because a
	// split store let both halves deal: of each pair both after the cut, and one before
	// the halves found together.
	duplicates bool
	// repeats is how many requests may be repeated without a word: a client of HTTP asks
	// once more if its connection is cut before the answer, and whoever asked the first
	// time may have been dealt a place.
	repeats int64
	// smooth says that no request may fail.
	smooth bool
}

// A trial is a calamity under way.
type trial struct {
	*fleet
	*variants
	probes *prober
	way    *lossyWay // Between the nodes and a single Redis.
	aside  *enclave
	acks   int
	guests atomic.Int64 // How many places others hold than the crowd and the prober.

	sent   time.Time // When the crowd was.
	struck time.Time // When the calamity began.
	fresh  time.Time // Places from before it are of an earlier generation.
	// When a store was split, and whole again.
	cut, healed time.Time
}

// The promise of package waitingroom, on the built binary: whatever happens to nodes
// and store while a crowd is in line, no place is lost, nobody enters early, and
// after a while everything works again. What is measured stands in
// docs/reliability.md.
func TestChaos(t *testing.T) {
	built := buildVariants(t)
	list := calamities()
	rows := make([]string, len(list))
	t.Cleanup(func() {
		t.Log("\n| what happens | nobody could join for | requests, failed | visits begun again | positions left out |\n|---|---|---|---|---|\n" +
			strings.Join(rows, "\n"))
	})
	for i, c := range list {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // They wait most of the time.
			rows[i] = c.run(t, built)
		})
	}
}

// run lets it happen, and returns a row for the table.
func (c *calamity) run(t *testing.T, built *variants) string {
	x := &trial{variants: built, acks: c.acks}
	var servers []*redistest.Server
	switch {
	case c.split:
		x.aside = newEnclave(t)
		servers = x.aside.cluster(t)
	case c.redis != nil:
		servers = c.redis(t)
	default:
		servers = []*redistest.Server{redistest.Start(t, "--enable-debug-command", "local")}
	}
	x.way = newLossyWay(t, servers[0].Addr)
	x.fleet = newFleet(t, servers, x.way.Addr, c.acks, x.aside)
	if c.prepare != nil {
		c.prepare(x)
	}
	x.start()
	x.settled()
	x.probes = newProber(x.Issuer)
	probing, stop := context.WithCancel(t.Context())
	defer stop()
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		x.probes.work(probing)
	}()

	var report *crowdReport
	var text string
	gone := make(chan struct{})
	x.sent = time.Now()
	go func() {
		defer close(gone)
		report, text = x.crowd(c.longer, c.flags()...)
	}()
	eventually(t, "visitors are let in", func() bool { return x.room().Admitted >= 20 })
	x.struck = time.Now()
	c.strike(x)
	if !x.probes.recovers(time.Now(), waitLimit) {
		t.Error("nobody can join any more")
	}
	<-gone
	stop()
	<-probed
	if report == nil {
		t.FailNow()
	}
	return c.judge(x, report, text)
}

// flags are what the crowd's audit has to know.
func (c *calamity) flags() (flags []string) {
	var tolerated []string
	if c.loses {
		tolerated = append(tolerated, "I5", "I9")
	}
	if c.duplicates {
		tolerated = append(tolerated, "I1")
	}
	if tolerated != nil {
		flags = append(flags, "--tolerate", strings.Join(tolerated, ","))
	}
	if c.skips {
		flags = append(flags, "--others-serve")
	}
	return flags
}

// judge compares what was seen with what has to be true.
func (c *calamity) judge(x *trial, report *crowdReport, text string) string {
	if !report.Audit.Passed {
		x.Errorf("the audit failed:\n%s", text)
	}
	for _, b := range report.Audit.Breaches {
		if b.Invariant == "I5" && strings.Contains(b.Says, "the place of visitor") {
			x.Errorf("a place was lost: %s", b.Says)
		}
		if b.Invariant == "I1" && !x.bothHalves(report.shown(b)) {
			x.Errorf("%s, not because both halves dealt: %v", b.Says, b.History)
		}
	}
	if n := report.Crowd.Failed + report.Crowd.TurnedAway; n > 0 && x.fresh.IsZero() {
		x.Errorf("%d visitors were turned away or met an error that nobody gets round:\n%s", n, text)
	}
	if in := report.Crowd.Admitted + report.Crowd.Served; in < 100 {
		x.Errorf("only %d visitors had their turn:\n%s", in, text)
	}
	failed, all := report.errors()
	if c.smooth && failed > 0 {
		x.Errorf("%d of %d requests failed:\n%s", failed, all, text)
	}
	if refused, unsure := report.refused(); refused > unsure && !c.loses {
		x.Errorf("%d good codes were refused, and only %d answers to one got lost:\n%s", refused, unsure, text)
	}
	twice := x.places()
	left := "–" // After a reset some were told of the line before.
	if x.fresh.IsZero() {
		n := x.latest().Dealt - x.before - int64(len(x.probes.dealt)-twice) - x.guests.Load()
		if !c.duplicates { // Nobody has counted those of which a prober holds one and the crowd the other.
			n -= report.Crowd.Queued
			left = strconv.FormatInt(n, 10)
		}
		if n < 0 {
			x.Errorf("%d more places were told of than positions dealt", -n)
		}
		// Whoever asked in vain may have been dealt one, and nobody else.
		if most := failed + x.probes.failed.Load() + c.repeats; n > most && !c.skips {
			x.Errorf("%d positions are nobody's, and at most %d requests were in vain", n, most)
		}
		x.early(n)
	}
	row := fmt.Sprintf("| %s | %.1f s | %d, %d | %d | %s |", c.name, x.probes.outage(x.struck).Seconds(), all, failed, report.breaches("I5"), left)
	x.Logf("%s\nadmitted %d, served %d, waiting %d; I1 %d+%d, I9 %d; %s", row, report.Crowd.Admitted, report.Crowd.Served, report.Crowd.Waiting,
		report.breaches("I1"), twice, report.breaches("I9"), strings.Join(report.Audit.Notes, "; "))
	return row
}

// places judges those of the prober, and returns how many of their positions are
// held twice.
func (x *trial) places() int {
	pairs, faults := x.probes.audit(x.fresh)
	for _, fault := range faults[:min(len(faults), 5)] {
		x.Errorf("%v (%d in all)", fault, len(faults))
	}
	for _, pair := range pairs {
		if !x.bothHalves([]time.Time{pair[0].completed, pair[1].completed}) {
			x.Errorf("position %d was dealt at %v and at %v", pair[0].position, pair[0].completed, pair[1].completed)
		}
	}
	return len(pairs)
}

// bothHalves reports whether a position may have been shown twice, at these times
// first, because both halves of a split store dealt it: nobody was told of it before
// the cut, and somebody before they found together.
func (x *trial) bothHalves(shown []time.Time) bool {
	if x.cut.IsZero() || len(shown) < 2 {
		return false
	}
	first := slices.MinFunc(shown, time.Time.Compare)
	return first.After(x.cut) && first.Before(x.healed)
}

// early compares the counters that were shown with what the crowd's operator can have
// served by then, and with the positions that were skipped. The crowd's own audit
// can't where others may serve.
func (x *trial) early(skipped int64) {
	for _, r := range x.probes.readings {
		orders := max(int64(r.completed.Sub(x.sent)/serveEvery), 0)
		if most := orders*serveNumber + skipped; r.serving > most {
			x.Errorf("after %v the counter was at %d, more than the %d that can have been served and skipped",
				r.completed.Sub(x.sent), r.serving, most)
			return
		}
	}
}
