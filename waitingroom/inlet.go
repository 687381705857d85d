package waitingroom

import (
	"errors"
	"math/bits"
	"time"
)

// InletKind says what moves a room's serving counter.
type InletKind string

// The inlets.
const (
	// InletOpen lets everybody pass at once, and counts them.
	InletOpen InletKind = "open"
	// InletManual leaves the counter to the operator.
	InletManual InletKind = "manual"
	// InletPeriodic raises the counter at a steady rate.
	InletPeriodic InletKind = "periodic"
	// InletCapacity keeps the site full: as many sessions as Max, and not one
	// more.
	InletCapacity InletKind = "capacity"
)

// An Inlet moves the serving counter. The zero Inlet is manual.
type Inlet struct {
	Kind InletKind
	// Add places are let in per Every, spread evenly over it.
	Add   int64
	Every time.Duration
	// Max is how many sessions a capacity inlet lets be alive at a time.
	Max int64
	// Start and End bound when the room is open; zero is no bound.
	Start, End time.Time
}

// Phase says whether a room takes visitors.
type Phase int

// The phases of a room with a start and an end.
const (
	// PhaseOpen is between start and end, or without either.
	PhaseOpen Phase = iota
	// PhaseBefore is before the start.
	PhaseBefore
	// PhaseAfter is at the end and after it.
	PhaseAfter
)

// Phase returns the phase at a time.
func (in Inlet) Phase(now time.Time) Phase {
	switch {
	case !in.Start.IsZero() && now.Before(in.Start):
		return PhaseBefore
	case !in.End.IsZero() && !now.Before(in.End):
		return PhaseAfter
	}
	return PhaseOpen
}

func (in Inlet) validate() error {
	switch in.Kind {
	case "", InletOpen, InletManual:
		return nil
	case InletPeriodic:
		var errs []error
		if in.Add < 1 || in.Add > maxAdd {
			errs = append(errs, errors.New("a periodic inlet adds 1 to 1,000,000 places"))
		}
		if in.Every < 100*time.Millisecond || in.Every > 24*time.Hour {
			errs = append(errs, errors.New("a periodic inlet's period is 100 ms to 24 h"))
		}
		if !in.Start.IsZero() && !in.End.IsZero() && !in.End.After(in.Start) {
			errs = append(errs, errors.New("a periodic inlet ends after its start"))
		}
		return errors.Join(errs...)
	case InletCapacity:
		if in.Max < 1 || in.Max > MaxPosition {
			return errors.New("a capacity inlet holds at least 1 and at most 4,294,967,295 sessions")
		}
		return nil
	}
	return errors.New("unknown kind of inlet " + string(in.Kind))
}

const (
	maxAdd = 1_000_000
	// catchUp bounds what a late step makes good. While nobody was let in, the
	// site's capacity went unused; letting the whole arrears in at once would be
	// the stampede that a waiting room is there to prevent.
	catchUp = 5 * time.Second
)

// due returns how many places a periodic inlet owes since anchor, computed from
// the time that passed rather than counted in ticks, and the anchor from which
// to go on: the fraction of a place that is left over is kept.
func (in Inlet) due(anchor, now time.Time) (places int64, next time.Time) {
	if anchor.IsZero() || anchor.Before(in.Start) {
		anchor = in.Start
	}
	each := in.Every / time.Duration(in.Add)
	if oldest := now.Add(-max(catchUp, 2*each)); anchor.Before(oldest) {
		anchor = oldest
	}
	elapsed := now.Sub(anchor)
	if elapsed <= 0 {
		return 0, anchor
	}
	places = mulDiv(int64(elapsed), in.Add, int64(in.Every))
	return places, anchor.Add(time.Duration(mulDiv(places, int64(in.Every), in.Add)))
}

// mulDiv returns a*b/c, rounded down, for positive numbers. The product of two
// days in nanoseconds and a million places needs more than 64 bits.
func mulDiv(a, b, c int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	quotient, _ := bits.Div64(high, low, uint64(c))
	return int64(quotient)
}

// step returns how far a periodic inlet may raise the counter now. It runs at
// most Add ahead of the last position dealt: a quiet hour doesn't save up an
// hour's worth of places for a crowd to pass through at once.
func (in Inlet) step(anchor time.Time, c Counters) (places int64, next time.Time) {
	if in.Phase(c.Now) != PhaseOpen {
		return 0, anchor
	}
	if anchor.IsZero() && in.Start.IsZero() {
		return 0, c.Now // The rate counts from the first look at a new room.
	}
	places, next = in.due(anchor, c.Now)
	return min(places, max(0, c.Dealt+in.Add-c.Serving)), next
}
