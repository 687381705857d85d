package ledger

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Sweep gives up places whose window has closed and ends sessions that ran
// out; see [waitingroom.Line].
func (l *Ledger) Sweep(limit int) waitingroom.Swept {
	var swept waitingroom.Swept
	before := l.Expired
	n := 0
	for n < len(l.Log) && n < limit && l.gone(l.Log[n]) {
		swept.Places += l.expire(l.Log[n].Upto)
		n++
	}
	l.Log = l.Log[n:]
	l.trim(before)
	l.reuse(swept.Places)
	l.refill()

	due := l.rows.Due(l.Time(), limit)
	for _, key := range due {
		switch key[0] {
		case 's':
			swept.Sessions += l.sweepSession(waitingroom.RequestID(key[1:]))
		default:
			l.sweepCode(key)
		}
	}
	swept.More = len(due) == limit || n == limit
	if n > 0 || len(due) > 0 {
		l.changed()
	}
	return swept
}

// gone reports whether an entry's window has been closed long enough.
func (l *Ledger) gone(r Rise) bool {
	closed := time.UnixMilli(r.At).Add(l.Settings.PositionTTL + waitingroom.ExpiryGrace)
	return l.Time().After(closed)
}

// expire gives up all places up to a position and returns how many of them
// nobody had claimed.
func (l *Ledger) expire(upto int64) int64 {
	accounted := l.count(l.Expired, upto)
	missed := upto - l.Expired - accounted
	l.Accounted -= accounted
	l.Expired = upto
	l.Missed += missed
	return missed
}

// reuse hands places that nobody claimed to the next in line.
func (l *Ledger) reuse(places int64) {
	if places == 0 || !l.Settings.Reuse || l.Settings.Open || l.Settings.Capacity != 0 {
		return
	}
	l.Serving = l.within(l.Serving + places)
	l.Version++
	l.rise()
}

// sweepCode forgets a code, unless it was redeemed and has a later reminder.
func (l *Ledger) sweepCode(key []byte) {
	c, err := decodeCode(l.rows.Get(key))
	if err == nil && c.taken && l.Time().Before(c.expires.Add(takenLife)) {
		return
	}
	l.rows.Delete(key)
}

// sweepSession looks at a session whose reminder came, and returns 1 if it ran
// out.
func (l *Ledger) sweepSession(id waitingroom.RequestID) (ranOut int64) {
	s, ok := l.session(id)
	if !ok {
		return 0
	}
	if s.Status == waitingroom.StatusActive {
		if l.alive(s) {
			l.rows.Remind(s.Expires, sessionKey(id)) // It was extended.
			return 0
		}
		l.end(s, waitingroom.StatusAbandoned, time.Time{})
		ranOut = 1
	}
	if !s.Holds.IsZero() {
		if s.Holds.After(l.Time()) {
			return 0 // It has a later reminder.
		}
		s.Holds = time.Time{}
		l.putSession(s)
		l.Alive--
		l.refill()
	}
	if s.Position <= l.Expired || l.Settings.PositionTTL == 0 {
		l.rows.Delete(sessionKey(id))
		return ranOut
	}
	// The row has to tell this spent place from a fresh one until the place
	// has expired.
	until, open := l.window(s.Position)
	if !open {
		until = l.Time()
	}
	l.rows.Remind(until.Add(2*waitingroom.ExpiryGrace), sessionKey(id))
	return ranOut
}
