package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// settleWindow is how long a store that has lost something waits for nodes that
// may know more, by its own clock.
const settleWindow = time.Second

// memberLife is for how long a node counts without being heard of.
const memberLife = 15 * time.Second

// settlePause is how long to wait before asking whether it has opened.
const settlePause = 50 * time.Millisecond

// Store keeps all rooms in Redis. It is safe for concurrent use, by any number
// of processes.
type Store struct {
	client  redis.UniversalClient
	scripts *scripts
	node    waitingroom.OpID // Names this process among those that report after a loss.
	acks    int
	log     *slog.Logger

	// For tests: the time that scripts are told, in milliseconds, where "" lets
	// them ask Redis; and settleWindow.
	clock  func() string
	window time.Duration

	mu    sync.Mutex // Guards rooms.
	rooms map[string]*room
}

var (
	_ waitingroom.Store  = (*Store)(nil)
	_ waitingroom.Shared = (*Store)(nil)
)

// New returns a store over a client, whose own retries must be off. The store
// closes it.
func New(client redis.UniversalClient, o Options) (*Store, error) {
	s, err := loadScripts()
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	store := &Store{
		client: client, scripts: s, acks: o.Acks, log: o.Logger, clock: func() string { return "" }, window: settleWindow, rooms: make(map[string]*room),
	}
	_, _ = rand.Read(store.node[:]) // crypto/rand.Read never fails.
	return store, nil
}

// Close tells the other nodes that this one has gone, and closes the
// connections. Everything else is in Redis already.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for name := range s.rooms {
		// Without this the others wait for it in vain, and after a loss skip some
		// positions; no more than that.
		_ = s.client.ZRem(ctx, membersKey(name), s.node[:]).Err()
	}
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("close redis client: %w", err)
	}
	return nil
}

func (s *Store) room(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &room{name: name}
		s.rooms[name] = r
	}
	return r
}

func membersKey(room string) string { return "{" + room + "}:m" }

// keys returns the names of what a room consists of in a generation, in the order
// in which the scripts take them.
func keys(room string, generation int64, code [32]byte) []string {
	always, of := "{"+room+"}:", prefix(room, generation)
	return []string{
		always + "r", always + "ops", membersKey(room), always + "t",
		of + "n", of + "log", of + "b", of + "s", of + "x", of + "c:" + string(code[:]),
	}
}

// prefix is what the names of a generation's keys begin with.
func prefix(room string, generation int64) string {
	return "{" + room + "}:" + strconv.FormatInt(generation, 10) + ":"
}

// kind is what a verb does to a room.
type kind string

const (
	reads   kind = "reads"
	changes kind = "changes"
	settles kind = "settles"
)

// verb is a call of a script for a room.
type verb struct {
	script *redis.Script
	kind   kind
	code   [32]byte // The hash of the code that it is about, if any.
	args   []any
}

// errForgotten says that the store may have lost something, and that nothing
// happens before it has been settled.
var errForgotten = errors.New("the store may have lost writes")

// errGeneration says that the room is in another generation than the names of
// the keys were of.
var errGeneration = errors.New("another generation")

// attempts is how often a verb is called with another generation's names. Each
// further attempt takes a reset in between.
const attempts = 4

// call runs a verb of a room. What the script says beyond the counters is in the
// fields, also with a refusal. A store that has lost something is settled first.
func (s *Store) call(ctx context.Context, name string, v verb) (*fields, waitingroom.Counters, error) {
	r := s.room(name)
	for range attempts {
		in, c, err := s.run(ctx, r, v, r.known().Generation)
		switch {
		case errors.Is(err, errForgotten):
			if err := s.settle(ctx, r, waitingroom.Floors{}); err != nil {
				return nil, waitingroom.Counters{}, err
			}
		case !errors.Is(err, errGeneration):
			return in, c, err
		}
	}
	return nil, waitingroom.Counters{}, fmt.Errorf("%w: room %q is being reset or settled again and again", waitingroom.ErrUnavailable, name)
}

// run runs a verb once, with the names of a generation.
func (s *Store) run(ctx context.Context, r *room, v verb, generation int64) (*fields, waitingroom.Counters, error) {
	value, err := s.eval(ctx, v, keys(r.name, generation, v.code), s.argv(r, v, generation))
	if err != nil {
		return nil, waitingroom.Counters{}, unavailable(err)
	}
	return r.read(value)
}

// argv returns a script's arguments beside the names.
func (s *Store) argv(r *room, v verb, generation int64) []any {
	known := r.known()
	argv := append([]any{generation, known.Now.UnixMilli(), known.Sequence, s.clock(), string(v.kind), s.acks}, v.args...)
	if known.Now.IsZero() {
		argv[1] = 0
	}
	if generation != known.Generation {
		argv[2] = 0
	}
	return argv
}

// read reads a script's reply as far as all have it in common.
func (r *room) read(value any) (*fields, waitingroom.Counters, error) {
	in := list(value)
	refused := in.text()
	c := in.counters()
	if in.failed {
		return nil, waitingroom.Counters{}, errReply
	}
	r.note(c)
	return in, c, refusal(refused)
}

// unavailable makes any failure of Redis one that callers know.
func unavailable(err error) error {
	return fmt.Errorf("%w: redis: %w", waitingroom.ErrUnavailable, err)
}

// checked returns err, or errReply if a reply couldn't be read.
func checked(in *fields, err error) error {
	if err == nil && in.failed {
		return errReply
	}
	return err
}
