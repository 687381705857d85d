package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

// maxFaults bounds how many faults are kept.
const maxFaults = 1000

// A witness writes down for the audit what the crowd and its operator see. It is
// safe for concurrent use; a place, once dealt, belongs to its visitor.
type witness struct {
	mu          sync.Mutex // Guards what follows, up to the empty line.
	places      []*audit.Place
	readings    map[int64]*audit.Reading
	serves      []audit.Serve
	faults      []audit.Fault
	generations map[int64]bool // All that were seen.
	generation  int64          // The highest of them.
	highest     int64          // The highest counter seen.

	// URLs that browsers were sent to, and answers whose form was looked at.
	urls, answers atomic.Int64
}

func newWitness() *witness {
	return &witness{readings: make(map[int64]*audit.Reading), generations: make(map[int64]bool)}
}

// place returns a new place of a visitor.
func (w *witness) place(visitor int) *audit.Place {
	p := &audit.Place{Visitor: visitor, Generation: audit.AnyGeneration}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places = append(w.places, p)
	return p
}

// sees notes a room's generation.
func (w *witness) sees(generation int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generations[generation] = true
	w.generation = max(w.generation, generation)
}

// counter notes a serving counter that an answer showed.
func (w *witness) counter(serving int64, span audit.Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.readings[serving]
	if r == nil {
		r = &audit.Reading{Serving: serving, First: span.Completed, Last: span.Invoked}
		w.readings[serving] = r
	}
	r.First, r.Last = min(r.First, span.Completed), max(r.Last, span.Invoked)
	w.highest = max(w.highest, serving)
}

// serving returns the highest serving counter that was seen.
func (w *witness) serving() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.highest
}

// serve notes an order of the operator.
func (w *witness) serve(s audit.Serve) {
	w.mu.Lock()
	w.serves = append(w.serves, s)
	w.mu.Unlock()
	if s.Outcome == audit.Done {
		w.counter(s.Serving, s.Span)
	}
}

// fault notes an answer that is wrong by itself.
func (w *witness) fault(f audit.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, f)
	}
}

// history returns all that was seen. API places don't say their generation; if there
// was only one, it is theirs.
func (w *witness) history(o *Options) *audit.History {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &audit.History{
		Places: make([]audit.Place, 0, len(w.places)), Serves: w.serves, Faults: w.faults,
		URLs: int(w.urls.Load()), Answers: int(w.answers.Load()),
		Generation: w.generation, Capacity: o.Capacity, Stale: o.Stale,
	}
	only := audit.AnyGeneration
	if len(w.generations) <= 1 {
		only = w.generation
	}
	for _, p := range w.places {
		place := *p
		if place.Generation == audit.AnyGeneration {
			place.Generation = only
		}
		h.Places = append(h.Places, place)
	}
	for _, r := range w.readings {
		h.Readings = append(h.Readings, *r)
	}
	return h
}

// sight notes a position that a place was shown with. Only what differs from the
// one before is kept.
func sight(p *audit.Place, position int64, span audit.Span) {
	if n := len(p.Sights); n == 0 || p.Sights[n-1].Position != position {
		p.Sights = append(p.Sights, audit.Sight{Position: position, Span: span})
	}
}

// clock tells the time of a run.
type clock struct{ began time.Time }

func (c clock) now() time.Duration { return time.Since(c.began) }
