package waitingroom

import (
	"context"
	"time"
)

// Counters is what a store says of a room with every reply.
//
// Counters compare as (Generation, Sequence): a higher pair is newer. Time is
// the store's, and never runs backwards within a room.
type Counters struct {
	// Now is the store's time when it answered.
	Now time.Time
	// Generation is the room's life: 0 until its first reset.
	Generation int64
	// Sequence counts the changes of the room, but for the positions dealt.
	Sequence uint64
	// Version counts the changes of the serving counter, for compare-and-set.
	Version uint64
	// Revision is that of the settings in force; see [Line.Configure].
	Revision int64
	// Dealt is the last position dealt; 0 before the first.
	Dealt int64
	// Serving is the serving counter: each position at or below it may enter.
	// It may run ahead of Dealt.
	Serving int64
	// Epoch counts the backward moves of the serving counter.
	Epoch uint64
	// Expired is the last position whose claim window has closed.
	Expired int64
	// Alive is the number of sessions that take a slot: those that are alive, and
	// those that have ended and still hold it.
	Alive int64
	// Unclaimed is the number of positions that may be claimed now, and have
	// not been.
	Unclaimed int64
	// Admitted is the number of sessions ever created in this generation.
	Admitted int64
	// Missed is the number of places in this generation that nobody claimed in
	// time.
	Missed int64
	// Anchor is the time up to which the inlet has accounted for its rate; the
	// zero time before its first step.
	Anchor time.Time
}

// Frontier returns the highest position that can be claimed now.
func (c Counters) Frontier() int64 { return min(c.Serving, c.Dealt) }

// Waiting returns how many people stand in line.
func (c Counters) Waiting() int64 { return max(0, c.Dealt-c.Serving) }

// Settings are the rules of a room that the store applies in its atomic steps.
type Settings struct {
	// PositionTTL is how long a served position may be claimed; 0 is for ever.
	PositionTTL time.Duration
	// SessionTTL is how long a session lives unless it is extended.
	SessionTTL time.Duration
	// SessionMax is the longest that a session can be extended to, counted
	// from admission.
	SessionMax time.Duration
	// Open makes the serving counter follow the positions dealt, so that
	// everybody passes at once and is counted.
	Open bool
	// Capacity, if not 0, is how many sessions may be alive at a time. The
	// serving counter is then no one's to move: each step that changes anything
	// ends by refilling, so that those alive and those who may enter and have not
	// yet come make up the capacity, if the line is long enough. It needs a
	// PositionTTL, or places that nobody claims would hold their slot for ever.
	Capacity int64
	// Reuse adds the places that expired unclaimed to the serving counter in the
	// step that gives them up. It has no effect with Open or Capacity.
	Reuse bool
}

// OpID names one operation, so that repeating it after a lost reply has no
// second effect. It is random.
type OpID [16]byte

// Floors is what a node knows that a store which lost writes may not know.
type Floors struct {
	Generation int64
	Dealt      int64
	Serving    int64
	Epoch      uint64
	// Growth is by how much Dealt grew in the two seconds before, if that is known. A
	// shared store skips as much if a node is missing that may know more.
	Growth int64
}

// Advance asks for positions.
type Advance struct {
	// Node names the asking process. A process that starts takes a new name.
	Node OpID
	// Seq is one above the node's last successful call in the room, and 1 in its
	// first; or equal to it if its reply was lost, in which case the same positions
	// are returned.
	Seq uint64
	// N is the number of positions, 1 to 10,000.
	N int
}

// Serve moves the serving counter.
type Serve struct {
	// By is added to the counter, and may be negative or 0.
	By int64
	// To, if not nil, is the counter's new value, and By is ignored.
	To *int64

	// Op names an operator's order. It is zero for an inlet.
	Op OpID
	// Lease is an inlet's right to act. It is zero for an operator.
	Lease Lease
	// Version is the one that an inlet read. An operator's order is relative
	// to the stored value and needs none.
	Version uint64
	// Anchor is stored with an inlet's step, in the same atomic step.
	Anchor time.Time
}

// A Lease lets one node at a time run a room's inlet.
type Lease struct {
	// Holder names the node.
	Holder OpID
	// Fence is higher for each new holder; a step with an older one is refused.
	Fence uint64
	// Until is when the lease runs out by the store's time.
	Until time.Time
}

// ExpiryGrace is how much longer than the claim window the store waits before
// it gives a place up, so that a claim and its expiry never race.
const ExpiryGrace = 5 * time.Second

// Swept is what one sweep did.
type Swept struct {
	// Sessions is how many ran out, Places how many expired unclaimed.
	Sessions, Places int64
	// More is true if the limit stopped the sweep before its end.
	More bool
}

// Line moves the people of a room forward.
//
// Each method is one atomic step, and once it returns nil its effect is
// durable as far as the store promises. Each is idempotent, because a reply can
// be lost after the effect. Each returns the room's counters after the step, on
// success and on any refusal, with the store's time. A room that the store
// doesn't know is empty, of generation 0. [ErrUnavailable] means that the
// effect is unknown, and the call may be repeated.
type Line interface {
	// Counters returns the room's counters.
	Counters(ctx context.Context, room string) (Counters, error)
	// Settle merges what the caller knows by maximum: positions known to be
	// dealt are never dealt again, and nobody known to be served waits again.
	Settle(ctx context.Context, room string, floors Floors) (Counters, error)
	// Advance deals a.N positions in a row and returns the first. Repeating a
	// sequence number returns the same positions; a lower one, ErrConflict.
	Advance(ctx context.Context, room string, a Advance) (first int64, c Counters, err error)
	// Serve moves the serving counter, within 0 and [MaxPosition]; in a room with
	// a capacity the refill decides where it ends. An op that was applied before
	// has no further effect. An inlet's step is refused
	// with ErrConflict if lease or version isn't the stored one.
	Serve(ctx context.Context, room string, s Serve) (Counters, error)
	// Reset empties the room: positions, sessions, codes and grants, and starts
	// a generation that was never used. It returns ErrConflict if the room
	// isn't in the expected generation, unless op was applied before.
	Reset(ctx context.Context, room string, op OpID, expected int64) (Counters, error)
	// Configure applies settings unless the store holds a later revision.
	Configure(ctx context.Context, room string, revision int64, s Settings) (Counters, error)
	// Lease takes or prolongs the inlet's lease for d. It returns ErrConflict
	// and the present lease while another holder's is unexpired. Taking it,
	// but not prolonging it, raises fence and version.
	Lease(ctx context.Context, room string, holder OpID, d time.Duration) (Lease, Counters, error)
	// Sweep ends sessions that ran out and gives up places whose window closed
	// [ExpiryGrace] ago, looking at no more than limit of each.
	Sweep(ctx context.Context, room string, limit int) (Swept, Counters, error)
}

// Vault keeps small values that belong to no room: sealed keys, the master
// secret's check value, authorization requests too large for a URL.
type Vault interface {
	// Keep stores value under name for life (0 is for ever), unless there is
	// one already, and returns what is kept afterwards.
	Keep(ctx context.Context, name string, value []byte, life time.Duration) ([]byte, error)
	// Kept returns the value under name, or ErrNotKept.
	Kept(ctx context.Context, name string) ([]byte, error)
	// Swap puts value in the place of old under name, in one step, and returns what
	// is kept afterwards. That is value if it was old, and also if it was
	// value already, as after a lost reply; anything else was left as it is, and the
	// caller has to think again. Its life stays as it was. With nothing kept under
	// name it returns ErrNotKept.
	Swap(ctx context.Context, name string, old, value []byte) ([]byte, error)
}

// A Store holds the state of all rooms. Calls for one room are serializable,
// also across processes and restarts; calls for different rooms need not be.
type Store interface {
	Line
	Sessions
	Vault
	// Close writes what a clean stop can save and frees the store.
	Close() error
}

// A Shared store serves other nodes, too. The engine does more with a store that
// implements it.
type Shared interface {
	// Poll asks for the counters of several rooms at once, as [Line.Counters] does for
	// one. It calls answer once for each as soon as its answer is there, from any
	// goroutine, so that a room that takes long keeps no other waiting, and returns
	// after the last.
	Poll(ctx context.Context, rooms []string, answer func(room string, c Counters, err error))
	// Watch calls news with a room's counters whenever a node has changed more
	// than the positions dealt, until ctx ends. News may get lost.
	Watch(ctx context.Context, room string, news func(Counters))
	// Remember notes the place that a browser was dealt in a generation, for life,
	// and returns the one that holds: another node may have dealt the browser one
	// at the same time. A place that is dead holds no more.
	Remember(ctx context.Context, room string, generation int64, browser [16]byte, dealt, dead RequestID, life time.Duration) (RequestID, error)
	// Newcomers counts one more that came to a room from somewhere, and returns how many
	// have, each within apart of the one before.
	Newcomers(ctx context.Context, room string, from [8]byte, apart time.Duration) (int, error)
	// Nodes returns how many nodes were serving a room when its counters were last
	// asked for, this one included, or 0 if they never were.
	Nodes(room string) int
	// Check returns why the store isn't fit to keep a line, or nil.
	Check(ctx context.Context) error
}

// A Pruner can forget rooms. A store keeps what it knows of a room that is no
// longer configured until it is told to.
type Pruner interface {
	// Prune removes all that is kept of rooms other than keep, and returns their
	// names, in order. A room that another node was heard to run a moment ago stays.
	Prune(ctx context.Context, keep []string) (removed []string, err error)
}
