package audit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// early judges I3, by the operator's own serves where they alone raise the
// counter, and else by the counters that were seen.
func (c *court) early() {
	limit := c.seen()
	if c.Alone {
		limit = c.served()
	}
	for i := range c.Places {
		p := &c.Places[i]
		for _, e := range p.Entries {
			if p.Position() == 0 {
				c.check.Left++
				continue
			}
			c.check.Looked++
			if highest, why, ok := limit(e.Span.Completed); ok && p.Position() > highest {
				c.breach(fmt.Sprintf("visitor %d at position %d was in by %s, when the counter was at most %d",
					p.Visitor, p.Position(), at(e.Span.Completed), highest), why, p)
			}
		}
	}
}

// A limit returns the highest that the counter can have been at any time up to t,
// and what shows it. Without ok nobody knows.
type limit func(t time.Duration) (highest int64, why []Event, ok bool)

// served returns the limit that the operator's own serves set.
func (c *court) served() limit {
	var up []Serve
	for _, s := range c.Serves {
		if s.Outcome != Refused && s.Add > 0 {
			up = append(up, s)
		}
	}
	slices.SortFunc(up, func(a, b Serve) int { return cmp.Compare(a.Span.Invoked, b.Span.Invoked) })
	sums := make([]int64, len(up)+1) // sums[n] is the counter after the first n of them.
	sums[0] = c.Base + c.Reused
	for i, s := range up {
		sums[i+1] = sums[i] + s.Add
	}
	bound := func(t time.Duration) (int64, []Event, bool) {
		n := sort.Search(len(up), func(i int) bool { return up[i].Span.Invoked > t })
		why := make([]Event, 0, 2)
		for _, s := range up[max(0, n-1):min(n+1, len(up))] {
			why = append(why, Event{s.Span, fmt.Sprintf("the operator served %d more: %s", s.Add, s.Outcome)})
		}
		return sums[n], why, true
	}
	for _, r := range c.Readings {
		if highest, why, _ := bound(r.First); r.Serving > highest {
			why = append(why, Event{Span{r.First, r.First}, fmt.Sprintf("an answer showed the counter at %d", r.Serving)})
			c.breach(fmt.Sprintf("the counter was seen at %d by %s, when no more than %d had been served", r.Serving, at(r.First), highest), why)
		}
	}
	return bound
}

// seen returns the limit that the counters in answers set.
func (c *court) seen() limit {
	readings := slices.Clone(c.Readings)
	slices.SortFunc(readings, func(a, b Reading) int { return cmp.Compare(a.Serving, b.Serving) })
	// Going down, higher is when the first answer with a higher counter was read.
	kept, fell := make([]Reading, 0, len(readings)), false
	higher := time.Duration(math.MaxInt64)
	for _, r := range slices.Backward(readings) {
		// What is left of a reading is the time up to which the counter was at most
		// that high, here in Last.
		sound := r
		sound.Last -= c.Stale
		if sound.Last < higher {
			kept = append(kept, sound)
		} else {
			fell = true
		}
		higher = min(higher, r.First)
	}
	if fell && !c.Alone {
		c.note("the serving counter was seen to fall; what was served before it fell was not early")
	}
	slices.Reverse(kept)
	// latest[i] is the one of kept[:i+1] that holds for longest.
	latest := make([]int, len(kept))
	for i := range kept {
		latest[i] = i
		if i > 0 && kept[latest[i-1]].Last >= kept[i].Last {
			latest[i] = latest[i-1]
		}
	}
	return func(t time.Duration) (int64, []Event, bool) {
		// The lowest reading that still holds at t; as latest holds for at least
		// as long the further one goes, it is found by halving.
		i := sort.Search(len(kept), func(i int) bool { return kept[latest[i]].Last >= t })
		if i == len(kept) {
			return 0, nil, false
		}
		r := kept[latest[i]]
		asked := r.Last + c.Stale
		return r.Serving, []Event{{Span{asked, asked}, fmt.Sprintf("an answer to what was asked then still showed the counter at %d", r.Serving)}}, true
	}
}
