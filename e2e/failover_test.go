//go:build e2e && linux

package e2e_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
)

// cluster starts three masters with a replica each.
func cluster(t *testing.T) []*redistest.Server { return redistest.StartCluster(t) }

// failover kills the room's master in a cluster.
func failover(x *trial) { x.Redis[0].Kill() }

// failoverAndReturn also brings it back, as a replica, so that somebody can confirm
// what the new master writes.
func failoverAndReturn(x *trial) {
	x.Redis[0].Kill()
	time.Sleep(5 * time.Second)
	x.Redis[0].Run()
}

// hangMaster stops the room's master until another has taken its place. Then it goes on,
// and does not know of the other yet.
func hangMaster(x *trial) {
	replica := x.replica()
	x.Redis[0].Pause()
	x.promoted(replica)
	time.Sleep(time.Second) // The new one writes.
	x.Redis[0].Resume()
}

// staleAfterFailover lets a failover lose a second and a half of writes, of which a node
// that hung knows nothing. All other nodes hang until that one has spoken.
func staleAfterFailover(x *trial) {
	time.Sleep(3 * time.Second) // Nodes find out how fast the line grows.
	replica := x.forgets()
	x.Nodes[0].Pause()
	time.Sleep(1500 * time.Millisecond) // The line grows without either.
	x.Nodes[1].Pause()
	x.Nodes[2].Pause()
	x.struck = time.Now()
	x.replace(replica)
	x.staleSpeaks()
}

// moveBackAndFail takes back what was served, and lets a failover lose that.
func moveBackAndFail(x *trial) {
	x.far()
	replica := x.forgets()
	x.lowered(func() { x.replace(replica) })
}

// replica returns the replica of the room's master.
func (x *trial) replica() *redistest.Server {
	_, port, _ := net.SplitHostPort(x.Redis[0].Addr)
	for _, s := range x.Redis[1:] {
		if replication(s)["master_port"] == port {
			return s
		}
	}
	x.Fatal("the room's master has no replica")
	return nil
}

// replication returns what a server says of it.
func replication(s *redistest.Server) map[string]string {
	info, _ := s.Do("INFO", "replication").(string)
	fields := make(map[string]string)
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// forgets stops the replica of the room's master and ends the connection between
// them: what is written from now on is lost if the master dies.
func (x *trial) forgets() *redistest.Server {
	replica := x.replica()
	replica.Pause()
	x.Redis[0].Do("CLIENT", "KILL", "TYPE", "replica")
	return replica
}

// replace kills the room's master and lets its replica, which was stopped, take its
// place.
func (x *trial) replace(replica *redistest.Server) {
	written, _ := strconv.ParseInt(replication(x.Redis[0])["master_repl_offset"], 10, 64)
	x.Redis[0].Kill()
	replica.Resume()
	had, _ := strconv.ParseInt(replication(replica)["slave_repl_offset"], 10, 64)
	if lost := written - had; lost <= 0 || had == 0 {
		x.Errorf("the failover loses nothing: the master had written %d bytes, the replica had read %d", written, had)
	} else {
		x.Logf("the failover loses %d bytes", lost)
	}
	x.promoted(replica)
}

// promoted waits until a replica has become a master.
func (x *trial) promoted(replica *redistest.Server) {
	eventually(x.T, "the replica takes over", func() bool { return replication(replica)["role"] == "master" })
}

// partition cuts the room's master and a node off for longer than the cluster
// takes to choose another master. The balancer reaches all nodes all the time. More
// people come to the half that was cut off than a jump covers, so the promise
// allows positions to be dealt twice.
func partition(x *trial) {
	x.cut = time.Now()
	x.aside.Cut(x.T)
	if n := x.probes.rush(x.nodeURL(0), 400); n < 100 {
		x.Errorf("the half that was cut off has dealt %d places", n)
	} else {
		x.Logf("the half that was cut off has dealt %d places at once", n)
	}
	eventually(x.T, "the other half deals", func() bool { return x.probes.join(x.nodeURL(1)) == nil })
	time.Sleep(time.Until(x.cut.Add(cutFor)))
	x.healed = time.Now()
	x.aside.Heal(x.T)
}

// cutFor is how long halves are apart.
const cutFor = 8 * time.Second

// partitionWithAcks does the same where a change counts only once a replica has it,
// which is in the other half. So nobody gives places out.
func partitionWithAcks(x *trial) {
	x.aside.Cut(x.T)
	cut := time.Now()
	time.Sleep(cutFor) // All the time somebody tries to join on both sides.
	healed := time.Now()
	x.aside.Heal(x.T)
	if n := x.probes.between(cut, healed); n > 0 {
		x.Errorf("while halves were apart, %d places were given out that no replica confirmed", n)
	}
}

// nodeURL is where one node is found, past the balancer.
func (x *trial) nodeURL(i int) string { return "http://" + x.Nodes[i].public }
