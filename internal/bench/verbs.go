package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

const (
	// verbCalls is how often a verb is called in a run, by callers at a time.
	verbCalls = 10_000
	callers   = 64
	// polled is how many rooms are polled for at once, which are as many calls.
	polled = 20
	// turnRoom is a room where everybody's turn has come; in the other one everybody
	// waits. Everybody is more visitors than all runs claim for.
	turnRoom  = "turn"
	everybody = 50_000_000
	// payload is the size of what a code carries, in bytes.
	payload = 256
)

// A verb is what nodes ask Redis for; n is at least 1, and different in each call.
type verb struct {
	name string
	size int // How many scripts one call is.
	call func(ctx context.Context, store *redisstore.Store, n int64) error
}

// verbs returns the verbs that a crowd uses, in the order in which a visitor does:
// what a claim is called with makes what the following ones find.
func verbs() []verb {
	return []verb{
		{"counters", 1, func(ctx context.Context, store *redisstore.Store, _ int64) error {
			_, err := store.Counters(ctx, room)
			return err
		}},
		{fmt.Sprintf("counters of %d rooms at once", polled), polled, pollRooms},
		{"advance", 1, func(ctx context.Context, store *redisstore.Store, n int64) error {
			_, _, err := store.Advance(ctx, room, waitingroom.Advance{Node: numbered(n % callers), Seq: uint64(n), N: 1})
			return err
		}},
		{"remember", 1, func(ctx context.Context, store *redisstore.Store, n int64) error {
			_, err := store.Remember(ctx, room, 0, numbered(n), numbered(n), waitingroom.RequestID{}, time.Minute)
			return err
		}},
		{"lookup", 1, func(ctx context.Context, store *redisstore.Store, n int64) error {
			_, _, err := store.Lookup(ctx, turnRoom, ticket(n))
			return err
		}},
		{"claim, with a code", 1, func(ctx context.Context, store *redisstore.Store, n int64) error {
			code := waitingroom.Code{Hash: hash(n), Login: numbered(n), Client: client, Payload: make([]byte, payload), Life: time.Minute}
			_, _, err := store.Claim(ctx, turnRoom, waitingroom.Claim{Ticket: ticket(n), Holder: hash(n), Code: &code})
			return err
		}},
		{"take a code", 1, func(ctx context.Context, store *redisstore.Store, n int64) error {
			_, _, err := store.TakeCode(ctx, turnRoom, waitingroom.TakeCode{Hash: hash(n), Client: client, Op: numbered(n)})
			return err
		}},
		{"extend", 1, func(ctx context.Context, store *redisstore.Store, n int64) error {
			_, _, err := store.Extend(ctx, turnRoom, numbered(n), time.Time{})
			return err
		}},
	}
}

// pollRooms asks for the counters of several rooms in one pipeline, as nodes do all
// the time.
func pollRooms(ctx context.Context, store *redisstore.Store, _ int64) error {
	answers := make(chan error, polled)
	store.Poll(ctx, polledRooms(), func(_ string, _ waitingroom.Counters, err error) { answers <- err })
	var errs []error
	for range polled {
		errs = append(errs, <-answers)
	}
	return errors.Join(errs...)
}

func polledRooms() []string {
	rooms := make([]string, polled)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("%s-%d", room, i)
	}
	return rooms
}

// numbered returns the n-th of the names of 128 bits, hash that of 256.
func numbered(n int64) (name [16]byte) {
	binary.BigEndian.PutUint64(name[8:], uint64(n))
	return name
}

func hash(n int64) (name [32]byte) {
	binary.BigEndian.PutUint64(name[:], uint64(n))
	return name
}

func ticket(n int64) waitingroom.Ticket { return waitingroom.Ticket{ID: numbered(n), Position: n} }

// measureVerbs measures what each verb costs Redis, which has the server's core to
// itself. The verbs are called through the store, as the engine does, from this
// process.
func measureVerbs(ctx context.Context, l *lab) (lines []line, err error) {
	redis, err := l.newRedis(ctx, serverCore)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, redis.stop()) }()
	store, err := redisstore.Open("redis://"+redis.address, redisstore.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	rules := waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour, SessionMax: time.Hour}
	for _, name := range append(polledRooms(), room, turnRoom) {
		if _, err := store.Configure(ctx, name, 1, rules); err != nil {
			return nil, err
		}
	}
	if _, err := store.Settle(ctx, turnRoom, waitingroom.Floors{Dealt: everybody, Serving: everybody}); err != nil {
		return nil, err
	}
	used, inside := make([][]float64, len(verbs())), make([][]float64, len(verbs()))
	for run := range l.runs {
		for i, v := range verbs() {
			cpu, script, err := redis.timeVerb(ctx, store, v, int64(run*verbCalls)+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
			used[i], inside[i] = append(used[i], cpu), append(inside[i], script)
		}
	}
	for i, v := range verbs() {
		s := summarize(used[i])
		lines = append(lines, line{
			what:     "Redis, " + v.name + ": CPU per script",
			measured: fmt.Sprintf("%.1f µs (the script itself %.1f µs), %.0f k/s on a core", s.median, summarize(inside[i]).median, 1e3/s.median),
			spread:   s.spread("%.1f") + " µs", verdict: noted,
		})
	}
	return lines, nil
}

// timeVerb calls a verb with the numbers from one on. It returns the CPU time that
// Redis used for each script, and how long each took by its own clock, in
// microseconds.
func (r *redisServer) timeVerb(ctx context.Context, store *redisstore.Store, v verb, from int64) (used, script float64, err error) {
	if err := r.client.ConfigResetStat(ctx).Err(); err != nil {
		return 0, 0, err
	}
	before, err := r.cpu()
	if err != nil {
		return 0, 0, err
	}
	errs := make([]error, callers)
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			// A caller is a node to Redis, and counts its own calls.
			for n := from + int64(caller); n < from+int64(verbCalls/v.size) && errs[caller] == nil; n += callers {
				errs[caller] = v.call(ctx, store, n)
			}
		})
	}
	calling.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, 0, err
	}
	after, err := r.cpu()
	if err != nil {
		return 0, 0, err
	}
	script, err = r.scriptMicros(ctx)
	return float64(after-before) / verbCalls / 1e3, script, err
}
