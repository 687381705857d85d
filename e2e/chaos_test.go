//go:build e2e && linux

package e2e_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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
	// split store let both halves deal.
	duplicates bool
	// smooth says that no request may fail.
	smooth bool
}

// A trial is a calamity under way.
type trial struct {
	*fleet
	probes *prober
	way    *lossyWay // Between the nodes and a single Redis.
	aside  *enclave
	struck time.Time // When the calamity began.
	fresh  time.Time // Places from before it are of an earlier generation.
}

// calamities are all that is done to a fleet, on one server and on a cluster.
func calamities() []calamity {
	return []calamity{
		{name: "one node after the other is killed", strike: killNodes},
		{name: "all nodes are replaced by another version with another configuration", strike: rollOver, smooth: true},
		{name: "a node's clock is an hour behind, one two seconds ahead, one an hour", prepare: skewClocks, strike: nothing, smooth: true},
		{name: "Redis with an append-only file is killed", redis: durable, strike: restartRedis},
		{name: "Redis hangs for three seconds", strike: hang},
		{name: "one reply of Redis in ten gets lost, after the effect, for eight seconds", strike: loseReplies},
		{name: "FLUSHALL", strike: flush, loses: true},
		{name: "a node is killed, then FLUSHALL", strike: killAndFlush, loses: true, skips: true},
		{name: "an old dump is restored", strike: restoreDump, loses: true},
		{name: "a node that hung speaks first after a flush", strike: staleFirst, loses: true, skips: true},
		{name: "the counter is moved back, then FLUSHALL", strike: moveBack, loses: true, skips: true},
		{name: "a reset, then FLUSHALL", strike: resetAndFlush, loses: true, skips: true},
		{name: "all nodes and the store are lost together", strike: loseAll, loses: true, skips: true},
		{name: "the room's master in a cluster is killed", redis: cluster, strike: failover, loses: true, skips: true},
		{name: "the room's master in a cluster is killed, with acks: 1", redis: cluster, acks: 1, strike: failoverAndReturn},
		{name: "a partition, each half with a node and a master", split: true, strike: partition, loses: true, skips: true, duplicates: true},
		{name: "a partition, each half with a node and a master, with acks: 1", split: true, acks: 1, strike: partition},
	}
}

// The promise of package waitingroom, on the built binary: whatever happens to nodes
// and store while a crowd is in line, no place is lost, nobody enters early, and
// after a while everything works again. What is measured stands in
// docs/reliability.md.
func TestChaos(t *testing.T) {
	rows := []string{"| what happens | nobody could join for | requests, failed | visits forgotten | positions left out |", "|---|---|---|---|---|"}
	for _, c := range calamities() {
		t.Run(c.name, func(t *testing.T) {
			rows = append(rows, c.run(t))
		})
	}
	t.Log("\n" + strings.Join(rows, "\n"))
}

// run lets it happen, and returns a row for the table.
func (c *calamity) run(t *testing.T) string {
	x := &trial{}
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
	go func() {
		defer close(gone)
		report, text = x.crowd(c.flags()...)
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
		if strings.Contains(b.Says, "the place of visitor") && b.Invariant == "I5" {
			x.Errorf("a place was lost: %s", b.Says)
		}
	}
	if n := report.Crowd.Failed + report.Crowd.TurnedAway; n > 0 && x.fresh.IsZero() {
		x.Errorf("%d visitors were turned away or met an error that nobody gets round:\n%s", n, text)
	}
	if in := report.Crowd.Admitted + report.Crowd.Served; in < 100 {
		x.Errorf("only %d visitors had their turn:\n%s", in, text)
	}
	twice, faults := x.probes.audit(x.fresh)
	for _, fault := range faults[:min(len(faults), 5)] {
		x.Errorf("%v (%d in all)", fault, len(faults))
	}
	if twice > 0 && !c.duplicates {
		x.Errorf("%d positions were dealt twice", twice)
	}
	failed, all := report.errors()
	if c.smooth && failed > 0 {
		x.Errorf("%d of %d requests failed:\n%s", failed, all, text)
	}
	left := "–" // After a reset some were told of the line before.
	if x.fresh.IsZero() {
		n := x.latest().Dealt - x.before - report.Crowd.Queued - int64(len(x.probes.dealt))
		left = strconv.FormatInt(n, 10)
		if n < 0 && !c.duplicates {
			x.Errorf("%d more places were told of than positions dealt", -n)
		}
	}
	row := fmt.Sprintf("| %s | %.1f s | %d, %d | %d | %s |", c.name, x.probes.outage(x.struck).Seconds(), all, failed, report.breaches("I5"), left)
	x.Logf("%s\nadmitted %d, served %d, waiting %d; I1 %d+%d, I9 %d; %s", row, report.Crowd.Admitted, report.Crowd.Served, report.Crowd.Waiting,
		report.breaches("I1"), twice, report.breaches("I9"), strings.Join(report.Audit.Notes, "; "))
	return row
}

// durable starts Redis so that it acknowledges only what is on disk.
func durable(t *testing.T) []*redistest.Server {
	return []*redistest.Server{redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")}
}

// cluster starts three masters with a replica each.
func cluster(t *testing.T) []*redistest.Server { return redistest.StartCluster(t) }

func nothing(*trial) {}

// killNodes kills one node after the other.
func killNodes(x *trial) {
	for _, n := range x.Nodes {
		n.Kill()
		time.Sleep(time.Second) // The crowd finds out.
		n.start()
		time.Sleep(time.Second)
	}
}

// rollOver replaces the nodes one by one, as a deployment does.
func rollOver(x *trial) {
	changed := buildAs(x.T, "-ldflags", "-X main.version=v9.9.9")
	changedConfig := strings.Replace(x.config, "session_ttl: 1h", "session_ttl: 2h, name: Autumn sale", 1)
	x.struck = time.Now() // The building is no part of it.
	for _, n := range x.Nodes {
		n.Stop()
		n.program = []string{changed}
		n.configure(changedConfig)
		n.start()
		time.Sleep(2 * time.Second) // The balancer finds out.
	}
}

// restartRedis kills Redis, and starts it again with what is on its disk.
func restartRedis(x *trial) {
	x.Redis[0].Kill()
	time.Sleep(2 * time.Second)
	x.Redis[0].Run()
}

func hang(x *trial) { x.Redis[0].Do("DEBUG", "SLEEP", "3") }

func flush(x *trial) { x.Redis[0].Do("FLUSHALL") }

// killAndFlush kills a node, which may be the only one to know of the last joins.
func killAndFlush(x *trial) {
	x.Nodes[0].Kill()
	x.Redis[0].Do("FLUSHALL")
	time.Sleep(4 * time.Second)
	x.Nodes[0].start()
}

// loseReplies leaves nodes without a word on what became of their calls.
func loseReplies(x *trial) {
	x.way.Lose(true)
	time.Sleep(8 * time.Second)
	x.way.Lose(false)
	if n := x.way.Lost.Load(); n < 50 {
		x.Errorf("only %d replies got lost", n)
	} else {
		x.Logf("%d replies got lost", n)
	}
}

// restoreDump kills Redis and starts it with a dump from some seconds ago.
func restoreDump(x *trial) {
	x.Redis[0].Do("SAVE")
	time.Sleep(4 * time.Second)
	x.struck = time.Now()
	x.Redis[0].Kill()
	x.Redis[0].Run()
}

// staleFirst lets the store forget everything while all nodes hang, one of them for
// longer than the others. That one comes back first.
func staleFirst(x *trial) {
	x.Nodes[0].Pause()
	time.Sleep(2 * time.Second) // The line grows without it.
	x.Nodes[1].Pause()
	x.Nodes[2].Pause()
	x.Redis[0].Do("FLUSHALL")
	x.Nodes[0].Resume()
	time.Sleep(300 * time.Millisecond) // It speaks.
	x.Nodes[1].Resume()
	x.Nodes[2].Resume()
}

// moveBack takes back what was served, and lets the store forget it.
func moveBack(x *trial) {
	const back = 60
	eventually(x.T, "the counter is beyond what is taken back", func() bool { return x.room().Serving > back+20 })
	lowered := x.Nodes[1].Serve(-back)
	moved := time.Now()
	// The others hear of it before anything else happens.
	time.Sleep(250 * time.Millisecond)
	x.struck = time.Now()
	x.Redis[0].Do("FLUSHALL")
	after := x.Nodes[1].Serve(0)
	// The crowd's operator serves 40 a second, and is a moment late at most.
	if most := lowered + int64(40*(time.Since(moved).Seconds()+1)); after > most {
		x.Errorf("the counter was moved back to %d, and is at %d after the flush, more than %d", lowered, after, most)
	}
}

// resetAndFlush begins a new generation and lets the store forget that.
func resetAndFlush(x *trial) {
	reset := time.Now()
	x.Nodes[1].Reset()
	time.Sleep(250 * time.Millisecond) // The others hear of it.
	generation := x.room().Generation
	x.fresh, x.struck = time.Now(), time.Now()
	x.Redis[0].Do("FLUSHALL")
	time.Sleep(2 * time.Second)
	if after := x.room().Generation; generation == 0 || after != generation {
		x.Errorf("after the reset the generation is %d, after the flush %d", generation, after)
	}
	if err := x.probes.ended(reset); err != nil {
		x.Error(err)
	}
}

// loseAll kills everything. What is left is each node's state_dir, written once a
// second.
func loseAll(x *trial) {
	for _, n := range x.Nodes {
		n.Kill()
	}
	x.Redis[0].Kill()
	x.Redis[0].Run()
	x.start()
}

// failover kills the room's master in a cluster.
func failover(x *trial) { x.Redis[0].Kill() }

// failoverAndReturn also brings it back, as a replica, so that somebody can confirm
// what the new master writes.
func failoverAndReturn(x *trial) {
	x.Redis[0].Kill()
	time.Sleep(5 * time.Second)
	x.Redis[0].Run()
}

// partition cuts the room's master and a node off for longer than the cluster
// takes to choose another master. The balancer reaches all nodes all the time.
func partition(x *trial) {
	x.aside.Cut(x.T)
	time.Sleep(8 * time.Second)
	x.aside.Heal(x.T)
}

// skewClocks gives each node a wrong clock of its own.
func skewClocks(x *trial) {
	skewed := buildSkewed(x.T)
	for i, skew := range []time.Duration{-time.Hour, 2 * time.Second, time.Hour} {
		x.Nodes[i].program = []string{skewed}
		x.Nodes[i].env = []string{fmt.Sprintf("%s=%d", skewVariable, int64(skew.Seconds()))}
	}
}
