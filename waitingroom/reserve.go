package waitingroom

import "time"

// Reservation asks to keep a turn for a visitor whose login has come too late
// for the relying party, and who is sent to start it afresh. The turn is kept
// for as long as [Settings.Reservation] says, and takes a slot. If no code comes
// of it, the slot is freed like that of a session that ran out, and the turn has
// passed.
type Reservation struct {
	// Op names this call, so that repeating it counts once.
	Op OpID
	// Client is whose login it is. Each client's are counted by themselves.
	Client string
	// Login names the login that came too late, and Received is when it came in, in
	// whole seconds.
	Login    [16]byte
	Received time.Time
}

// Reservation returns for how long a turn is kept for a visitor who starts the login
// afresh: as long as it could have been claimed, or, where that is for ever, as a
// session lives, and in no case for longer than a session.
func (s Settings) Reservation() time.Duration {
	if s.PositionTTL == 0 {
		return s.SessionTTL
	}
	return min(s.PositionTTL, s.SessionTTL)
}

// MaxRounds is how often a visitor is sent to start the login at one client afresh
// before that redeems a code. Logins that stood side by side, as in the tabs of a browser,
// are sent round once each and count as one.
const MaxRounds = 2

// A Round is one time that a visitor was sent to start a login afresh.
type Round struct {
	// Op is that of the [Reservation], Client and Login are whose login came too late,
	// and which.
	Op     OpID
	Client string
	Login  [16]byte
	// At is when the visitor was sent.
	At time.Time
	// Counts is true unless another login that stood beside this one counts
	// for both.
	Counts bool
}
