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
	rates  rates
}

// rates say how a line moves, and what it makes of polls.
type rates struct {
	slow, fast float64 // Places a second, the lower and the higher estimate.
	stretch    float64 // By how much everybody polls less often, at least 1.
}

// observe takes a sample of the counters, about once a second. The node answers up
// to budget polls a second.
func (p *pace) observe(c Counters, in Inlet, budget float64) {
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
		p.rates.slow, p.rates.fast = rate/1.2, rate
	} else {
		short, long := p.rate(60), p.rate(samples)
		p.rates.slow, p.rates.fast = min(short, long), max(short, long)
	}
	p.rates.stretch = max(1, crowd(float64(c.Waiting()), p.rates.fast)/budget)
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

// now returns the latest rates.
func (p *pace) now() rates {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rates
}

// untilPoll returns how many seconds somebody with so many places to go waits
// between two polls, while a node has time for all: a tenth of the wait.
func untilPoll(togo, fast float64) float64 {
	if fast <= 0 {
		return unknownPoll.Seconds()
	}
	return min(max(togo/fast/10, minPoll.Seconds()), maxPoll.Seconds())
}

// crowd returns how many polls a second n waiting visitors make at that pace: the
// sum of 1/untilPoll over all their places, as an integral.
func crowd(n, fast float64) float64 {
	if fast <= 0 {
		return n / unknownPoll.Seconds()
	}
	// Up to the place near everybody polls at the shortest interval, beyond far at
	// the longest.
	near, far := 10*fast*minPoll.Seconds(), 10*fast*maxPoll.Seconds()
	polls := min(n, near)/minPoll.Seconds() + max(n-far, 0)/maxPoll.Seconds()
	if n > near {
		polls += 10 * fast * math.Log(min(n, far)/near)
	}
	return polls
}

// estimate returns the pace of a waiting position. A crowd that polls too much is
// stretched as a whole, so that who is near the front still hears first.
func estimate(position int64, c Counters, r rates, spread float64) Pace {
	togo := position - c.Serving
	pace := Pace{Ahead: max(0, togo-1), Low: -1, High: -1}
	if togo <= 0 {
		return Pace{}
	}
	if r.slow > 0 {
		pace.Low, pace.High = seconds(float64(togo)/r.fast), seconds(float64(togo)/r.slow)
	}
	pace.PollAfter = seconds(untilPoll(float64(togo), r.fast) * max(1, r.stretch) * spread)
	return pace
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, math.MaxInt32) * float64(time.Second))
}

// budget returns how many polls of the room's visitors all nodes together answer
// a second. Other nodes have as many cores as this one, for all that it knows.
func (r *Room) budget() float64 {
	nodes := 1
	if r.engine.shared != nil {
		nodes = max(nodes, r.engine.shared.Nodes(r.config.ID))
	}
	return float64(pollsPerCore * runtime.GOMAXPROCS(0) * nodes)
}

// Pace returns what the holder of a place may expect.
func (r *Room) Pace(t Ticket) Pace {
	c := r.Counters()
	if t.Position <= c.Serving {
		return Pace{EnterAfter: r.door.delay(t.Position, r.Now()), PollAfter: minPoll}
	}
	return r.soonEnough(estimate(t.Position, c, r.pace.now(), 0.8+0.4*rand.Float64())) //nolint:gosec // Jitter is no secret.
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

// observe schedules those who became served, by the latest counters. It asks for
// them with the lock held, so that no look at them comes after a later one: the
// counter would seem to have been moved back, and all who are held back would enter.
func (d *door) observe(latest func() Counters) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := latest()
	frontier, now := c.Frontier(), c.Now
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
