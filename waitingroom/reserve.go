package waitingroom

import "time"

// Reservation asks to keep a turn for a visitor whose login has come too late
// for the relying party, and who is sent to start it afresh. The turn is kept
// for as long as a claim window, or, where places never expire, as a
// session, and in no case for longer than a session. It takes a slot. If no code
// comes of it, it ends like a session that ran out, and the place is spent.
type Reservation struct {
	// Op names this call, so that repeating it counts once.
	Op OpID
	// Login names the login that came too late, and Received is when it came in, in
	// whole seconds.
	Login    [16]byte
	Received time.Time
}

// MaxRounds is how often a visitor is sent to start the login afresh before a
// code is redeemed. Logins that stood side by side, as in the tabs of a browser,
// are sent round once each and count as one.
const MaxRounds = 2

// A Round is one time that a visitor was sent to start a login afresh.
type Round struct {
	// Op is that of the [Reservation], Login the login that came too late.
	Op    OpID
	Login [16]byte
	// At is when the visitor was sent.
	At time.Time
	// Counts is true unless another login that stood beside this one counts
	// for both.
	Counts bool
}
