package ledger

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// keptRounds is how many rounds of one visitor at one client are told apart: as many
// as a browser may have logins side by side. Each one more counts.
const keptRounds = waitingroom.MaxGrants

// lapsed reports whether a session that isn't alive was a turn kept in vain, and
// not a visit, nor given up by its owner.
func lapsed(s waitingroom.Session) bool {
	return s.Reserved && s.Status != waitingroom.StatusCompleted
}

// sendRound notes that a visitor is sent to start a login afresh, or refuses it
// as the next turn of a loop.
func (l *Ledger) sendRound(s waitingroom.Session, r waitingroom.Reservation) (waitingroom.Session, error) {
	kept, counted, again := 0, 0, false
	var last time.Time
	for _, round := range s.Rounds {
		if round.Op == r.Op {
			return s, nil // A repeated call.
		}
		if round.Client != r.Client {
			continue
		}
		kept++
		again = again || round.Login == r.Login
		if round.Counts {
			counted, last = counted+1, round.At
		}
	}
	// A login that had come in before the last round didn't come of it: it is
	// that of another tab. When it came in is known to the second.
	counts := again || !r.Received.Before(last.Truncate(time.Second)) || kept >= keptRounds
	if counts && counted >= waitingroom.MaxRounds {
		return waitingroom.Session{}, waitingroom.ErrSentRound
	}
	s.Rounds = append(s.Rounds, waitingroom.Round{Op: r.Op, Client: r.Client, Login: r.Login, At: l.Time(), Counts: counts})
	l.putSession(s)
	return s, nil
}

// ledIn returns rounds without those of a client that has redeemed a code.
func ledIn(rounds []waitingroom.Round, client string) []waitingroom.Round {
	var others []waitingroom.Round
	for _, round := range rounds {
		if round.Client != client {
			others = append(others, round)
		}
	}
	return others
}

// visit begins the visit of a session that is only reserved, with its first
// code. It returns any other as it is.
func (l *Ledger) visit(s waitingroom.Session) waitingroom.Session {
	if !s.Reserved {
		return s
	}
	now := l.Time()
	s.Reserved = false
	s.Admitted, s.AuthTime, s.Expires = now, now.Truncate(time.Second), now.Add(l.Settings.SessionTTL)
	l.putSession(s)
	l.rows.Remind(s.Expires, sessionKey(s.ID))
	return s
}
