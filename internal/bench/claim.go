package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// claimants is how many visitors take up their turn in a run, claimRate how many
	// in a second, and returns how often they then come back for another code.
	claimants = 200
	claimRate = 100
	returns   = 5_000
)

// measureClaims measures what it takes to take up a turn with Redis, against the
// embedded store: /authorize and /wait up to the code, which nobody redeems. No
// signature is needed for that.
func measureClaims(ctx context.Context, l *lab) (lines []line, err error) {
	shared, err := l.newFleet(ctx, loadCore, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shared.stop()) }()
	server, err := l.newServer("embedded", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	var first, again comparison
	for round := range l.runs {
		for i := range 2 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if (i+round)%2 == 0 {
				err = claimRun(ctx, shared, &first.server, &again.server)
			} else {
				err = claimRun(ctx, one(server, ""), &first.bare, &again.bare)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	newcomer, back := fmt.Sprintf("join and claim with Redis, %d/s", claimRate), "claim of a live visit with Redis"
	return []line{
		first.cpuLine(newcomer, 0).against("embedded"), redisLine(newcomer, "visitor", first.server),
		again.cpuLine(back, 0).against("embedded"), redisLine(back, "claim", again.server),
	}, nil
}

// claimRun lets visitors in of whom the server has never heard, so few in a second
// that the door holds none of them back, and then lets them come back as often as
// the server can.
func claimRun(ctx context.Context, f fleet, first, again *[]cost) (err error) {
	g, err := dial(ctx, connections, "", f.addresses()...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	all, err := newBrowsers(claimants)
	if err != nil {
		return err
	}
	claim := func(n int) dialog { return &login{jar: all[n%len(all)], claims: true} }
	one, err := measureDialogs(f, g, claimants, time.Second/claimRate, claim)
	if err != nil {
		return err
	}
	other, err := measureDialogs(f, g, returns, 0, claim)
	*first, *again = append(*first, one), append(*again, other)
	return err
}
