package redisstore

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

var _ waitingroom.Pruner = (*Store)(nil)

// scanCount is about how many keys Redis looks at in one step of a scan.
const scanCount = 1000

// Prune implements [waitingroom.Pruner]. It looks at all keys, in small steps that
// hold nobody up.
func (s *Store) Prune(ctx context.Context, keep []string) ([]string, error) {
	room := regexp.MustCompile("^\\{(" + waitingroom.RoomName + ")\\}:")
	var mu sync.Mutex // Masters of a cluster are asked side by side.
	found := make(map[string]bool)
	err := s.eachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		keys := master.Scan(ctx, 0, "{*}:*", scanCount).Iterator()
		for keys.Next(ctx) {
			name := room.FindStringSubmatch(keys.Val())
			if name == nil || slices.Contains(keep, name[1]) {
				continue
			}
			if err := master.Unlink(ctx, keys.Val()).Err(); err != nil {
				return err
			}
			mu.Lock()
			found[name[1]] = true
			mu.Unlock()
		}
		return keys.Err()
	})
	if err != nil {
		return nil, unavailable(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range found {
		delete(s.rooms, name) // Or it would look like a loss.
	}
	return slices.Sorted(maps.Keys(found)), nil
}
