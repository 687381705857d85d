package waitingroom

import (
	"context"
	"time"
)

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
