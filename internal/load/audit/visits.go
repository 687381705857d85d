package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// forgotten judges I5. After a reset all that was before may be forgotten.
func (c *court) forgotten() {
	last := c.Generation
	for i := range c.Places {
		last = max(last, c.Places[i].Generation)
	}
	var judged []*Place
	for i := range c.Places {
		p := &c.Places[i]
		if p.Generation == AnyGeneration || p.Generation < last {
			c.check.Left++
			continue
		}
		judged = append(judged, p)
		// Places come before visits, so that no number of visits hides a place among the
		// breaches that are only counted.
		if len(p.Losses) > 0 {
			c.breach(fmt.Sprintf("the place of visitor %d was lost", p.Visitor), nil, p)
		}
	}
	c.check.Looked = len(judged)
	for _, p := range judged {
		for _, s := range p.Visit.Forgotten {
			if !p.Visit.Asked || s.Completed < p.Visit.End.Invoked {
				c.breach(fmt.Sprintf("the visit of visitor %d was forgotten", p.Visitor), nil, p)
				break
			}
		}
	}
}

// alive returns when a visit was surely alive.
func (p *Place) alive() (Span, bool) {
	if len(p.Entries) == 0 {
		return Span{}, false
	}
	s := Span{p.Entries[0].Span.Completed, p.Visit.Alive.Invoked}
	if p.Visit.Asked {
		s.Completed = min(s.Completed, p.Visit.End.Invoked)
	}
	return s, s.Completed >= s.Invoked
}

// crowded judges I6.
func (c *court) crowded() {
	type change struct {
		at    time.Duration
		place *Place
		begin bool
	}
	var changes []change
	for i := range c.Places {
		if s, ok := c.Places[i].alive(); ok {
			changes = append(changes, change{s.Invoked, &c.Places[i], true}, change{s.Completed, &c.Places[i], false})
		}
	}
	c.check.Looked = len(changes) / 2
	if c.Capacity == 0 {
		return
	}
	// Whoever is alive up to a moment and whoever is from then on, are alive at
	// that moment together; so beginnings come first.
	slices.SortStableFunc(changes, func(a, b change) int {
		if a.at == b.at && a.begin != b.begin {
			if a.begin {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	var now, most int64
	var peak time.Duration
	for _, ch := range changes {
		if !ch.begin {
			now--
			continue
		}
		if now++; now > most {
			most, peak = now, ch.at
		}
	}
	if most <= c.Capacity {
		return
	}
	var inside []*Place
	for i := range c.Places {
		if s, ok := c.Places[i].alive(); ok && s.Invoked <= peak && peak <= s.Completed && len(inside) <= int(c.Capacity) {
			inside = append(inside, &c.Places[i])
		}
	}
	c.breach(fmt.Sprintf("%d visits were alive at %s, with a capacity of %d", most, at(peak), c.Capacity), nil, inside...)
}

// spent judges I9.
func (c *court) spent() {
	for i := range c.Places {
		p := &c.Places[i]
		if len(p.Entries) == 0 {
			continue
		}
		c.check.Looked++
		if p.Visit.Asked && p.Visit.Ended == Done {
			again := func(e Entry) bool { return e.Span.Invoked > p.Visit.End.Completed }
			if slices.ContainsFunc(p.Entries, again) {
				c.breach(fmt.Sprintf("visitor %d was let in again with a place whose visit had ended", p.Visitor), nil, p)
				continue
			}
		}
		var first int64
		for _, e := range p.Entries {
			for _, r := range e.Redemptions {
				if r.Admitted != 0 && first != 0 && r.Admitted != first {
					c.breach(fmt.Sprintf("the place of visitor %d was admitted twice, %d s apart", p.Visitor, r.Admitted-first), nil, p)
				}
				if first == 0 {
					first = r.Admitted
				}
			}
		}
	}
}
