//go:build e2e && linux

package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// calamities are all that is done to a fleet, on one server and on a cluster. What
// takes longest comes first, as they don't wait for each other.
func calamities() []calamity {
	const underWay = 10 // More joins than a node has under way when it is killed.
	return []calamity{
		{name: "a minute-old dump is restored", longer: time.Minute, strike: restoreDump, loses: true},
		{name: "one node after the other is killed", strike: killNodes, repeats: 3 * underWay},
		{name: "one node after the other is killed, on a cluster", redis: cluster, strike: killNodes, repeats: 3 * underWay},
		{name: "all nodes are replaced by another version with another configuration", strike: rollOver, smooth: true},
		{name: "all nodes are replaced by another version, on a cluster", redis: cluster, strike: rollOver, smooth: true},
		{name: "clocks are an hour behind, two seconds ahead, an hour ahead, then two seconds behind", longer: 10 * time.Second, prepare: skewClocks, strike: skewMore, smooth: true},
		{name: "Redis with an append-only file is killed", redis: durable, strike: restartRedis},
		{name: "Redis hangs for three seconds", strike: hang},
		{name: "replies of Redis get lost, after the effect, the first of each verb and one in ten", longer: 20 * time.Second, prepare: addRoom, strike: loseReplies},
		{name: "FLUSHALL", strike: flush, loses: true},
		{name: "a node is killed, then FLUSHALL", strike: killAndFlush, loses: true, skips: true},
		{name: "a node that hung speaks first after a flush", strike: staleFirst, loses: true, skips: true},
		{name: "the counter is moved back, then FLUSHALL", longer: 20 * time.Second, strike: moveBack, loses: true, skips: true},
		{name: "a reset, then FLUSHALL", strike: resetAndFlush, loses: true, skips: true},
		{name: "FLUSHALL and a reset at once, twice, and FLUSHALL", strike: flushAndReset, loses: true, skips: true},
		{name: "all nodes and the store are lost together", strike: loseAll, loses: true, skips: true},
		{name: "FLUSHALL of the room's master in a cluster", redis: cluster, strike: flush, loses: true},
		{name: "the room's master in a cluster is killed", redis: cluster, strike: failover, loses: true, skips: true},
		{name: "the room's master in a cluster is killed, with acks: 1", redis: cluster, acks: 1, strike: failoverAndReturn},
		{name: "the room's master in a cluster hangs until it is replaced, and comes back", redis: cluster, strike: hangMaster, loses: true, skips: true},
		{name: "a failover loses writes, and a node that hung speaks first", redis: cluster, strike: staleAfterFailover, loses: true, skips: true},
		{name: "the counter is moved back, and a failover loses that", longer: 20 * time.Second, redis: cluster, strike: moveBackAndFail, loses: true, skips: true},
		{name: "a partition, each half with a node and a master", longer: 10 * time.Second, split: true, strike: partition, loses: true, skips: true, duplicates: true},
		{name: "a partition, each half with a node and a master, with acks: 1", longer: 10 * time.Second, split: true, acks: 1, strike: partitionWithAcks},
	}
}

// durable starts Redis so that it acknowledges only what is on disk.
func durable(t *testing.T) []*redistest.Server {
	return []*redistest.Server{redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")}
}

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
	changed := strings.Replace(x.config, "session_ttl: 1h", "session_ttl: 2h, name: Autumn sale", 1)
	for _, n := range x.Nodes {
		n.Stop()
		n.program = []string{x.another}
		n.configure(changed)
		n.start()
		time.Sleep(2 * time.Second) // The balancer finds out.
	}
}

// skewClocks gives each node a wrong clock of its own.
func skewClocks(x *trial) {
	for i, skew := range []time.Duration{-time.Hour, 2 * time.Second, time.Hour} {
		x.skew(i, skew)
	}
}

func (x *trial) skew(node int, by time.Duration) {
	x.Nodes[node].program = []string{x.skewed}
	x.Nodes[node].env = []string{fmt.Sprintf("%s=%d", skewVariable, int64(by.Seconds()))}
}

// skewMore lets a node come back with another wrong clock, and then compares the times
// that visitors are told with those of Redis, whose clock is this one's.
func skewMore(x *trial) {
	x.Nodes[1].Stop()
	x.skew(1, -2*time.Second)
	x.Nodes[1].start()
	var visits sync.WaitGroup
	for range 2 * fleetSize { // Whichever nodes they come to.
		visits.Go(func() {
			come := time.Now()
			g, err := x.visit()
			if err != nil {
				x.Errorf("a visitor among wrong clocks: %v", err)
				return
			}
			issued, admitted, err := g.times()
			if err != nil {
				x.Error(err)
			}
			for _, at := range []time.Time{issued, admitted} {
				// Times are whole seconds, rounded down.
				if at.Before(come.Add(-time.Second)) || at.After(time.Now()) {
					x.Errorf("a visitor who came at %v and was in by %v was told %v", come, time.Now(), at)
				}
			}
		})
	}
	visits.Wait()
}

// times returns when the ID token was issued and the visitor admitted, as it says.
func (g *guest) times() (issued, admitted time.Time, err error) {
	parts := strings.Split(g.id, ".")
	if len(parts) != 3 {
		return issued, admitted, fmt.Errorf("the guest at %d has no ID token", g.position)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return issued, admitted, err
	}
	var claims struct {
		Issued   int64 `json:"iat"`
		Admitted int64 `json:"auth_time"`
	}
	err = json.Unmarshal(text, &claims)
	return time.Unix(claims.Issued, 0), time.Unix(claims.Admitted, 0), err
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

// restoreDump kills Redis and starts it with a dump from a minute ago. In that minute
// people have joined, come in and left.
func restoreDump(x *trial) {
	x.Redis[0].Do("SAVE")
	then := x.latest()
	time.Sleep(time.Minute)
	now := x.latest()
	if joined, entered := now.Dealt-then.Dealt, now.Admitted-then.Admitted; joined < 500 || entered < 200 || now.Alive-then.Alive > entered-100 {
		x.Errorf("too little has happened in a minute: at first %+v, then %+v", then, now)
	}
	x.struck = time.Now()
	x.Redis[0].Kill()
	x.Redis[0].Run()
}

// staleFirst lets the store forget everything while all nodes hang, one of them for
// longer than the others. That one comes back first.
func staleFirst(x *trial) {
	time.Sleep(3 * time.Second) // Nodes find out how fast the line grows.
	x.Nodes[0].Pause()
	time.Sleep(2 * time.Second) // The line grows without it.
	x.Nodes[1].Pause()
	x.Nodes[2].Pause()
	x.struck = time.Now()
	x.Redis[0].Do("FLUSHALL")
	x.staleSpeaks()
}

// staleSpeaks lets the first of three nodes that hang go on, and then the others.
func (x *trial) staleSpeaks() {
	x.Nodes[0].Resume()
	time.Sleep(300 * time.Millisecond)
	x.Nodes[1].Resume()
	x.Nodes[2].Resume()
}

// movedBack is by how much the counter is moved back: more than the crowd's operator
// serves while a failover takes place.
const movedBack = 400

// far waits until the counter can be moved back.
func (x *trial) far() {
	eventually(x.T, "the counter is beyond what is taken back", func() bool { return x.room().Serving > movedBack+20 })
}

// moveBack takes back what was served, and lets the store forget it.
func moveBack(x *trial) {
	x.far()
	x.lowered(func() { x.Redis[0].Do("FLUSHALL") })
}

// lowered moves the counter back, and compares it after a loss with what it can be.
func (x *trial) lowered(loss func()) {
	lowered := x.Nodes[1].Serve(-movedBack)
	moved := time.Now()
	// The others hear of it before anything else happens.
	time.Sleep(250 * time.Millisecond)
	x.struck = time.Now()
	loss()
	var after int64
	eventually(x.T, "the store tells the counter", func() (ok bool) {
		var err error
		after, err = x.Nodes[1].Serving()
		return err == nil
	})
	// The crowd's operator is a moment late at most.
	orders := int64((time.Since(moved) + time.Second) / serveEvery)
	if most := lowered + orders*serveNumber; after > most {
		x.Errorf("the counter was moved back to %d, and is at %d after the loss, more than %d", lowered, after, most)
	}
}

// resetAndFlush begins a new generation and lets the store forget that.
func resetAndFlush(x *trial) {
	reset := time.Now()
	generation := x.reset(0)
	x.struck = time.Now()
	x.Redis[0].Do("FLUSHALL")
	x.stays(generation, reset)
}

// flushAndReset lets the store forget a line, and begins the next one before nodes
// have told what they know; twice, so that there are tickets of three lines. Then
// tickets are the first that the store hears of.
func flushAndReset(x *trial) {
	var reset time.Time
	var generation int64
	for range 2 {
		reset = time.Now()
		x.Redis[0].Do("FLUSHALL")
		generation = x.reset(generation)
		time.Sleep(time.Second) // There are places in the new line.
	}
	x.Redis[0].Do("FLUSHALL")
	if err := x.probes.ended(reset); err != nil {
		x.Error(err)
	}
	x.stays(generation, reset)
}

// reset begins a new generation, and returns it once all nodes have heard of it.
func (x *trial) reset(before int64) (generation int64) {
	eventually(x.T, "the room is reset", func() bool {
		_, err := x.Nodes[1].ask(http.MethodPost, "/private/reset_initial_state", `{"event_id":"sale"}`)
		return err == nil
	})
	time.Sleep(250 * time.Millisecond)
	x.fresh = time.Now()
	if generation = x.room().Generation; generation <= before {
		x.Errorf("after the reset the generation is %d, before %d", generation, before)
	}
	return generation
}

// stays compares the generation with what it has to be, and looks at places from before
// the reset.
func (x *trial) stays(generation int64, reset time.Time) {
	time.Sleep(2 * time.Second)
	if after := x.room().Generation; after != generation {
		x.Errorf("after the reset the generation was %d, after the flush it is %d", generation, after)
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
