package main

import (
	"context"
	"errors"
	"fmt"
)

// measureNodes measures what a request costs when it may be any of several nodes
// that takes it, summed over these, against one node. All nodes run on the
// server's core; Redis runs on the generator's.
func measureNodes(ctx context.Context, l *lab) (lines []line, err error) {
	sizes := []int{1, 2, 4}
	all, err := l.newFleet(ctx, loadCore, sizes[len(sizes)-1])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, all.stop()) }()
	v, err := newVisitor(ctx, all.nodes[0].address)
	if err != nil {
		return nil, err
	}
	for _, ask := range []struct{ what, request string }{
		{"poll", v.poll()}, // While the line is short, as in measureShared.
		{"join", joinRequest()},
	} {
		var sides []fleet
		for _, size := range sizes {
			sides = append(sides, all.first(size, ask.request))
		}
		costs, err := l.alternate(ctx, sides...)
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(sizes); i++ {
			c, what := comparison{costs[i], costs[0]}, fmt.Sprintf("%s, %d nodes on one Redis", ask.what, sizes[i])
			lines = append(lines, c.cpuLine(what, 0).against("one node"), redisLine(what, ask.what, c.server))
		}
	}
	return lines, nil
}
