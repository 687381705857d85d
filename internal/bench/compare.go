package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	throughput float64       // Requests a second.
}

// A comparison is the runs of a server and of a bare handler, in pairs.
type comparison struct{ server, bare []cost }

// compare measures an endpoint of a server against a bare handler that sends the
// same. The runs of both alternate, and so does who begins.
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
	return l.alternate(ctx, server, bare, request)
}

// alternate measures a server against another one by the same request.
func (l *lab) alternate(ctx context.Context, server, bare *process, request string) (c comparison, err error) {
	for pair := range l.runs {
		sides := []*process{server, bare}
		if pair%2 == 1 {
			slices.Reverse(sides)
		}
		for _, p := range sides {
			run, err := measureRun(ctx, p, request)
			if err != nil {
				return c, fmt.Errorf("load %s: %w", p.name, err)
			}
			if p == server {
				c.server = append(c.server, run)
			} else {
				c.bare = append(c.bare, run)
			}
		}
	}
	return c, nil
}

// measureRun measures one run.
func measureRun(ctx context.Context, p *process, request string) (c cost, err error) {
	if err := ctx.Err(); err != nil {
		return cost{}, err
	}
	g, err := dial(ctx, p.address, connections, request)
	if err != nil {
		return cost{}, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.send(warmUp); err != nil {
		return cost{}, err
	}
	before, err := p.cpu()
	if err != nil {
		return cost{}, err
	}
	took, err := g.send(requests)
	if err != nil {
		return cost{}, err
	}
	after, err := p.cpu()
	return cost{cpu: (after - before) / requests, throughput: requests / took.Seconds()}, err
}

// cpuLine is the line of the table for the CPU of a request.
func (c comparison) cpuLine(what string, bound float64) line {
	cpu := func(c cost) float64 { return float64(c.cpu) / float64(time.Microsecond) }
	ratio, server, bare := c.ratio(cpu)
	return line{
		what:     what + ": CPU per request",
		measured: fmt.Sprintf("%.2f × bare (%.1f µs against %.1f µs)", ratio.median, server.median, bare.median),
		spread:   ratio.spread("%.2f"),
		bound:    fmt.Sprintf("≤ %.2f × bare", bound),
		verdict:  judge(ratio.median <= bound),
	}
}

// against returns a line of which the other side isn't a bare handler.
func (l line) against(other string) line {
	l.measured = strings.ReplaceAll(l.measured, "bare", other)
	l.bound = strings.ReplaceAll(l.bound, "bare", other)
	return l
}

// throughputLine is the line of the table for the requests a second.
func (c comparison) throughputLine(what string, bound float64) line {
	ratio, server, bare := c.ratio(func(c cost) float64 { return c.throughput / 1000 })
	return line{
		what:     what + fmt.Sprintf(": throughput, %d connections", connections),
		measured: fmt.Sprintf("%.2f × bare (%.1f k/s against %.1f k/s)", ratio.median, server.median, bare.median),
		spread:   ratio.spread("%.2f"),
		bound:    fmt.Sprintf("≥ %.2f × bare", bound),
		verdict:  judge(ratio.median >= bound),
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
