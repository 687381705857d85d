package waitingroom

import "time"

// DealWith deals a ticket with known random bits.
func (t *Tickets) DealWith(lane Lane, position int64, entered time.Time, random byte) Ticket {
	return t.deal(lane, position, entered, random)
}
