package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// crowd is how many visitors join, over crowdConnections connections.
	crowd            = 1_000_000
	crowdConnections = 100

	mib = 1 << 20
	kib = 1 << 10
	// memoryBound is for the process, perConnection for each that is open.
	memoryBound   = 64 * mib
	perConnection = 24 * kib
)

// measureMemory measures what a crowd that waits costs the server.
func measureMemory(ctx context.Context, l *lab) (lines []line, err error) {
	configuration, store, err := l.site()
	if err != nil {
		return nil, err
	}
	server, err := l.serve("memory", configuration, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	empty, err := os.Stat(store)
	if err != nil {
		return nil, err
	}
	memory, err := gather(ctx, "memory", server)
	if err != nil {
		return nil, err
	}
	full, err := os.Stat(store)
	if err != nil {
		return nil, err
	}
	return []line{memory, {
		what:     "store file, the same crowd",
		measured: fmt.Sprintf("%d KiB (%d KiB empty)", full.Size()/kib, empty.Size()/kib),
		bound:    "nothing per visitor", verdict: judge(full.Size()-empty.Size() < crowd/8),
	}}, nil
}

// measureCrowd measures what a crowd that waits costs a node and its Redis, and how
// fast the node answers its polls. Whoever waits in so long a line polls so seldom
// that each poll has a connection of its own.
func measureCrowd(ctx context.Context, l *lab) (lines []line, err error) {
	shared, err := l.newFleet(ctx, loadCore, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shared.stop()) }()
	// What the installation and the room need for themselves is there from here on.
	if err := awaitKey(ctx, shared.nodes[0]); err != nil {
		return nil, err
	}
	if _, err := ask(ctx, shared.nodes[0].address, joinRequest()); err != nil {
		return nil, err
	}
	keys, bytes, err := shared.redis.holdings(ctx)
	if err != nil {
		return nil, err
	}
	memory, err := gather(ctx, "memory with Redis", shared.nodes[0])
	if err != nil {
		return nil, err
	}
	keys2, bytes2, err := shared.redis.holdings(ctx)
	if err != nil {
		return nil, err
	}
	v, err := newVisitor(ctx, shared.nodes[0].address)
	if err != nil {
		return nil, err
	}
	polls, err := l.alternate(ctx, shared.first(1, v.poll()))
	if err != nil {
		return nil, err
	}
	return []line{memory, {
		what:     "Redis, the same crowd",
		measured: fmt.Sprintf("%d keys, %d KiB (before: %d keys, %d KiB)", keys2, bytes2/kib, keys, bytes/kib),
		bound:    "nothing per visitor", verdict: judge(keys2 <= keys && bytes2-bytes < crowd/8),
	}, pollsLine("poll, the same crowd, a connection for each", polls[0])}, nil
}

// pollsLine is the line of the table for polls that are compared with nothing.
func pollsLine(what string, runs []cost) line {
	var cpu, rate []float64
	for _, run := range runs {
		cpu, rate = append(cpu, float64(run.cpu)/float64(time.Microsecond)), append(rate, run.throughput/1e3)
	}
	s := summarize(rate)
	return line{
		what: what, measured: fmt.Sprintf("%.1f k/s on a core (%.1f µs)", s.median, summarize(cpu).median),
		spread: s.spread("%.1f") + " k/s", verdict: noted,
	}
}

// gather lets a crowd join, and returns the line of the table for the memory that the
// server takes then, with the connections still open.
func gather(ctx context.Context, what string, server *process) (_ line, err error) {
	idle, err := server.anonymous()
	if err != nil {
		return line{}, err
	}
	g, err := dial(ctx, crowdConnections, joinRequest(), server.address)
	if err != nil {
		return line{}, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.send(crowd); err != nil {
		return line{}, err
	}
	used, err := server.anonymous()
	if err != nil {
		return line{}, err
	}
	const bound = memoryBound + crowdConnections*perConnection
	return line{
		what:     fmt.Sprintf("%s, %d visitors waiting, %d connections", what, crowd, crowdConnections),
		measured: fmt.Sprintf("%.1f MiB anonymous (%.1f MiB before)", float64(used)/mib, float64(idle)/mib),
		bound:    fmt.Sprintf("< %.1f MiB", float64(bound)/mib), verdict: judge(used < bound),
	}, nil
}
