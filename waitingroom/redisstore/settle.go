package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// growthSpan is over which time the growth of a line is measured, to tell how far
// it may have grown unseen.
const growthSpan = 2 * time.Second

// room is what this node knows of a room: with the other nodes' knowledge it makes
// good what the store may lose.
type room struct {
	name string

	mu       sync.Mutex // Guards the rest.
	seen     waitingroom.Counters
	revision int64
	settings waitingroom.Settings
	peers    []string // The nodes that were heard of lately, this one included.
	growth   growth
}

// growth measures by how much a line grew in the last growthSpan or so.
type growth struct {
	since           time.Time // When from was noted.
	from            int64
	before          int64 // Growth in the span before.
	generation, top int64
}

func (g *growth) note(c waitingroom.Counters) {
	if c.Generation != g.generation || g.since.IsZero() {
		*g = growth{since: c.Now, from: c.Dealt, generation: c.Generation}
	}
	g.top = max(g.top, c.Dealt)
	if c.Now.Sub(g.since) >= growthSpan {
		g.before, g.from, g.since = g.top-g.from, g.top, c.Now
	}
}

// most returns the growth of the present span or the one before.
func (g *growth) most() int64 { return max(g.before, g.top-g.from) }

// known returns the latest counters that this node was told.
func (r *room) known() waitingroom.Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// note remembers what a reply says of a room. One from before a loss counts, one
// from a store that has forgotten doesn't; time never runs backwards.
func (r *room) note(c waitingroom.Counters) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := c.Now
	if r.seen.Now.After(now) {
		now = r.seen.Now
	}
	if c.Generation > r.seen.Generation || c.Generation == r.seen.Generation && c.Sequence >= r.seen.Sequence {
		if c.Generation == r.seen.Generation {
			c.Dealt = max(c.Dealt, r.seen.Dealt)
		}
		r.seen = c
	}
	r.seen.Now = now
	r.growth.note(r.seen)
}

func (r *room) configured(revision int64, s waitingroom.Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if revision >= r.revision {
		r.revision, r.settings = revision, s
	}
}

func (r *room) met(peers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peers = peers
}

// Nodes implements [waitingroom.Shared].
func (s *Store) Nodes(name string) int {
	r := s.room(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.peers)
}

// report returns what this node knows of the room, with evidence from outside, in
// the order in which the script takes it.
func (r *room) report(evidence waitingroom.Floors, node waitingroom.OpID, window time.Duration) (generation int64, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.seen
	switch {
	case evidence.Generation > f.Generation:
		f = waitingroom.Counters{
			Generation: evidence.Generation, Dealt: evidence.Dealt, Serving: evidence.Serving, Epoch: evidence.Epoch,
		}
	case evidence.Generation == f.Generation:
		f.Dealt = max(f.Dealt, evidence.Dealt)
		if evidence.Epoch > f.Epoch || evidence.Epoch == f.Epoch && evidence.Serving > f.Serving {
			f.Epoch, f.Serving = evidence.Epoch, evidence.Serving
		}
	}
	args = append(args, node[:], f.Generation, f.Dealt, f.Serving, f.Epoch, f.Expired, f.Sequence, f.Version, r.revision)
	args = append(args, settingsArgs(r.settings)...)
	args = append(args, max(r.growth.most(), evidence.Growth), window.Milliseconds(), r.seen.Generation)
	for _, peer := range r.peers {
		args = append(args, peer)
	}
	return f.Generation, args
}

// settle tells the store what this node knows, and waits until it has heard
// enough to go on.
func (s *Store) settle(ctx context.Context, r *room, evidence waitingroom.Floors) error {
	for {
		generation, args := r.report(evidence, s.node, s.window)
		in, c, err := s.run(ctx, r, verb{script: s.scripts.settle, kind: settles, args: args}, generation)
		switch {
		case err == nil && len(in.values) > 0:
			// This node's report was the last that was waited for, so it is the one to tell.
			skipped, forgot := in.int(), in.bool()
			s.log.WarnContext(ctx, "the store was settled: it had been restarted, replaced or emptied",
				"room", r.name, "dealt", c.Dealt, "serving", c.Serving, "skipped", skipped, "may_log_in_again", forgot)
			return checked(in, nil)
		case errors.Is(err, errGeneration):
			continue // It was reset since, and the reply has told the generation.
		case !errors.Is(err, errForgotten):
			return err
		}
		select {
		case <-time.After(settlePause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", waitingroom.ErrUnavailable, ctx.Err())
		}
	}
}

// Settle implements [waitingroom.Line].
func (s *Store) Settle(ctx context.Context, name string, f waitingroom.Floors) (waitingroom.Counters, error) {
	r := s.room(name)
	if err := s.settle(ctx, r, f); err != nil {
		return waitingroom.Counters{}, err
	}
	return s.Counters(ctx, name)
}
