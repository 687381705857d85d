package ledger

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Lease takes or prolongs the inlet's lease.
func (l *Ledger) Lease(holder waitingroom.OpID, d time.Duration) (waitingroom.Lease, error) {
	if l.Holder != holder && l.Now < l.LeaseUntil {
		return l.lease(), waitingroom.ErrConflict
	}
	if l.Holder != holder || l.Now >= l.LeaseUntil {
		l.Holder = holder
		l.Fence++
		l.Version++
		l.changed()
	}
	l.LeaseUntil = max(l.LeaseUntil, l.Now+d.Milliseconds())
	return l.lease(), nil
}

func (l *Ledger) lease() waitingroom.Lease {
	return waitingroom.Lease{Holder: l.Holder, Fence: l.Fence, Until: time.UnixMilli(l.LeaseUntil).UTC()}
}
