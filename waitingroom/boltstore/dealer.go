package boltstore

import (
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// The block by which the ceiling runs ahead of the positions dealt: about one
// second of joins within these bounds.
const (
	minBlock = 64
	maxBlock = 65_536
)

// A dealer deals the positions of one room from memory, under the ceiling that
// is on disk, and holds the room's published state. It is safe for concurrent
// use, and nobody waits long for its lock.
type dealer struct {
	mu    sync.Mutex // Guards the rest.
	state published
	last  int64 // The last position dealt.
	// nodes is each node's last call in this generation.
	nodes map[waitingroom.OpID]dealing

	pending *raising // Asked for and not yet committed, or nil.
	needed  int64    // Positions that a waiting call asks for.
	block   int64
	// raisedAt and raisedDealt are the time and the position of the last raise,
	// from which the rate of joins is measured.
	raisedAt    time.Time
	raisedDealt int64

	closed bool // Nothing is dealt any more.
}

// dealing is what a node got with its last call.
type dealing struct {
	seq   uint64
	first int64
}

// raising is a raise of the ceiling that calls may wait for.
type raising struct {
	done chan struct{} // Closed when the ceiling was raised, or err is set.
	err  error
}

func newDealer() dealer {
	return dealer{
		state: published{record: &ledger.Record{}},
		nodes: make(map[waitingroom.OpID]dealing), block: minBlock,
	}
}

// An answer is what a call for positions is told.
type answer struct {
	first    int64
	counters waitingroom.Counters
	// wait is what the caller has to wait for before it tries again, because
	// the ceiling is too low; nil if the call is answered.
	wait *raising
	// ask is true if the caller has to have the ceiling raised.
	ask bool
}

// deal deals the positions that a asks for, or says what to wait for.
func (d *dealer) deal(a waitingroom.Advance, now time.Time) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var (
		told answer
		err  error
	)
	last := d.nodes[a.Node]
	upto, full := ledger.Next(d.last, a.N)
	switch {
	case d.closed:
		return answer{}, unavailable(errClosed)
	case a.Seq < last.seq:
		err = waitingroom.ErrConflict
	case a.Seq == last.seq && last.first > 0:
		told.first = last.first
	case full != nil:
		err = full
	case upto > d.state.ceiling:
		d.needed = max(d.needed, int64(a.N))
		told.ask = d.ask()
		told.wait = d.pending
		return told, nil
	default:
		told.first = d.last + 1
		d.last = upto
		d.nodes[a.Node] = dealing{seq: a.Seq, first: told.first}
		told.ask = d.low(d.last, d.state.ceiling) && d.ask()
	}
	told.counters = d.state.record.View(d.last, now)
	return told, err
}

// ask notes that the ceiling has to be raised, and reports whether that is news.
func (d *dealer) ask() bool {
	if d.pending != nil {
		return false
	}
	d.pending = &raising{done: make(chan struct{})}
	return true
}

// low reports whether half of the block is used.
func (d *dealer) low(dealt, ceiling int64) bool {
	return ceiling-dealt <= d.block/2 && ceiling < waitingroom.MaxPosition
}

// snapshot returns the published state and the last position dealt in its
// generation.
func (d *dealer) snapshot() (published, int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state, d.last
}

// counters returns the counters of a record, or of the published one if it is
// nil, with the arrivals since.
func (d *dealer) counters(record *ledger.Record, now time.Time) waitingroom.Counters {
	state, dealt := d.snapshot()
	if record == nil {
		record = state.record
	}
	if record.Generation != state.record.Generation {
		dealt = record.Dealt
	}
	return record.View(dealt, now)
}

// ceiling returns the ceiling to make durable with a record that is about to be
// committed: the present one, unless half of its block is used.
func (d *dealer) ceiling(record *ledger.Record, now time.Time) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	dealt, ceiling := max(d.last, record.Dealt), d.state.ceiling
	if record.Generation != d.state.record.Generation {
		dealt, ceiling = record.Dealt, record.Dealt
	}
	if d.needed == 0 && !d.low(dealt, ceiling) {
		return ceiling
	}
	joins := max(0, dealt-d.raisedDealt)
	elapsed := max(now.Sub(d.raisedAt), time.Millisecond)
	// A clock that stood still says nothing about the rate; the bounds hold.
	d.block = min(max(int64(float64(joins)/elapsed.Seconds()), minBlock), maxBlock)
	d.raisedAt, d.raisedDealt = now, dealt
	ceiling = min(max(ceiling, dealt+d.needed+d.block), waitingroom.MaxPosition)
	d.needed = 0
	return ceiling
}

// publish replaces the published state by one that was committed, and lets go
// on who waited for the ceiling.
func (d *dealer) publish(state published) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state.record.Generation != d.state.record.Generation {
		d.begin(state.record.Dealt)
	}
	d.state = state
	d.last = max(d.last, state.record.Dealt)
	d.settle(nil)
}

// resume publishes what an earlier process left: it may have dealt up to the
// ceiling before a crash.
func (d *dealer) resume(state published) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin(state.ceiling)
	d.state = state
}

// begin starts a generation in which positions up to dealt are taken.
func (d *dealer) begin(dealt int64) {
	d.last, d.raisedDealt, d.needed = dealt, dealt, 0
	d.nodes = make(map[waitingroom.OpID]dealing)
}

// fail tells who waits for the ceiling that it was not raised.
func (d *dealer) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(err)
}

// settle ends the pending raise.
func (d *dealer) settle(err error) {
	if d.pending != nil {
		d.pending.err = err
		close(d.pending.done)
		d.pending = nil
	}
}

// close stops the dealing and returns the last position dealt.
func (d *dealer) close() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.settle(unavailable(errClosed))
	return d.last
}
