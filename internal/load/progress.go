package load

import (
	"context"
	"fmt"
	"time"
)

const (
	// standEvery is how often the timeline notes how the line stands.
	standEvery = 250 * time.Millisecond
	// sayEvery is how often a line of progress is written where it can't be written
	// over.
	sayEvery = 5 * time.Second
)

// tell notes how the line stands, and writes progress, until ctx ends.
func (r *run) tell(ctx context.Context) {
	ticker := time.NewTicker(standEvery)
	defer ticker.Stop()
	every := sayEvery
	if r.options.Terminal {
		every = time.Second
	}
	var before int64
	for last := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			r.stands()
			r.finishLine()
			return
		case <-ticker.C:
		}
		r.stands()
		if now := r.clock.now(); now-last >= every {
			before, last = r.say(now, now-last, before), now
		}
	}
}

// stands notes how the line stands.
func (r *run) stands() {
	_, waits, inside := r.tally.there()
	r.meter.stands(r.clock.now(), waits, inside, r.witness.serving())
}

// say writes a line of progress, and returns how many requests there have been.
func (r *run) say(now, since time.Duration, before int64) int64 {
	requests, errors, p99 := r.meter.lately(now)
	if r.options.Progress == nil {
		return requests
	}
	arrived, waits, inside := r.tally.there()
	line := fmt.Sprintf("%4.0f s  arrived %d of %d, waiting %d, serving %d, on the site %d; %.0f requests/s, p99 %v, errors %d",
		now.Seconds(), arrived, r.options.Visitors, waits, r.witness.serving(), inside,
		float64(requests-before)/since.Seconds(), p99.Round(100*time.Microsecond), errors)
	if r.options.Terminal {
		line = "\r\x1b[K" + line // Back to the beginning of the line, and clear it.
	} else {
		line += "\n"
	}
	// Nobody is left to tell if this fails.
	fmt.Fprint(r.options.Progress, line)
	return requests
}

// finishLine ends the line that was written over.
func (r *run) finishLine() {
	if r.options.Progress != nil && r.options.Terminal {
		fmt.Fprintln(r.options.Progress)
	}
}
