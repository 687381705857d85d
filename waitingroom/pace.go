package waitingroom

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

const (
	// pollsPerCore is a node's budget of polls a second for each core.
	pollsPerCore = 5000
	minPoll      = 2 * time.Second
	maxPoll      = time.Minute
	// unknownPoll is the pace when nobody can say how long the wait is.
	unknownPoll = 5 * time.Second
	// samples is how many seconds of the serving counter are remembered.
	samples = 300
)

// Pace says what a waiting visitor may expect.
type Pace struct {
	// Ahead is how many people stand between the visitor and the counter.
	Ahead int64
	// Low and High bound the estimated wait; both are negative if it is
	// unknown.
	Low, High time.Duration
	// PollAfter is when to ask again.
	PollAfter time.Duration
	// EnterAfter is, for a served visitor, how long to hold back so that not
	// everybody enters in the same second.
	EnterAfter time.Duration
}

// pace watches the serving counter of a room.
type pace struct {
	mu     sync.Mutex // Guards the rest.
	epoch  uint64
	at     []time.Time // One a second, oldest first.
	served []int64
	slow   float64 // Places a second, the lower and the higher estimate.
	fast   float64
}

// observe takes a sample of the counters, about once a second.
func (p *pace) observe(c Counters, in Inlet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Epoch != p.epoch || len(p.served) > 0 && c.Serving < p.served[len(p.served)-1] {
		p.at, p.served = nil, nil // Moved back, or reset: the past says nothing.
		p.epoch = c.Epoch
	}
	if len(p.at) == samples {
		p.at, p.served = append(p.at[:0], p.at[1:]...), append(p.served[:0], p.served[1:]...)
	}
	p.at, p.served = append(p.at, c.Now), append(p.served, c.Serving)
	if in.Kind == InletPeriodic {
		rate := float64(in.Add) / in.Every.Seconds()
		p.slow, p.fast = rate/1.2, rate
		return
	}
	short, long := p.rate(60), p.rate(samples)
	p.slow, p.fast = min(short, long), max(short, long)
}

// rate returns the places served a second over the latest n samples.
func (p *pace) rate(n int) float64 {
	first := max(0, len(p.at)-n)
	last := len(p.at) - 1
	seconds := p.at[last].Sub(p.at[first]).Seconds()
	if seconds < 1 {
		return 0
	}
	return float64(p.served[last]-p.served[first]) / seconds
}

// rates returns the lower and the higher estimate of places served a second.
func (p *pace) rates() (slow, fast float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slow, p.fast
}

// estimate returns the pace of a waiting position.
func estimate(position int64, c Counters, slow, fast float64, spread float64) Pace {
	togo := position - c.Serving
	pace := Pace{Ahead: max(0, togo-1), Low: -1, High: -1}
	poll := unknownPoll
	if togo <= 0 {
		return Pace{}
	}
	if fast > 0 {
		pace.Low = seconds(float64(togo) / fast)
		if slow > 0 {
			pace.High = seconds(float64(togo) / slow)
		} else {
			pace.Low = -1
		}
		poll = min(max(seconds(float64(togo)/fast/10), minPoll), maxPoll)
	}
	// At this pace all who wait stay within the node's budget of polls.
	budget := float64(pollsPerCore * runtime.GOMAXPROCS(0))
	poll = max(poll, seconds(float64(c.Waiting())/budget))
	pace.PollAfter = time.Duration(float64(poll) * spread)
	return pace
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, math.MaxInt32) * float64(time.Second))
}

// Pace returns what the holder of a place may expect.
func (r *Room) Pace(t Ticket) Pace {
	c := r.Counters()
	if t.Position <= c.Serving {
		return Pace{EnterAfter: r.door.delay(t.Position, r.Now()), PollAfter: minPoll}
	}
	slow, fast := r.pace.rates()
	return r.soonEnough(estimate(t.Position, c, slow, fast, 0.8+0.4*rand.Float64())) //nolint:gosec // Jitter is no secret.
}

// soonEnough has a visitor come back within a quarter of the claim window, so
// that nobody misses a turn between two polls.
func (r *Room) soonEnough(p Pace) Pace {
	if ttl := r.config.Settings.PositionTTL; ttl > 0 {
		p.PollAfter = min(p.PollAfter, max(ttl/4, time.Second))
	}
	return p
}

// A door spreads those who were served together over time, by position, so that
// a node makes no more codes a second than it can sign. Nobody is held back for
// longer than half the claim window.
type door struct {
	limit time.Duration

	mu     sync.Mutex // Guards the rest.
	rate   float64    // Codes a second; 0 is no limit.
	begun  bool       // False until the first look at the room.
	looked time.Time  // When the room was last looked at.
	upto   int64      // The last position that was scheduled.
	jumps  []jump     // Oldest first; those that have wholly passed are dropped.
}

// A jump is a rise of the frontier, and when its first visitor may enter.
type jump struct {
	from, upto int64
	start      time.Time
}

func (j jump) end(rate float64) time.Time {
	return j.start.Add(seconds(float64(j.upto-j.from) / rate))
}

func (d *door) pace(rate float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rate, d.begun = rate, false
}

// observe schedules those who became served.
func (d *door) observe(frontier int64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// They were served at any time since the last look. Counting from then, a
	// steady flow that the node can sign is not held back at all.
	start := d.looked
	d.looked = now
	if d.rate <= 0 || d.begun && frontier == d.upto {
		return
	}
	if frontier < d.upto || !d.begun {
		// Moved back, reset, or what happened before this node looked.
		d.begun, d.upto, d.jumps = true, frontier, nil
		return
	}
	for len(d.jumps) > 0 && d.jumps[0].end(d.rate).Before(now) {
		d.jumps = d.jumps[1:]
	}
	if n := len(d.jumps); n > 0 && d.jumps[n-1].end(d.rate).After(start) {
		start = d.jumps[n-1].end(d.rate)
	}
	d.jumps = append(d.jumps, jump{from: d.upto, upto: frontier, start: start})
	d.upto = frontier
}

// delay returns how long a served position has to hold back.
func (d *door) delay(position int64, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.jumps {
		if position <= j.from || position > j.upto {
			continue
		}
		enter := j.start.Add(seconds(float64(position-j.from-1) / d.rate))
		wait := max(0, enter.Sub(now))
		if d.limit > 0 {
			wait = min(wait, d.limit)
		}
		return wait
	}
	return 0
}
