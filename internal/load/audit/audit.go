package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// detailed is how many breaches of one invariant are kept with their history; the
// others are counted.
const detailed = 10

// A Verdict is what an audit found.
type Verdict struct {
	// Checks are what was looked at, an entry for each invariant.
	Checks []Check
	// Breaches are the first that were found of each invariant.
	Breaches []Breach
	// Notes say what is worth knowing and no breach.
	Notes []string
}

// A Check is how much was looked at for one invariant.
type Check struct {
	// Invariant is its name, I1 to I9, and Asks what was looked for.
	Invariant, Asks string
	// Looked is how many things were judged, Left how many could not be.
	Looked, Left int
	// Breaches is how many breaches there are.
	Breaches int
}

// A Breach is one proof that an invariant did not hold.
type Breach struct {
	Invariant string
	// Says is the breach in a sentence.
	Says string
	// History is all that was seen of those concerned, in order.
	History []Event
}

// An Event is something that was seen.
type Event struct {
	Span Span
	Says string
}

// Broken returns how many breaches of all invariants there are, but for those
// named.
func (v *Verdict) Broken(but ...string) int {
	n := 0
	for _, c := range v.Checks {
		if !slices.Contains(but, c.Invariant) {
			n += c.Breaches
		}
	}
	return n
}

// Judge looks for breaches in a history.
func Judge(h *History) *Verdict {
	c := &court{History: h, verdict: &Verdict{}}
	for _, rule := range []struct {
		invariant, asks string
		judge           func()
	}{
		{"I1", "no two visitors hold the same position", c.samePosition},
		{"I2", "a position never changes", c.movedPosition},
		{"I3", "nobody is let in before being served", c.early},
		{"I4", "a code is redeemed at most once", c.redeemedTwice},
		{"I5", "no place and no visit is forgotten", c.forgotten},
		{"I6", "no more visits are alive than the capacity", c.crowded},
		{"I7", "no secret stands in a URL", func() { c.faults("I7", c.URLs) }},
		{"I8", "each answer has the right form", func() { c.faults("I8", c.Answers) }},
		{"I9", "a place is good for one visit", c.spent},
	} {
		c.check = Check{Invariant: rule.invariant, Asks: rule.asks}
		rule.judge()
		c.verdict.Checks = append(c.verdict.Checks, c.check)
	}
	return c.verdict
}

// A court is one audit under way.
type court struct {
	*History
	verdict *Verdict
	check   Check // Of the rule that is being judged.
}

// breach notes a breach, with all that was seen of the places concerned.
func (c *court) breach(says string, extra []Event, places ...*Place) {
	c.check.Breaches++
	if c.check.Breaches > detailed {
		return
	}
	history := slices.Clone(extra)
	for _, p := range places {
		history = append(history, p.events()...)
	}
	slices.SortStableFunc(history, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Span.Invoked, b.Span.Invoked), cmp.Compare(a.Span.Completed, b.Span.Completed))
	})
	c.verdict.Breaches = append(c.verdict.Breaches, Breach{Invariant: c.check.Invariant, Says: says, History: history})
}

func (c *court) note(format string, args ...any) {
	c.verdict.Notes = append(c.verdict.Notes, fmt.Sprintf(format, args...))
}

// events returns all that was seen of a place.
func (p *Place) events() (list []Event) {
	add := func(s Span, format string, args ...any) {
		list = append(list, Event{s, fmt.Sprintf("visitor %d ", p.Visitor) + fmt.Sprintf(format, args...)})
	}
	for _, s := range p.Sights {
		add(s.Span, "was shown position %d", s.Position)
	}
	for i, e := range p.Entries {
		add(e.Span, "was let in with code %d at position %d", i+1, p.Position())
		for _, r := range e.Redemptions {
			add(r.Span, "had code %d redeemed: %s", i+1, r.Outcome)
		}
	}
	if p.Visit.Alive.Completed > 0 {
		add(p.Visit.Alive, "was last found on the site")
	}
	if p.Visit.Asked {
		add(p.Visit.End, "left: %s", p.Visit.Ended)
	}
	for _, s := range p.Visit.Forgotten {
		add(s, "was refused what should have lasted")
	}
	for _, s := range p.Losses {
		add(s, "was told that the place is unknown")
	}
	return list
}

// samePosition judges I1.
func (c *court) samePosition() {
	type key struct{ generation, position int64 }
	held := make(map[key]*Place, len(c.Places))
	for i := range c.Places {
		p := &c.Places[i]
		if len(p.Sights) == 0 || p.Generation == AnyGeneration {
			c.check.Left++
			continue
		}
		c.check.Looked++
		for _, s := range p.Sights {
			k := key{p.Generation, s.Position}
			other := held[k]
			if other == nil {
				held[k] = p
			} else if other.Visitor != p.Visitor {
				c.breach(fmt.Sprintf("visitors %d and %d hold position %d", other.Visitor, p.Visitor, s.Position), nil, other, p)
			}
		}
	}
}

// movedPosition judges I2.
func (c *court) movedPosition() {
	for i := range c.Places {
		p := &c.Places[i]
		if len(p.Sights) == 0 {
			continue
		}
		c.check.Looked++
		for _, s := range p.Sights {
			if s.Position != p.Position() {
				c.breach(fmt.Sprintf("visitor %d held position %d and then %d", p.Visitor, p.Position(), s.Position), nil, p)
				break
			}
		}
	}
}

// redeemedTwice judges I4.
func (c *court) redeemedTwice() {
	for i := range c.Places {
		p := &c.Places[i]
		for _, e := range p.Entries {
			done := 0
			for _, r := range e.Redemptions {
				if r.Outcome == Done {
					done++
				}
			}
			c.check.Looked++
			if done > 1 {
				c.breach(fmt.Sprintf("a code of visitor %d was redeemed %d times", p.Visitor, done), nil, p)
			}
		}
	}
}

// faults passes on what the witness saw, among so many things.
func (c *court) faults(invariant string, among int) {
	c.check.Looked = among
	for _, f := range c.Faults {
		if f.Invariant == invariant {
			c.breach(fmt.Sprintf("visitor %d: %s", f.Visitor, f.Says), []Event{{f.Span, f.Says}})
		}
	}
}

// at formats a time of the run.
func at(d time.Duration) string { return d.Round(time.Millisecond).String() }
