package boltstore

import (
	"context"
	"slices"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

var _ waitingroom.Pruner = (*Store)(nil)

// Prune implements [waitingroom.Pruner].
func (s *Store) Prune(ctx context.Context, keep []string) (removed []string, err error) {
	err = s.do(ctx, func(b *batch) {
		rooms := b.tx.Bucket([]byte(roomsBucket))
		b.note(rooms.ForEachBucket(func(name []byte) error {
			if !slices.Contains(keep, string(name)) {
				removed = append(removed, string(name))
			}
			return nil
		}))
		for _, name := range removed {
			b.changed = true
			b.note(rooms.DeleteBucket([]byte(name)))
		}
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range removed {
		delete(s.rooms, name) // Or its positions would be written again at the end.
	}
	return removed, nil
}
