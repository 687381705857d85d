package storetest

import (
	"fmt"
	"math"
	"slices"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// model knows just enough of one room to say whether a store breaks an
// invariant. It is told what callers were told, and shares no code with any
// store.
type model struct {
	generation     int64
	dealt, serving int64
	epoch          uint64
	settings       waitingroom.Settings
	revision       int64
	applied        map[waitingroom.OpID]bool
	// expired is the last position that has been given up.
	expired int64
	// had holds the positions of the places that have or had a session, over the
	// places whose session has ended.
	had  map[waitingroom.RequestID]int64
	over map[waitingroom.RequestID]bool
	// inside holds those who had a live session when they were last looked at,
	// and ranOut counts the sessions that have run out since and keep their slots
	// until a sweep finds them.
	inside []waitingroom.Ticket
	ranOut int64
}

func newModel() *model {
	m := &model{applied: make(map[waitingroom.OpID]bool)}
	m.begin(0)
	return m
}

func (m *model) begin(generation int64) {
	m.generation, m.dealt, m.serving, m.epoch, m.expired = generation, 0, 0, 0, 0
	m.had, m.over = make(map[waitingroom.RequestID]int64), make(map[waitingroom.RequestID]bool)
	m.inside, m.ranOut = nil, 0
}

// advanced is told of positions that were newly dealt (invariants I1 and I2).
func (m *model) advanced(first, n int64) error {
	if first != m.dealt+1 {
		return fmt.Errorf("position %d dealt after %d", first, m.dealt)
	}
	m.arrive(m.dealt + n)
	return nil
}

func (m *model) arrive(dealt int64) {
	if dealt <= m.dealt {
		return
	}
	m.dealt = dealt
	if m.settings.Open {
		m.serving = max(m.serving, dealt)
	}
}

// served is told of an order that was accepted.
func (m *model) served(order waitingroom.Serve) {
	if order.Lease == (waitingroom.Lease{}) {
		if m.applied[order.Op] {
			return
		}
		m.applied[order.Op] = true
	}
	if m.settings.Capacity != 0 {
		return // The house is full already, or nobody waits.
	}
	target := float64(m.serving) + float64(order.By) // Floats don't overflow.
	if order.To != nil {
		target = float64(*order.To)
	}
	to := m.least(int64(math.Min(math.Max(target, 0), waitingroom.MaxPosition)))
	if to < m.serving {
		m.epoch++
	}
	m.serving = to
}

// wasReset is told of a reset that was accepted, and the generation after it.
func (m *model) wasReset(op waitingroom.OpID, generation int64) error {
	if m.applied[op] {
		return nil
	}
	if generation <= m.generation {
		return fmt.Errorf("generation %d after %d", generation, m.generation)
	}
	m.applied[op] = true
	m.begin(generation)
	return nil
}

func (m *model) settled(f waitingroom.Floors) {
	if f.Generation > m.generation {
		m.begin(f.Generation)
	}
	if f.Generation < m.generation {
		return
	}
	m.arrive(f.Dealt)
	if f.Epoch > m.epoch || f.Epoch == m.epoch && f.Serving > m.serving {
		m.epoch, m.serving = f.Epoch, m.least(f.Serving)
	}
}

// least returns serving, or a higher value that an open room must have.
func (m *model) least(serving int64) int64 {
	if m.settings.Open {
		return max(serving, m.dealt)
	}
	return serving
}

func (m *model) configured(revision int64, settings waitingroom.Settings) {
	if revision < m.revision {
		return
	}
	m.revision, m.settings = revision, settings
	m.serving = m.least(m.serving)
}

// swept is told of a sweep, and of the last position expired after it: exactly
// those that nobody claimed are missed, and handed on if they are to be.
func (m *model) swept(s waitingroom.Swept, expired int64) error {
	if missed := expired - m.expired - m.claims(m.expired, expired); s.Places != missed {
		return fmt.Errorf("%d places given up where nobody claimed %d of those from %d to %d", s.Places, missed, m.expired+1, expired)
	}
	m.expired = expired
	if m.settings.Reuse && !m.settings.Open && m.settings.Capacity == 0 {
		m.serving = min(m.serving+s.Places, waitingroom.MaxPosition)
	}
	m.ranOut -= s.Sessions
	return nil
}

// claims returns how many positions in (after, upto] were claimed.
func (m *model) claims(after, upto int64) int64 {
	var n int64
	for _, position := range m.had {
		if position > after && position <= upto {
			n++
		}
	}
	return n
}

// alive returns how many sessions hold a slot.
func (m *model) alive() int64 { return int64(len(m.inside)) + m.ranOut }

// unclaimed returns how many places may be claimed now and have not been, by a
// serving counter.
func (m *model) unclaimed(serving int64) int64 {
	frontier := min(serving, m.dealt)
	return max(0, frontier-m.expired-m.claims(m.expired, frontier))
}

// claimed is told of a claim that succeeded (invariants I2, I3, I6 and I9).
func (m *model) claimed(t waitingroom.Ticket, s waitingroom.Session) error {
	_, known := m.had[t.ID]
	switch {
	case s.Position != t.Position || s.ID != t.ID:
		return fmt.Errorf("a claim of position %d found the session of %d", t.Position, s.Position)
	case !known && t.Position > m.serving:
		return fmt.Errorf("position %d was admitted at serving counter %d", t.Position, m.serving)
	case m.over[t.ID]:
		return fmt.Errorf("position %d was admitted a second time", t.Position)
	case !known && m.settings.Capacity != 0 && m.alive() >= m.settings.Capacity:
		return fmt.Errorf("position %d was admitted to a room of %d with %d in it", t.Position, m.settings.Capacity, m.alive())
	}
	if !known {
		m.had[t.ID] = t.Position
		m.inside = append(m.inside, t)
	}
	return nil
}

// looked is told how a place stands, and whether the clock was turned since the
// last time. If not, a session that is over was ended, and its slot is free.
func (m *model) looked(t waitingroom.Ticket, s waitingroom.Standing, turned bool) {
	if i := slices.Index(m.inside, t); i >= 0 && s.State != waitingroom.StateActive {
		m.inside = slices.Delete(m.inside, i, i+1)
		if turned {
			m.ranOut++
		}
	}
}

// stands is told how a place stands (invariants I3 and I9); the zero Standing is
// that of a line that has ended.
func (m *model) stands(t waitingroom.Ticket, s waitingroom.Standing) error {
	_, had := m.had[t.ID]
	switch s.State {
	case waitingroom.StateServed:
		if t.Position > m.serving {
			return fmt.Errorf("position %d is served at serving counter %d", t.Position, m.serving)
		}
		if had {
			return fmt.Errorf("position %d is served again after its session", t.Position)
		}
	case waitingroom.StateActive:
		if m.over[t.ID] {
			return fmt.Errorf("position %d is active again", t.Position)
		}
	case waitingroom.StateSpent:
		if !had {
			return fmt.Errorf("position %d is spent without a session", t.Position)
		}
		m.over[t.ID] = true
	case waitingroom.StateExpired:
		// Of those who had a session, it is those whose row is gone, or whose turn was
		// kept in vain.
		m.over[t.ID] = had
	case waitingroom.StateWaiting:
	}
	return nil
}

// counts is told of the room's counters.
func (m *model) counts(c waitingroom.Counters) error {
	if m.settings.Capacity != 0 {
		if err := m.house(c); err != nil {
			return err
		}
		m.serving, m.epoch = c.Serving, c.Epoch
	}
	if c.Generation != m.generation || c.Dealt != m.dealt || c.Serving != m.serving || c.Epoch != m.epoch {
		return fmt.Errorf("counters %+v where generation %d dealt %d and serves %d in epoch %d",
			c, m.generation, m.dealt, m.serving, m.epoch)
	}
	if int64(len(m.had)) != c.Admitted {
		return fmt.Errorf("%d admitted, but the store counts %d", len(m.had), c.Admitted)
	}
	if c.Alive != m.alive() || c.Unclaimed != m.unclaimed(c.Serving) {
		return fmt.Errorf("%d alive and %d unclaimed, but the store counts %d and %d", m.alive(), m.unclaimed(c.Serving), c.Alive, c.Unclaimed)
	}
	return nil
}

// house is told of the counters of a room with a capacity. Those inside, those who
// were served and haven't come, and those whom the counter would let pass at once
// make up the capacity. More of them there are only where it was lowered, or where
// it came to a line that was served more; then nobody else is.
func (m *model) house(c waitingroom.Counters) error {
	pass := max(0, c.Serving-m.dealt)
	full := m.alive() + m.unclaimed(c.Serving) + pass
	switch {
	case c.Serving < m.serving && c.Epoch <= m.epoch, c.Epoch < m.epoch:
		return fmt.Errorf("the counter moved from %d back to %d, and from epoch %d to %d", m.serving, c.Serving, m.epoch, c.Epoch)
	case full < m.settings.Capacity:
		return fmt.Errorf("%d of %d slots are held while the counter stands at %d of %d dealt", full, m.settings.Capacity, c.Serving, m.dealt)
	case full > m.settings.Capacity && (pass > 0 || c.Serving > m.serving):
		return fmt.Errorf("%d slots of %d are held, and the counter rose from %d to %d of %d dealt",
			full, m.settings.Capacity, m.serving, c.Serving, m.dealt)
	}
	return nil
}
