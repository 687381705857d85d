package main

import (
	"context"
	"errors"
)

// sharedBound is how much dearer a join may be with Redis than with the embedded
// store.
const sharedBound = 1.3

// measureShared measures joins and polls of a node that shares its store against
// those of a server with the embedded one. Redis runs beside the generator, on its
// core.
func measureShared(ctx context.Context, l *lab) (lines []line, err error) {
	shared, err := l.newFleet(ctx, loadCore, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shared.stop()) }()
	embedded, err := l.newServer("embedded", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, embedded.stop()) }()

	// While the line is short: a long one is told to poll so seldom that the server
	// doesn't keep its connections.
	near, err := newVisitor(ctx, shared.nodes[0].address)
	if err != nil {
		return nil, err
	}
	far, err := newVisitor(ctx, embedded.address)
	if err != nil {
		return nil, err
	}
	costs, err := l.alternate(ctx, shared.first(1, near.poll()), one(embedded, far.poll()))
	if err != nil {
		return nil, err
	}
	polls := comparison{costs[0], costs[1]}
	costs, err = l.alternate(ctx, shared.first(1, joinRequest()), one(embedded, joinRequest()))
	if err != nil {
		return nil, err
	}
	joins := comparison{costs[0], costs[1]}
	const join, poll = "join with Redis", "poll with Redis"
	return []line{
		joins.cpuLine(join, sharedBound).against("embedded"),
		joins.throughputLine(join, 0).against("embedded"),
		redisLine(join, "join", joins.server),
		polls.cpuLine(poll, 0).against("embedded"),
		redisLine(poll, "poll", polls.server),
	}, nil
}
