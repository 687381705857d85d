package redisstore

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

var _ waitingroom.Pruner = (*Store)(nil)

// scanCount is about how many keys Redis looks at in one step of a scan.
const scanCount = 1000

// roomKey matches the keys of a room as lua/room.lua lists them. Other programs may
// use the same database, and hash tags of their own.
const roomKey = `^\{(` + waitingroom.RoomName + `)\}:(?:(?:r|ops|m|t|[0-9]+:(?:n|log|b|s|x))$|[0-9]+:[cp]:)`

// Prune implements [waitingroom.Pruner]. It looks at all keys, in small steps that
// hold nobody up.
func (s *Store) Prune(ctx context.Context, keep []string) ([]string, error) {
	ours := regexp.MustCompile(roomKey)
	var mu sync.Mutex // Masters of a cluster are asked side by side.
	found := make(map[string]bool)
	err := s.eachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		run := make(map[string]bool) // Whether another node runs a room.
		keys := master.Scan(ctx, 0, "{*}:*", scanCount).Iterator()
		for keys.Next(ctx) {
			name := ours.FindStringSubmatch(keys.Val())
			if name == nil || slices.Contains(keep, name[1]) {
				continue
			}
			if _, known := run[name[1]]; !known {
				others, err := s.others(ctx, master, name[1])
				if err != nil {
					return err
				}
				run[name[1]] = others
			}
			if run[name[1]] {
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

// others reports whether other nodes have been heard of in a room lately.
func (s *Store) others(ctx context.Context, master *redis.Client, room string) (bool, error) {
	now, err := master.Time(ctx).Result()
	if err != nil {
		return false, err
	}
	since := strconv.FormatInt(now.Add(-memberLife).UnixMilli(), 10)
	nodes, err := master.ZRangeArgs(ctx, redis.ZRangeArgs{Key: membersKey(room), ByScore: true, Start: since, Stop: "+inf"}).Result()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(nodes, func(node string) bool { return node != string(s.node[:]) }), nil
}
