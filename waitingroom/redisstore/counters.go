package redisstore

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Counters implements [waitingroom.Line]. Asking also tells the other nodes that
// this one is there.
func (s *Store) Counters(ctx context.Context, room string) (waitingroom.Counters, error) {
	in, c, err := s.call(ctx, room, s.counting())
	if err != nil {
		return c, err
	}
	return c, s.room(room).meet(in)
}

// counting returns the verb that asks for a room's counters.
func (s *Store) counting() verb {
	return verb{script: s.scripts.counters, kind: reads, args: []any{s.node[:]}}
}

// meet reads from the rest of a reply which nodes are there.
func (r *room) meet(in *fields) error {
	var peers []string
	rest := in.list()
	for len(rest.values) > 0 && !rest.failed {
		peers = append(peers, rest.text())
	}
	r.met(peers)
	return checked(rest, nil)
}

// Poll implements [waitingroom.Shared], with one pipeline for each server that has
// some of the rooms, so that one that is dead keeps no room of the others waiting.
func (s *Store) Poll(ctx context.Context, rooms []string, answer func(string, waitingroom.Counters, error)) {
	of := make(map[redis.UniversalClient][]*room)
	for _, name := range rooms {
		master, err := s.master(ctx, membersKey(name))
		if err != nil {
			answer(name, waitingroom.Counters{}, unavailable(err))
			continue
		}
		of[master] = append(of[master], s.room(name))
	}
	var polling sync.WaitGroup
	for master, rooms := range of {
		polling.Go(func() { s.pollServer(ctx, master, rooms, answer) })
	}
	polling.Wait()
}

// pollServer asks one server for the counters of its rooms, and then alone for those
// that can't be had so.
func (s *Store) pollServer(ctx context.Context, server redis.UniversalClient, rooms []*room, answer func(string, waitingroom.Counters, error)) {
	v, pipe := s.counting(), server.Pipeline()
	replies := make([]*redis.Cmd, len(rooms))
	for i, r := range rooms {
		generation := r.known().Generation
		replies[i] = v.script.EvalSha(ctx, pipe, keys(r.name, generation, v.code), s.argv(r, v, generation)...)
	}
	if _, err := pipe.Exec(ctx); err != nil { // The first of their errors; each has its own.
		s.lookForMasters(ctx)
	}
	var alone sync.WaitGroup
	for i, r := range rooms {
		c, err := r.counted(replies[i])
		if !needsMore(err) {
			answer(r.name, c, err)
			continue
		}
		alone.Go(func() {
			c, err := s.Counters(ctx, r.name)
			answer(r.name, c, err)
		})
	}
	alone.Wait()
}

// needsMore reports whether a room's counters take more than one call: they must be
// settled, are of another generation or on another server, or the server doesn't know
// the script yet.
func needsMore(err error) bool {
	return errors.Is(err, errForgotten) || errors.Is(err, errGeneration) || moved(err) ||
		redis.HasErrorPrefix(err, "ASK ") || redis.HasErrorPrefix(err, "NOSCRIPT ")
}

// counted reads the reply to a command of a pipeline.
func (r *room) counted(reply *redis.Cmd) (waitingroom.Counters, error) {
	value, err := reply.Result()
	if err != nil {
		return waitingroom.Counters{}, unavailable(err)
	}
	in, c, err := r.read(value)
	if err != nil {
		return c, err
	}
	return c, r.meet(in)
}
