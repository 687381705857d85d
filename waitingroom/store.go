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

// Status says how a session stands. The numbers are those of the AWS API.
type Status int8

// The states of a session.
const (
	// StatusActive is a session that is alive.
	StatusActive Status = 0
	// StatusCompleted is a session that was ended on purpose.
	StatusCompleted Status = 1
	// StatusAbandoned is a session that ran out, or was given up.
	StatusAbandoned Status = -1
)

// A Session is what a claim creates: the visitor is on the site.
type Session struct {
	// ID is the request ID that was claimed.
	ID RequestID
	// Generation is the room's life in which it was claimed.
	Generation int64
	// Position is the place that was claimed.
	Position int64
	// Holder is the hash of the session cookie, or zero for lanes without one.
	Holder [32]byte
	// Admitted is when the session was created.
	Admitted time.Time
	// AuthTime is when the visitor was admitted or last confirmed to be there,
	// in whole seconds.
	AuthTime time.Time
	// Expires is when the session runs out unless it is extended.
	Expires time.Time
	// Status says whether it is alive.
	Status Status
	// Holds is until when a session that has ended keeps its slot; zero once the
	// slot is free.
	Holds time.Time
	// Reserved says that the turn is only kept for its visitor, who has to start
	// the login afresh, and that the visit begins with the first code. Until then
	// Expires is when the reservation lapses.
	Reserved bool
	// Rounds are the times that the visitor was sent to start a login afresh, and
	// its client has redeemed no code since; oldest first.
	Rounds []Round
	// Grants are the logins within the session, at most [MaxGrants] for each
	// client.
	Grants []Grant
}

// MaxGrants is how many grants of one client a session keeps. The next login
// drops the oldest.
const MaxGrants = 64

// A Grant is one client's login within a session: a redeemed code.
type Grant struct {
	// ID is unique within the session. It follows from the code's Login, so
	// that all codes of one login lead to the same grant.
	ID uint64
	// Client is the client that redeemed the code.
	Client string
	// AuthTime is the session's when the code was made.
	AuthTime time.Time
	// Redeemed is when the code was redeemed.
	Redeemed time.Time
	// Number counts the refresh tokens; Rotated is when it last rose.
	Number  uint32
	Rotated time.Time
	// Ended is true once the grant's tokens are dead.
	Ended bool
}

// A Code is an authorization code at rest. The engine knows nothing of what it
// carries.
type Code struct {
	// Hash names the code; the code itself is never stored.
	Hash [32]byte
	// Login names the authorization request that the code answers. At most one
	// code of a login is redeemed.
	Login [16]byte
	// Client and Binding must be repeated by whoever takes the code.
	Client  string
	Binding [32]byte
	// Payload is handed back to whoever takes the code, at most 8 KiB.
	Payload []byte
	// Life is how long the code can be taken.
	Life time.Duration
}

// Claim asks to take up a turn.
type Claim struct {
	// Ticket is the place.
	Ticket Ticket
	// Holder is the hash of the session cookie that shall hold the session, or
	// zero for lanes without cookies.
	Holder [32]byte
	// Take moves a session that another browser holds to Holder.
	Take bool
	// Code, if not nil, is stored in the same step.
	Code *Code
	// Reserve, if not nil, keeps the turn instead of starting the visit, and no
	// code is stored. On a visit that has begun it only counts.
	Reserve *Reservation
}

// State says how a place stands.
type State string

// The states of a place.
const (
	// StateWaiting is a place above the serving counter.
	StateWaiting State = "waiting"
	// StateServed is a place that can be claimed now.
	StateServed State = "served"
	// StateActive is a place with a live session.
	StateActive State = "active"
	// StateExpired is a place whose turn has passed unused: nobody claimed it in time,
	// or it was reserved and no visit came of that.
	StateExpired State = "expired"
	// StateSpent is a place whose one session has ended.
	StateSpent State = "spent"
)

// A Standing is how a place stands in its room.
type Standing struct {
	State State
	// Session is the live session of [StateActive].
	Session Session
	// Until is when the claim window of [StateServed] closes; zero for never.
	Until time.Time
}

// TakeCode redeems a code.
type TakeCode struct {
	Hash    [32]byte
	Client  string
	Binding [32]byte
	// Op names this redemption, so that repeating it answers the same, while
	// another one is a replay.
	Op OpID
}

// Taken is what a code yields.
type Taken struct {
	Session Session
	Grant   Grant
	Payload []byte
}

// Rotate moves a grant to its next refresh token.
type Rotate struct {
	ID         RequestID
	Generation int64
	Grant      uint64
	// Number is that of the token presented.
	Number uint32
	// Grace accepts the predecessor for [RotateGrace] until its successor is
	// used.
	Grace bool
}

// RotateGrace is how long the predecessor of a refresh token is accepted.
const RotateGrace = 60 * time.Second

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

// Sessions keeps those who were admitted. What is said of [Line] holds here.
type Sessions interface {
	// Claim takes up a turn, or finds the live session of a turn already taken
	// up. It looks at the live session first, then at the serving counter, then
	// at the window, then at the capacity. Errors: ErrLineEnded, ErrLineAhead,
	// ErrHeld, ErrNotServed, ErrExpired, ErrSpent, ErrFull; ErrUnsettled if the
	// position is above the last dealt; for a reservation ErrSentRound, with the
	// turn kept as it was. The first claim with a code makes a visit of a reserved
	// turn: Admitted, AuthTime and Expires count from then.
	Claim(ctx context.Context, room string, c Claim) (Session, Counters, error)
	// Lookup says how a place stands. Errors: ErrLineEnded, ErrLineAhead.
	Lookup(ctx context.Context, room string, t Ticket) (Standing, Counters, error)
	// Extend prolongs a live session by the room's SessionTTL, at most to its
	// SessionMax. With the AuthTime that the caller has seen it also notes that the
	// visitor has confirmed to be there: AuthTime moves to now, and by at least one
	// second, unless it is a later one by now. With the zero time it stays. It
	// returns ErrNoSession if there is no session, or only a reserved turn.
	Extend(ctx context.Context, room string, id RequestID, seen time.Time) (Session, Counters, error)
	// End ends a live session with all its grants. Its slot is free from then on,
	// or at the time holds if that is later: relying parties may still take
	// tokens that they hold for good. Ending it again with the same status is no
	// error; with another one, or where there is none, it is ErrNoSession.
	End(ctx context.Context, room string, id RequestID, s Status, holds time.Time) (Counters, error)
	// TakeCode redeems a code at most once. A wrong client or binding, an
	// unknown code or one out of its life, and the second code of a login give
	// ErrNoSession, and the code stays as it was. A second op ends the code's
	// grant and gives ErrReplayed.
	TakeCode(ctx context.Context, room string, t TakeCode) (Taken, Counters, error)
	// Rotate moves a grant from refresh token r.Number to the next, and extends
	// the session. Errors: ErrNoSession; ErrReplayed, after ending the grant.
	Rotate(ctx context.Context, room string, r Rotate) (Session, Grant, Counters, error)
	// Revoke ends a grant, and with the last grant the session, whose slot is
	// then free, or at the time holds if that is later. A grant that is unknown
	// or has ended is no error.
	Revoke(ctx context.Context, room string, id RequestID, grant uint64, holds time.Time) (Counters, error)
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
