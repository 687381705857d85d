package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// connections is how many a generator keeps open.
	connections = 64
	// warmUp and requests are the requests of a run, before and during the
	// measuring.
	warmUp   = 5_000
	requests = 60_000
)

// A cost is what one run measured.
type cost struct {
	cpu        time.Duration // For each request.
	redis      time.Duration // The same of the Redis that the nodes share, if any.
	throughput float64       // Requests a second.
}

// A comparison is the runs of a server and of a bare handler, or of whatever else it
// is measured against, in pairs.
type comparison struct{ server, bare []cost }

// compare measures an endpoint of a server against a bare handler that sends the
// same.
func (l *lab) compare(ctx context.Context, server *process, request string) (c comparison, err error) {
	sample, err := ask(ctx, server.address, request)
	if err != nil {
		return c, err
	}
	bare, err := l.newBare(sample)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	same, err := ask(ctx, bare.address, request)
	if err != nil {
		return c, err
	}
	if same.Size != sample.Size {
		return c, fmt.Errorf("the bare handler sends %d bytes, the server %d", same.Size, sample.Size)
	}
	costs, err := l.alternate(ctx, one(server, request), one(bare, request))
	if err != nil {
		return c, err
	}
	return comparison{costs[0], costs[1]}, nil
}

// alternate measures sides against each other, and returns the runs of each. They
// take turns, and so does who begins.
func (l *lab) alternate(ctx context.Context, sides ...fleet) ([][]cost, error) {
	costs := make([][]cost, len(sides))
	for round := range l.runs {
		for i := range sides {
			i = (i + round) % len(sides)
			run, err := measureRun(ctx, sides[i])
			if err != nil {
				return nil, fmt.Errorf("load %s: %w", sides[i].nodes[0].name, err)
			}
			costs[i] = append(costs[i], run)
		}
	}
	return costs, nil
}

// measureRun measures one run.
func measureRun(ctx context.Context, f fleet) (c cost, err error) {
	if err := ctx.Err(); err != nil {
		return cost{}, err
	}
	g, err := dial(ctx, connections, f.request, f.addresses()...)
	if err != nil {
		return cost{}, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.send(warmUp); err != nil {
		return cost{}, err
	}
	before, err := f.cpu()
	if err != nil {
		return cost{}, err
	}
	took, err := g.send(requests)
	if err != nil {
		return cost{}, err
	}
	after, err := f.cpu()
	c = after.since(before, requests)
	c.throughput = requests / took.Seconds()
	return c, err
}

// cpuLine is the line of the table for the CPU of a request; without a bound if
// that is 0.
func (c comparison) cpuLine(what string, bound float64) line {
	cpu := func(c cost) float64 { return float64(c.cpu) / float64(time.Microsecond) }
	ratio, server, bare := c.ratio(cpu)
	row := line{
		what:     what + ": CPU per request",
		measured: fmt.Sprintf("%.2f × bare (%.1f µs against %.1f µs)", ratio.median, server.median, bare.median),
		spread:   ratio.spread("%.2f"), verdict: noted,
	}
	if bound != 0 {
		row.bound, row.verdict = fmt.Sprintf("≤ %.2f × bare", bound), judge(ratio.median <= bound)
	}
	return row
}

// against returns a line of which the other side isn't a bare handler.
func (l line) against(other string) line {
	l.measured = strings.ReplaceAll(l.measured, "bare", other)
	l.bound = strings.ReplaceAll(l.bound, "bare", other)
	return l
}

// throughputLine is the line of the table for the requests a second; without a
// bound if that is 0.
func (c comparison) throughputLine(what string, bound float64) line {
	ratio, server, bare := c.ratio(func(c cost) float64 { return c.throughput / 1000 })
	row := line{
		what:     what + fmt.Sprintf(": throughput, %d connections", connections),
		measured: fmt.Sprintf("%.2f × bare (%.1f k/s against %.1f k/s)", ratio.median, server.median, bare.median),
		spread:   ratio.spread("%.2f"), verdict: noted,
	}
	if bound != 0 {
		row.bound, row.verdict = fmt.Sprintf("≥ %.2f × bare", bound), judge(ratio.median >= bound)
	}
	return row
}

// redisLine is the line of the table for what Redis itself used, for each of what
// the nodes were asked for.
func redisLine(what, each string, runs []cost) line {
	var used []float64
	for _, run := range runs {
		used = append(used, float64(run.redis)/float64(time.Microsecond))
	}
	s := summarize(used)
	return line{
		what: what + ": CPU of Redis per " + each, measured: fmt.Sprintf("%.2f µs", s.median),
		spread: s.spread("%.2f") + " µs", verdict: noted,
	}
}

// ratio sums up a quantity of both sides and its ratio within each pair.
func (c comparison) ratio(of func(cost) float64) (ratio, server, bare summary) {
	var ratios, servers, bares []float64
	for i := range c.server {
		servers, bares = append(servers, of(c.server[i])), append(bares, of(c.bare[i]))
		ratios = append(ratios, servers[i]/bares[i])
	}
	return summarize(ratios), summarize(servers), summarize(bares)
}
