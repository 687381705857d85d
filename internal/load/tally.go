package load

import (
	"sync"

	"github.com/anteroom-dev/anteroom/internal/load/report"
)

// A fate is what a visitor comes to.
type fate uint8

// What a visitor comes to. Those before gone are still there.
const (
	waiting fate = iota
	onSite
	left
	served
	gaveUp
	noShow
	turnedAway
	failed
	fates
)

// A tally counts visitors by what they have come to. It is safe for concurrent use.
type tally struct {
	mu                                   sync.Mutex // Guards the rest.
	arrived, queued, admitted, sentRound int64
	by                                   [fates]int64
}

// arrive counts a new visitor, who waits.
func (t *tally) arrive() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrived++
	t.by[waiting]++
}

// move counts a visitor somewhere else.
func (t *tally) move(from, to fate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[from]--
	t.by[to]++
	if from == waiting && to == onSite {
		t.admitted++
	}
}

// note counts a place shown, or a visitor who was sent round.
func (t *tally) note(queued, sentRound int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queued += queued
	t.sentRound += sentRound
}

// there returns how many have arrived, and how many of them wait and are on the site.
func (t *tally) there() (arrived, waits, inside int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.arrived, t.by[waiting], t.by[onSite]
}

// crowd returns the counts for the report.
func (t *tally) crowd() report.Crowd {
	t.mu.Lock()
	defer t.mu.Unlock()
	return report.Crowd{
		Arrived: t.arrived, Queued: t.queued, Admitted: t.admitted, SentRound: t.sentRound,
		Waiting: t.by[waiting], OnSite: t.by[onSite], Left: t.by[left], Served: t.by[served],
		GaveUp: t.by[gaveUp], NoShow: t.by[noShow], TurnedAway: t.by[turnedAway], Failed: t.by[failed],
	}
}
