package waitingroom

import (
	"context"
	"fmt"
	"time"
)

const (
	// snapshotEvery is how often a node asks for the counters, so that its
	// snapshot is at most 250 ms old.
	snapshotEvery = 200 * time.Millisecond
	// idleEvery is how often it asks for those of a room where nobody was for
	// idleAfter, if the store says by itself when they change.
	idleEvery = 5 * time.Second
	idleAfter = time.Minute
)

// poll asks a shared store for the counters of all rooms that are due, together,
// until ctx ends. A room whose answer is still on its way isn't asked for again, and
// keeps no other waiting.
func (e *Engine) poll(ctx context.Context) {
	ticker := time.NewTicker(snapshotEvery)
	defer ticker.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		idle := round%int(idleEvery/snapshotEvery) == 0
		var due []string
		for _, r := range e.order {
			if (idle || r.busy()) && r.asking.CompareAndSwap(false, true) {
				due = append(due, r.config.ID)
			}
		}
		if len(due) > 0 {
			e.running.Go(func() { e.ask(ctx, due) })
		}
	}
}

func (e *Engine) ask(ctx context.Context, rooms []string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	e.shared.Poll(ctx, rooms, func(room string, c Counters, err error) { e.rooms[room].answered(c, err) })
}

// busy reports whether a room's counters are wanted in every round: somebody was
// here lately, or the last round had no answer. Who runs an inlet must always know
// how long the line is.
func (r *Room) busy() bool {
	return time.Since(time.Unix(r.visited.Load(), 0)) <= idleAfter || r.config.Inlet.Kind == InletPeriodic || r.lastPoll() != nil
}

// answered takes the answer to a poll.
func (r *Room) answered(c Counters, err error) {
	if err != nil {
		err = fmt.Errorf("read counters: %w", err)
	} else {
		r.heard(c)
	}
	r.healthMu.Lock()
	r.polled = err
	r.healthMu.Unlock()
	r.asking.Store(false)
}

// lastPoll returns nil, or why the last poll had no answer.
func (r *Room) lastPoll() error {
	r.healthMu.Lock()
	defer r.healthMu.Unlock()
	return r.polled
}

// refresh reads the counters of a room in a store of this process alone.
func (r *Room) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := r.store.Counters(ctx, r.config.ID)
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	r.heard(c)
	return nil
}

// heard takes in what the store says, asked or by itself. Answers overtake each
// other, and the door is to see the newest.
func (r *Room) heard(c Counters) {
	r.note(c)
	r.door.observe(r.Counters)
}

// visit notes that somebody is here. Only a shared store is asked less often when
// nobody is.
func (r *Room) visit() {
	if r.engine.shared == nil {
		return
	}
	if now := time.Now().Unix(); r.visited.Load() != now {
		r.visited.Store(now)
	}
}
