package load

import (
	"context"
	"fmt"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

const (
	// readEvery is how often the management listener is asked how the room stands.
	readEvery = time.Second
	// settle is longer than what the listener knows is ever behind the store.
	settle = 500 * time.Millisecond
)

// An operator lets visitors in and watches the room, if there is a management
// listener to do so.
type operator struct {
	options *Options
	clock   clock
	witness *witness

	turn   int        // Which listener is asked.
	before admin.Room // How the room stood at first.
	base   int64      // Its serving counter then, from the store itself.
	after  *admin.Room
}

// idle reports whether there is nothing that the operator can do.
func (o *operator) idle() bool { return len(o.options.Management) == 0 || o.options.Room == "" }

// client returns the listener whose turn it is.
func (o *operator) client() *admin.Client {
	return o.options.Management[o.turn%len(o.options.Management)]
}

// prepare looks how the room stands before anybody comes. It is also the proof that the
// token is good.
func (o *operator) prepare(ctx context.Context) (err error) {
	if o.idle() {
		return nil
	}
	if o.before, err = o.client().Room(ctx, o.options.Room); err != nil {
		return fmt.Errorf("look at the room: %w", err)
	}
	o.witness.sees(o.before.Generation)
	if o.options.Serve.N == 0 {
		return nil
	}
	// Adding nothing asks the store for the counter; what the room shows may be
	// a moment old.
	if o.base, err = o.client().Serve(ctx, o.options.Room, 0); err != nil {
		return fmt.Errorf("ask for the serving counter: %w", err)
	}
	return nil
}

// work serves and watches until ctx ends.
func (o *operator) work(ctx context.Context) {
	if o.idle() {
		return
	}
	read := time.NewTicker(readEvery)
	defer read.Stop()
	serve := &time.Ticker{} // Never, without a rate.
	if o.options.Serve.N > 0 {
		serve = time.NewTicker(o.options.Serve.Every)
		defer serve.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-read.C:
			o.read(ctx)
		case <-serve.C:
			o.serve(ctx)
		}
	}
}

// serve lets the next visitors in.
func (o *operator) serve(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, o.options.Timeout)
	defer cancel()
	s := audit.Serve{Add: o.options.Serve.N}
	s.Span.Invoked = o.clock.now()
	serving, err := o.client().Serve(ctx, o.options.Room, s.Add)
	s.Span.Completed = o.clock.now()
	if err == nil { // After an error it may have happened all the same.
		s.Outcome, s.Serving = audit.Done, serving
	} else {
		o.turn++
	}
	o.witness.serve(s)
}

// read looks how the room stands.
func (o *operator) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, o.options.Timeout)
	defer cancel()
	invoked := o.clock.now()
	room, err := o.client().Room(ctx, o.options.Room)
	if err != nil {
		o.turn++
		return
	}
	o.witness.sees(room.Generation)
	if room.Healthy {
		o.witness.counter(room.Serving, audit.Span{Invoked: invoked, Completed: o.clock.now()})
	}
}

// finish looks how the room stands after all.
func (o *operator) finish(ctx context.Context) {
	if o.idle() {
		return
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	for range o.options.Management {
		if room, err := o.client().Room(ctx, o.options.Room); err == nil && room.Healthy {
			o.after = &room
			o.witness.sees(room.Generation)
			return
		}
		o.turn++
	}
}

// testify adds to a history what the operator knows: whether anything else raised
// the counter. Places that expire may be handed on, which raises it as well.
func (o *operator) testify(h *audit.History) (note string) {
	switch {
	case o.options.Serve.N == 0 || !o.options.Alone:
	case o.before.Inlet != "manual":
		return "the room's inlet serves, too, so whether anybody was early is judged by the counters in answers"
	case o.after == nil:
		return "the room could not be looked at in the end, so whether anybody was early is judged by the counters in answers"
	default:
		h.Alone, h.Base = true, o.base
		h.Reused = max(o.after.Missed-o.before.Missed, o.after.Missed, 0)
		if o.after.Generation == o.before.Generation {
			h.Reused = max(o.after.Missed-o.before.Missed, 0)
		}
	}
	return ""
}
