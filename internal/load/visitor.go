package load

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

const (
	// minPoll and maxPoll bound the pace that a server can ask for, as the script of
	// the waiting page does.
	minPoll, maxPoll = time.Second, 10 * time.Minute
	// minBackoff and maxBackoff bound the ceiling of the back-off.
	minBackoff, maxBackoff = 2 * time.Second, time.Minute
	// look is how often a visitor of the site is looked at.
	look = 5 * time.Second
	// maxRounds is how often a login may be started afresh.
	maxRounds = 5
)

// A stage is what a visitor does next.
type stage uint8

// The stages of a browser visitor, then those of an API visitor.
const (
	stageLogin  stage = iota // Start a login.
	stagePage                // Load the waiting page.
	stagePoll                // Ask how the place stands.
	stageStay                // Be on the site.
	stageReturn              // Come again after the visit.
	stageAssign              // Take a place.
	stageAsk                 // Ask for its position.
	stageWatch               // Watch the serving counter.
	stageGone
)

// A visitor is one of the crowd. It is with one worker at a time. There are as many
// as wait, so it is kept small.
type visitor struct {
	due     time.Duration // When it does what its stage says.
	arrived time.Duration
	leaves  time.Duration // When patience or the visit ends.
	stay    time.Duration // How long it wants to stay on the site.
	pace    time.Duration // Between polls, as the server last said.
	place   *audit.Place  // Nil before it has one.
	cookies cookies
	query   string // Of the waiting page; or of an API visitor, the request ID.
	visit   *visit // Nil before it is on the site.
	number  int
	login   int // How many logins it has started.

	stage    stage
	fate     fate
	failures uint8 // In a row.
	rounds   uint8 // Logins that came to no code in a row.
	queued   bool  // Whether it has been shown a place.
	served   bool  // Whether it was told that it is its turn.

	// What it will do.
	noShow, refresh, replay, returns bool
}

// newVisitor returns a visitor who arrives now, with a will of its own that the seed
// and its number decide.
func newVisitor(o *Options, number int, arrives time.Duration) *visitor {
	rng := rand.New(rand.NewPCG(o.Seed, uint64(number))) //nolint:gosec // Choices to be repeated are no secrets.
	v := &visitor{number: number, arrived: arrives, due: arrives, leaves: Never}
	if rng.Float64() < float64(o.API) {
		v.stage = stageAssign
	}
	if patience := o.Patience.draw(rng); patience < Never-arrives {
		v.leaves = arrives + patience
	}
	v.stay = o.Stay.draw(rng)
	v.noShow = rng.Float64() < float64(o.NoShow)
	v.refresh = rng.Float64() < float64(o.Refresh)
	v.replay = rng.Float64() < float64(o.Replay)
	v.returns = rng.Float64() < float64(o.Return)
	return v
}

// do does what is due, and all that follows without a pause.
func (r *run) do(ctx context.Context, v *visitor) {
	for {
		if v.fate == waiting && v.due >= v.leaves {
			r.ends(v, gaveUp)
			return
		}
		r.step(ctx, v)
		if v.stage == stageGone || ctx.Err() != nil || v.due > r.clock.now() {
			return
		}
	}
}

// step does one step.
func (r *run) step(ctx context.Context, v *visitor) {
	switch v.stage {
	case stageLogin:
		r.authorize(ctx, v)
	case stagePage:
		r.page(ctx, v)
	case stagePoll:
		r.poll(ctx, v)
	case stageStay:
		r.stay(ctx, v)
	case stageReturn:
		r.comeAgain(ctx, v)
	case stageAssign:
		r.assign(ctx, v)
	case stageAsk:
		r.ask(ctx, v)
	case stageWatch:
		r.watch(ctx, v)
	case stageGone:
	}
}

// next has a visitor do something after a pause.
func (r *run) next(v *visitor, s stage, after time.Duration) {
	v.stage = s
	v.due = r.clock.now() + after
	if v.fate == waiting && after > 0 {
		v.due = min(v.due, max(v.leaves, r.clock.now()))
	}
}

// ends has a visitor go.
func (r *run) ends(v *visitor, to fate) {
	if v.fate == onSite && to == turnedAway {
		to = left // The visit has run out.
	}
	r.tally.move(v.fate, to)
	v.fate, v.stage = to, stageGone
}

// later has a visitor try the same again, after the back-off of the waiting page's
// script: full jitter below a ceiling that doubles, from the pace of the line on.
func (r *run) later(v *visitor, a *answer) {
	base := max(v.pace, minBackoff)
	ceiling := min(base<<min(v.failures, 10), max(base, maxBackoff))
	v.failures = min(v.failures+1, 100)
	pause := max(time.Duration(rand.Float64()*float64(ceiling)), minPoll) //nolint:gosec // Jitter is no secret.
	r.next(v, v.stage, pause+a.retryAfter())
}

// shown notes the position that an answer showed.
func (r *run) shown(v *visitor, position int64, a *answer) {
	if position <= 0 {
		return
	}
	sight(r.placeOf(v), position, a.span)
	if !v.queued {
		v.queued = true
		r.tally.note(1, 0)
	}
}

// placeOf returns the visitor's place, which begins with the first that is known of it.
func (r *run) placeOf(v *visitor) *audit.Place {
	if v.place == nil {
		v.place = r.witness.place(v.number)
	}
	return v.place
}

// malformed notes an answer that has not the form that it should have.
func (r *run) malformed(v *visitor, a *answer, says string) {
	r.witness.fault(audit.Fault{Invariant: "I8", Visitor: v.number, Span: a.span, Says: says})
}
