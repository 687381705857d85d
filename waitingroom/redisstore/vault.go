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
	return s.inVault(ctx, s.scripts.keep, name, value, life.Milliseconds())
}

// Kept implements [waitingroom.Vault].
func (s *Store) Kept(ctx context.Context, name string) ([]byte, error) {
	return s.inVault(ctx, s.scripts.kept, name)
}

// Swap implements [waitingroom.Vault].
func (s *Store) Swap(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	return s.inVault(ctx, s.scripts.swap, name, old, value)
}

// inVault runs a verb on one kept value. It belongs to no room; the names of rooms
// have no colon.
func (s *Store) inVault(ctx context.Context, script *redis.Script, name string, args ...any) ([]byte, error) {
	text, err := script.Run(ctx, s.client, []string{"kept:" + name}, append([]any{s.clock()}, args...)...).Text()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, waitingroom.ErrNotKept
	case err != nil:
		return nil, unavailable(err)
	}
	return []byte(text), nil
}
