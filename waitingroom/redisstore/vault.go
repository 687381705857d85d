package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Keep implements [waitingroom.Vault].
func (s *Store) Keep(ctx context.Context, name string, value []byte, life time.Duration) ([]byte, error) {
	return s.inVault(ctx, verb{script: s.scripts.keep, kind: changes, args: []any{value, life.Milliseconds()}}, name)
}

// Kept implements [waitingroom.Vault].
func (s *Store) Kept(ctx context.Context, name string) ([]byte, error) {
	return s.inVault(ctx, verb{script: s.scripts.kept, kind: reads}, name)
}

// Swap implements [waitingroom.Vault].
func (s *Store) Swap(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	return s.inVault(ctx, verb{script: s.scripts.swap, kind: changes, args: []any{old, value}}, name)
}

// inVault runs a verb on one kept value. It belongs to no room; the names of rooms
// have no colon.
func (s *Store) inVault(ctx context.Context, v verb, name string) ([]byte, error) {
	value, err := s.eval(ctx, v, []string{"kept:" + name}, append([]any{s.clock(), s.acks}, v.args...))
	switch {
	case errors.Is(err, redis.Nil):
		return nil, waitingroom.ErrNotKept
	case err != nil:
		return nil, unavailable(err)
	}
	text, ok := value.(string)
	if !ok {
		return nil, errReply
	}
	return []byte(text), nil
}
