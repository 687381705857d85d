package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// crowdConnections bounds the connections of the whole crowd to each host. A
	// visitor holds one for as long as a request takes, and rests for seconds.
	crowdConnections = 16

	// pause is how long somebody who met an error stays away.
	pause = 2 * time.Second
)

// A crowd is a number of visitors of the shop, always the same: who has got in
// leaves, and somebody new arrives.
type crowd struct {
	url    string
	heads  int
	logger *slog.Logger

	transport *http.Transport
	standing  atomic.Int64  // How many of the first visitors have a place.
	gathered  chan struct{} // Closed when all of them have.
	stumbled  atomic.Bool   // Whether an error has been logged; all others are like it.
}

func newCrowd(url string, heads int, logger *slog.Logger) *crowd {
	return &crowd{
		url: url, heads: heads, logger: logger, gathered: make(chan struct{}),
		transport: &http.Transport{
			MaxConnsPerHost: crowdConnections, MaxIdleConnsPerHost: crowdConnections, IdleConnTimeout: time.Minute,
		},
	}
}

// start lets the crowd come, until ctx ends or stop is called, which returns
// when everybody has gone.
func (c *crowd) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range c.heads {
		all.Go(func() { c.come(ctx) })
	}
	return func() {
		cancel()
		all.Wait()
		c.transport.CloseIdleConnections()
	}
}

// gather waits until everybody stands in line, but not longer than limit. It
// reports whether ctx lets the demo go on.
func (c *crowd) gather(ctx context.Context, limit time.Duration) bool {
	select {
	case <-c.gathered:
	case <-time.After(limit):
		c.logger.WarnContext(ctx, "the crowd is slow to come", "standing", c.standing.Load(), "of", c.heads)
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// come lets one visitor after another come to the shop.
func (c *crowd) come(ctx context.Context) {
	var once sync.Once
	joined := func() {
		once.Do(func() {
			if c.standing.Add(1) == int64(c.heads) {
				close(c.gathered)
			}
		})
	}
	for ctx.Err() == nil {
		v := newVisitor(c.transport)
		err := v.enter(ctx, c.url+"/", joined)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if c.stumbled.CompareAndSwap(false, true) {
			c.logger.WarnContext(ctx, "a visitor of the crowd gave up", "error", fmt.Errorf("visit the shop: %w", err))
		}
		rest(ctx, pause)
	}
}

// rest waits until d has passed or ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
