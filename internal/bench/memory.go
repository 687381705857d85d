package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	server, err := l.start("memory", nil, l.binary, "serve", "--config", configuration)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	idle, err := server.anonymous()
	if err != nil {
		return nil, err
	}
	empty, err := os.Stat(store)
	if err != nil {
		return nil, err
	}
	g, err := dial(ctx, server.address, crowdConnections, joinRequest())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.send(crowd); err != nil {
		return nil, err
	}
	used, err := server.anonymous()
	if err != nil {
		return nil, err
	}
	full, err := os.Stat(store)
	if err != nil {
		return nil, err
	}
	const bound = memoryBound + crowdConnections*perConnection
	return []line{
		{
			what:     fmt.Sprintf("memory, %d visitors waiting, %d connections", crowd, crowdConnections),
			measured: fmt.Sprintf("%.1f MiB anonymous (%.1f MiB idle)", float64(used)/mib, float64(idle)/mib),
			bound:    fmt.Sprintf("< %.1f MiB", float64(bound)/mib), verdict: judge(used < bound),
		},
		{
			what:     "store file, the same crowd",
			measured: fmt.Sprintf("%d KiB (%d KiB empty)", full.Size()/kib, empty.Size()/kib),
			bound:    "nothing per visitor", verdict: judge(full.Size()-empty.Size() < crowd/8),
		},
	}, nil
}
