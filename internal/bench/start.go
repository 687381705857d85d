package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// starts is how many starts the median is taken of.
	starts = 15
	// startBound is how long a start may take when the keys are there.
	startBound = 150 * time.Millisecond
)

// measureStart measures the time from exec to the line that says that the server
// listens: once on an empty directory, and then on what that left behind.
func measureStart(ctx context.Context, l *lab) ([]line, error) {
	configuration, _, err := l.site()
	if err != nil {
		return nil, err
	}
	once := func() (float64, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		server, err := l.start("start", nil, l.binary, "serve", "--config", configuration)
		if err != nil {
			return 0, err
		}
		return float64(server.started) / float64(time.Millisecond), server.stop()
	}
	first, err := once()
	if err != nil {
		return nil, err
	}
	// Whoever stops before there is a key makes it at the next start.
	if err := l.makeKeys(ctx, configuration); err != nil {
		return nil, err
	}
	var took []float64
	for range starts {
		ms, err := once()
		if err != nil {
			return nil, err
		}
		took = append(took, ms)
	}
	s := summarize(took)
	bound := float64(startBound) / float64(time.Millisecond)
	return []line{
		{
			what: "start, keys present", measured: fmt.Sprintf("%.0f ms", s.median), spread: s.spread("%.0f") + " ms",
			bound: fmt.Sprintf("< %.0f ms", bound), verdict: judge(s.median < bound),
		},
		{what: "first start, which makes secret and store", measured: fmt.Sprintf("%.0f ms", first), verdict: noted},
	}, nil
}

// makeKeys runs the server until it has a signing key.
func (l *lab) makeKeys(ctx context.Context, configuration string) (err error) {
	server, err := l.start("start", nil, l.binary, "serve", "--config", configuration)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	return awaitKey(ctx, server)
}

// awaitKey waits until a server has a signing key, which it makes in the background.
func awaitKey(ctx context.Context, server *process) error {
	const tries = 200
	for range tries {
		a, err := ask(ctx, server.address, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		if err == nil && len(a.Body) > len(`{"keys":[]}`)+1 {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("the server makes no signing key")
}
