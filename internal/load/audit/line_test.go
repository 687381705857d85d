package audit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

// A line is a correct room, simulated: operations take effect one after another,
// each at a moment within its span. What it does is written down as a crowd would
// see it.
type line struct {
	T       *rapid.T
	now     time.Duration // When the latest operation took effect.
	dealt   int64
	serving int64
	alive   int64
	past    []reading // The counter as it was.
	history audit.History
	held    []held
}

type reading struct {
	at      time.Duration
	serving int64
}

// held is what the line knows of a place.
type held struct {
	position      int64
	inside, spent bool
	entered       time.Duration
}

// effect lets time pass, and returns the span of an operation that takes effect
// now, and whether its reply arrives.
func (l *line) effect() (s audit.Span, replied bool) {
	l.now += time.Duration(rapid.Int64Range(1, 2_000).Draw(l.T, "pause")) * time.Millisecond
	s = audit.Span{
		Invoked:   l.now - time.Duration(rapid.Int64Range(0, 1_500).Draw(l.T, "way"))*time.Millisecond,
		Completed: l.now + time.Duration(rapid.Int64Range(0, 1_500).Draw(l.T, "back"))*time.Millisecond,
	}
	return s, rapid.IntRange(0, 9).Draw(l.T, "reply") > 0
}

// someone returns one of the places, or -1.
func (l *line) someone() int {
	if len(l.held) == 0 {
		return -1
	}
	return rapid.IntRange(0, len(l.held)-1).Draw(l.T, "who")
}

func (l *line) join() {
	s, replied := l.effect()
	l.dealt++
	l.held = append(l.held, held{position: l.dealt})
	p := audit.Place{Visitor: len(l.held)}
	if replied {
		p.Sights = []audit.Sight{{Position: l.dealt, Span: s}}
	}
	l.history.Places = append(l.history.Places, p)
}

func (l *line) serve() {
	s, replied := l.effect()
	n := rapid.Int64Range(0, 8).Draw(l.T, "n")
	if l.history.Alone {
		n -= 3 // Then it may be taken back, unseen.
	}
	happened := replied || rapid.Bool().Draw(l.T, "happened")
	if happened {
		l.serving = max(0, l.serving+n)
		l.past = append(l.past, reading{l.now, l.serving})
	}
	op := audit.Serve{Span: s, Add: n}
	if replied {
		op.Outcome, op.Serving = audit.Done, l.serving
	}
	l.history.Serves = append(l.history.Serves, op)
}

// look shows the counter as it was up to Stale ago.
func (l *line) look() {
	s, _ := l.effect()
	asOf := s.Invoked - time.Duration(rapid.Int64Range(0, int64(l.history.Stale)).Draw(l.T, "age"))
	shown := int64(0)
	for _, r := range l.past {
		if r.at <= asOf {
			shown = r.serving
		}
	}
	for i := range l.history.Readings {
		if r := &l.history.Readings[i]; r.Serving == shown {
			r.First, r.Last = min(r.First, s.Completed), max(r.Last, s.Invoked)
			return
		}
	}
	l.history.Readings = append(l.history.Readings, audit.Reading{Serving: shown, First: s.Completed, Last: s.Invoked})
}

func (l *line) claim() {
	i := l.someone()
	if i < 0 {
		return
	}
	s, replied := l.effect()
	h, p := &l.held[i], &l.history.Places[i]
	full := l.history.Capacity > 0 && l.alive >= l.history.Capacity
	if h.spent || !h.inside && (h.position > l.serving || full) {
		return // Refused, which nobody learns from.
	}
	if !h.inside {
		h.inside, h.entered = true, l.now
		l.alive++
	}
	if replied {
		p.Sights = append(p.Sights[:0:0], audit.Sight{Position: h.position, Span: s})
		p.Entries = append(p.Entries, audit.Entry{Span: s})
	}
}

func (l *line) redeem() {
	i := l.someone()
	if i < 0 || len(l.history.Places[i].Entries) == 0 || l.held[i].spent {
		return
	}
	s, replied := l.effect()
	p := &l.history.Places[i]
	e := &p.Entries[len(p.Entries)-1]
	r := audit.Redemption{Span: s, Admitted: int64(l.held[i].entered)}
	switch {
	case !replied:
	case len(e.Redemptions) > 0:
		r.Outcome = audit.Refused
	default:
		r.Outcome = audit.Done
		p.Visit.Alive = s
	}
	e.Redemptions = append(e.Redemptions, r)
}

func (l *line) leave() {
	i := l.someone()
	if i < 0 || !l.held[i].inside || l.held[i].spent || l.history.Places[i].Visit.Asked {
		return
	}
	s, replied := l.effect()
	v := &l.history.Places[i].Visit
	v.Asked, v.End = true, s
	happened := replied || rapid.Bool().Draw(l.T, "happened")
	if happened {
		l.held[i].spent = true
		l.alive--
	}
	if replied {
		v.Ended = audit.Done
	}
}

// expire ends a visit that has run out, which nobody is told of.
func (l *line) expire() {
	if i := l.someone(); i >= 0 && l.held[i].inside && !l.held[i].spent {
		l.effect()
		l.held[i].spent = true
		l.alive--
	}
}

// simulate returns what a crowd saw of a correct line.
func simulate(t *rapid.T) *audit.History {
	l := &line{T: t, history: audit.History{Stale: 3 * time.Second, Capacity: rapid.Int64Range(0, 3).Draw(t, "capacity")}}
	l.history.Alone = rapid.Bool().Draw(t, "alone")
	actions := []func(){l.join, l.join, l.serve, l.look, l.claim, l.claim, l.redeem, l.redeem, l.leave, l.expire}
	for range rapid.IntRange(0, 80).Draw(t, "steps") {
		actions[rapid.IntRange(0, len(actions)-1).Draw(t, "action")]()
	}
	return &l.history
}

// What a correct line does is no breach, whatever replies get lost, however late
// they come, and as stale as answers may be. Where the operator alone raises the
// counter it is also taken back, whether anybody sees that or not.
func TestACorrectLineHasNoBreach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if verdict := audit.Judge(simulate(t)); verdict.Broken() > 0 {
			t.Fatalf("breaches in a correct line:\n%s", sentences(verdict))
		}
	})
}

// Whatever else happens, a position that two hold is found, and a code that was
// redeemed twice, and a claim from before the first serve.
func TestAPlantedBreachIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := simulate(t)
		history.Alone = true
		i := len(history.Places)
		twin := entered(i+1, 1_000_000, audit.Span{}, audit.Span{Invoked: 1, Completed: 2})
		twin.Entries[0].Redemptions = append(twin.Entries[0].Redemptions, twin.Entries[0].Redemptions...)
		other := stood(i+2, 1_000_000)
		history.Places = append(history.Places, twin, other)
		verdict := audit.Judge(history)
		got := broken(verdict)
		for _, want := range []string{"I1", "I3", "I4"} {
			found := false
			for _, name := range got {
				found = found || name == want
			}
			if !found {
				t.Fatalf("%s is not among %q", want, got)
			}
		}
	})
}
