package storetest

import (
	"fmt"
	"math"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// model knows just enough of one room to say whether a store breaks an
// invariant. It is told what callers were told, and shares no code with any
// store.
type model struct {
	generation     int64
	dealt, serving int64
	epoch          uint64
	open           bool
	revision       int64
	applied        map[waitingroom.OpID]bool
	// had holds the places that have or had a session, over those whose
	// session has ended.
	had, over map[waitingroom.RequestID]bool
}

func newModel() *model {
	m := &model{applied: make(map[waitingroom.OpID]bool)}
	m.begin(0)
	return m
}

func (m *model) begin(generation int64) {
	m.generation, m.dealt, m.serving, m.epoch = generation, 0, 0, 0
	m.had, m.over = make(map[waitingroom.RequestID]bool), make(map[waitingroom.RequestID]bool)
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
	if m.open {
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
	if m.open {
		return max(serving, m.dealt)
	}
	return serving
}

func (m *model) configured(revision int64, open bool) {
	if revision < m.revision {
		return
	}
	m.revision, m.open = revision, open
	if open {
		m.serving = max(m.serving, m.dealt)
	}
}

// claimed is told of a claim that succeeded (invariants I2, I3 and I9).
func (m *model) claimed(t waitingroom.Ticket, s waitingroom.Session) error {
	switch {
	case s.Position != t.Position || s.ID != t.ID:
		return fmt.Errorf("a claim of position %d found the session of %d", t.Position, s.Position)
	case !m.had[t.ID] && t.Position > m.serving:
		return fmt.Errorf("position %d was admitted at serving counter %d", t.Position, m.serving)
	case m.over[t.ID]:
		return fmt.Errorf("position %d was admitted a second time", t.Position)
	}
	m.had[t.ID] = true
	return nil
}

// stands is told how a place stands (invariants I3 and I9).
func (m *model) stands(t waitingroom.Ticket, s waitingroom.Standing) error {
	switch s.State {
	case waitingroom.StateServed:
		if t.Position > m.serving {
			return fmt.Errorf("position %d is served at serving counter %d", t.Position, m.serving)
		}
		if m.had[t.ID] {
			return fmt.Errorf("position %d is served again after its session", t.Position)
		}
	case waitingroom.StateActive:
		if m.over[t.ID] {
			return fmt.Errorf("position %d is active again", t.Position)
		}
	case waitingroom.StateSpent:
		if !m.had[t.ID] {
			return fmt.Errorf("position %d is spent without a session", t.Position)
		}
		m.over[t.ID] = true
	case waitingroom.StateWaiting, waitingroom.StateExpired:
	}
	return nil
}

// counts is told of the room's counters.
func (m *model) counts(c waitingroom.Counters) error {
	if c.Generation != m.generation || c.Dealt != m.dealt || c.Serving != m.serving || c.Epoch != m.epoch {
		return fmt.Errorf("counters %+v where generation %d dealt %d and serves %d in epoch %d",
			c, m.generation, m.dealt, m.serving, m.epoch)
	}
	if int64(len(m.had)) != c.Admitted {
		return fmt.Errorf("%d admitted, but the store counts %d", len(m.had), c.Admitted)
	}
	return nil
}
