package load

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Arrivals says how a crowd arrives.
type Arrivals string

// How a crowd arrives.
const (
	// Step is an even flow that begins at once.
	Step Arrivals = "step"
	// Ramp is a flow that grows from nothing, evenly.
	Ramp Arrivals = "ramp"
	// Poisson is visitors who know nothing of each other, at an even rate.
	Poisson Arrivals = "poisson"
)

// Set reads a kind of arrivals.
func (a *Arrivals) Set(text string) error {
	switch kind := Arrivals(text); kind {
	case Step, Ramp, Poisson:
		*a = kind
		return nil
	}
	return errors.New("must be step, ramp or poisson")
}

// String returns the kind of arrivals.
func (a *Arrivals) String() string { return string(*a) }

// times returns a function that returns when the next of n visitors arrives, until
// all have. The times rise.
func (a Arrivals) times(n int, over time.Duration, rng *rand.Rand) (next func() (time.Duration, bool)) {
	i, last := 0, time.Duration(0)
	return func() (time.Duration, bool) {
		if i == n {
			return 0, false
		}
		switch part := float64(i) / float64(n); a {
		case Ramp: // As many have come by t as the area below the slope up to t.
			last = time.Duration(math.Sqrt(part) * float64(over))
		case Poisson:
			last += time.Duration(rng.ExpFloat64() * float64(over) / float64(n))
		default:
			last = time.Duration(part * float64(over))
		}
		i++
		return last, true
	}
}

// Never is longer than anything takes.
const Never = time.Duration(math.MaxInt64)

// A Span is a time that differs from visitor to visitor: one duration for all, evenly
// between two, exponential with a mean, or never.
type Span struct {
	low, high   time.Duration
	exponential bool
}

// Always returns the same time for everybody.
func Always(d time.Duration) Span { return Span{low: d, high: d} }

// Set reads "never", "5m", "1m-10m" or "exp:5m".
func (s *Span) Set(text string) error {
	if text == "never" {
		*s = Always(Never)
		return nil
	}
	mean, exponential := strings.CutPrefix(text, "exp:")
	low, high, between := strings.Cut(mean, "-")
	if !between || exponential {
		high = low
	}
	var err error
	got := Span{exponential: exponential}
	if got.low, err = time.ParseDuration(low); err == nil {
		got.high, err = time.ParseDuration(high)
	}
	if err != nil || got.low < 0 || got.high < got.low || between && exponential {
		return errors.New(`must be of the form 5m, 1m-10m, exp:5m or never`)
	}
	*s = got
	return nil
}

// String returns the span as [Span.Set] reads it.
func (s *Span) String() string {
	switch {
	case s.low == Never:
		return "never"
	case s.exponential:
		return "exp:" + s.low.String()
	case s.low != s.high:
		return s.low.String() + "-" + s.high.String()
	}
	return s.low.String()
}

// draw returns one visitor's time.
func (s *Span) draw(rng *rand.Rand) time.Duration {
	switch {
	case s.low == Never:
		return Never
	case s.exponential:
		return time.Duration(rng.ExpFloat64() * float64(s.low))
	case s.high > s.low:
		return s.low + time.Duration(rng.Int64N(int64(s.high-s.low)))
	}
	return s.low
}

// A Share is a part of the visitors, from 0 to 1.
type Share float64

// Set reads a percentage, such as "5%".
func (s *Share) Set(text string) error {
	number, ok := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(number, 64)
	// Written so that NaN is refused.
	if err != nil || !ok || !(percent >= 0 && percent <= 100) {
		return errors.New("must be a percentage from 0% to 100%")
	}
	*s = Share(percent / 100)
	return nil
}

// String returns the share as a percentage.
func (s *Share) String() string { return strconv.FormatFloat(float64(*s)*100, 'g', 6, 64) + "%" }

// A Rate is a number of visitors at a time.
type Rate struct {
	N     int64
	Every time.Duration
}

// Set reads "50/s", "50/m" or "50/250ms".
func (r *Rate) Set(text string) error {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseInt(number, 10, 32)
	if len(unit) == 1 {
		unit = "1" + unit
	}
	every, err2 := time.ParseDuration(unit)
	if err != nil || err2 != nil || n < 1 || every < minServe {
		return fmt.Errorf("must be of the form 50/s or 50/%v, with a whole number and no shorter time", minServe)
	}
	*r = Rate{n, every}
	return nil
}

// String returns the rate as [Rate.Set] reads it, or nothing if there is none.
func (r *Rate) String() string {
	if r.N == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%v", r.N, r.Every)
}
