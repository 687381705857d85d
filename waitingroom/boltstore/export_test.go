package boltstore

import (
	"context"
	"encoding/binary"

	"go.etcd.io/bbolt"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// MinBlock and Buried let tests name the store's bounds.
const (
	MinBlock = minBlock
	Buried   = buried
)

// Fill puts n rows, and as many reminders, into a room's present life.
func (s *Store) Fill(ctx context.Context, room string, n int) error {
	return s.do(ctx, func(b *batch) {
		w := b.open(s.room(room))
		for i := range n {
			key := binary.BigEndian.AppendUint64([]byte("test"), uint64(i))
			w.rows.Put(key, make([]byte, 100))
			w.rows.Remind(b.now, key)
		}
	})
}

// CountRows returns how many rows and reminders a room has in all its lives.
func (s *Store) CountRows(room string) (n int, err error) {
	err = s.db.Load().View(func(tx *bbolt.Tx) error {
		lives := s.room(room).bucket(tx).Bucket([]byte(livesBucket))
		return lives.ForEachBucket(func(life []byte) error {
			for _, name := range []string{rowsBucket, dueBucket} {
				n += lives.Bucket(life).Bucket([]byte(name)).Stats().KeyN
			}
			return nil
		})
	})
	return n, err
}

// Batch gives a room orders that are certain to share one batch.
func (s *Store) Batch(ctx context.Context, room string, give func(serve func(waitingroom.Serve))) error {
	return s.do(ctx, func(b *batch) {
		give(func(order waitingroom.Serve) { b.note(b.open(s.room(room)).Serve(order)) })
	})
}
