package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// steadyRate is how many visitors join each second, whether the server keeps up
	// or not, and steadyJoins how many join in a run.
	steadyRate  = 5_000
	steadyJoins = 4 * steadyRate
	steadyBound = 10 * time.Millisecond // For 99 of 100.
)

// measureSteady measures how long joins take that come at a given rate. When each of
// them comes is drawn before a run begins, and it takes from then until its answer
// is there, however late it was sent: a server that stands still for a moment is
// charged for all who came meanwhile. Redis shares the server's core, so that the
// generator has one to itself and is on time.
func measureSteady(ctx context.Context, l *lab) (lines []line, err error) {
	all, err := l.newFleet(ctx, serverCore, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, all.stop()) }()
	shared := all.first(1, joinRequest())
	g, err := dial(ctx, connections, shared.request, shared.addresses()...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.send(warmUp); err != nil {
		return nil, err
	}
	var runs []cost
	var middle, most, nearlyAll []float64
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // The same arrivals each time.
	for range l.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		run, took, err := steadyRun(shared, g, arrivals(random, steadyJoins, steadyRate))
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
		slices.Sort(took)
		middle, most, nearlyAll = append(middle, quantile(took, 0.5)), append(most, quantile(took, 0.99)), append(nearlyAll, quantile(took, 0.999))
	}
	what := fmt.Sprintf("join with Redis, %d/s, open loop", steadyRate)
	p99, bound := summarize(most), float64(steadyBound)/float64(time.Millisecond)
	return []line{{
		what:     what + ": p99 from when it was due",
		measured: fmt.Sprintf("%.2f ms (p50 %.2f ms, p99.9 %.2f ms)", p99.median, summarize(middle).median, summarize(nearlyAll).median),
		spread:   p99.spread("%.2f") + " ms", bound: fmt.Sprintf("< %.0f ms", bound), verdict: judge(p99.median < bound),
	}, redisLine(what, "join", runs)}, nil
}

// steadyRun lets visitors join when they are due, and returns how long each took.
func steadyRun(f fleet, g *generator, due []time.Duration) (c cost, took []time.Duration, err error) {
	before, err := f.cpu()
	if err != nil {
		return cost{}, nil, err
	}
	request, all, begun := []byte(f.request), make([]arrival, len(due)), 0
	start := time.Now()
	err = g.hold(len(due), func() dialog {
		if time.Since(start) < due[begun] {
			return nil
		}
		a := &all[begun]
		a.request, a.due = request, start.Add(due[begun])
		begun++
		return a
	})
	if err != nil {
		return cost{}, nil, err
	}
	after, err := f.cpu()
	for _, a := range all {
		took = append(took, a.took)
	}
	return after.since(before, len(due)), took, err
}

// arrivals draws when n visitors come who know nothing of each other: a Poisson
// process with a rate a second.
func arrivals(random *rand.Rand, n int, rate float64) []time.Duration {
	due, at := make([]time.Duration, n), 0.0
	for i := range due {
		at += random.ExpFloat64() / rate
		due[i] = time.Duration(at * float64(time.Second))
	}
	return due
}

// An arrival is the dialog of one request that was due at some time.
type arrival struct {
	request []byte
	due     time.Time
	took    time.Duration // From then on.
}

// next implements dialog.
func (a *arrival) next(answer []byte) ([]byte, error) {
	if answer == nil {
		return a.request, nil
	}
	a.took = time.Since(a.due)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		return nil, fmt.Errorf("the server answers %q", answer)
	}
	return nil, nil
}

// quantile returns the least of sorted times, in milliseconds, that a share q of
// them doesn't exceed.
func quantile(sorted []time.Duration, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return float64(sorted[max(0, i)]) / float64(time.Millisecond)
}
