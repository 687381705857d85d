package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Keep implements [waitingroom.Vault].
func (s *Store) Keep(ctx context.Context, name string, value []byte, life time.Duration) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var kept []byte
	value = slices.Clone(value)
	err := s.do(ctx, func(b *batch) {
		if there, ok := keptAt(b.tx, name, b.now); ok {
			kept = there
			return
		}
		b.keep(name, value, life)
		kept = value
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// Kept implements [waitingroom.Vault].
func (s *Store) Kept(_ context.Context, name string) ([]byte, error) {
	var (
		kept []byte
		ok   bool
	)
	err := s.db.Load().View(func(tx *bbolt.Tx) error {
		kept, ok = keptAt(tx, name, s.now())
		return nil
	})
	switch {
	case err != nil:
		return nil, unavailable(err)
	case !ok:
		return nil, waitingroom.ErrNotKept
	}
	return kept, nil
}

// Swap implements [waitingroom.Vault].
func (s *Store) Swap(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	var (
		kept []byte
		ok   bool
	)
	old, value = slices.Clone(old), slices.Clone(value)
	err := s.do(ctx, func(b *batch) {
		if kept, ok = keptAt(b.tx, name, b.now); ok && bytes.Equal(kept, old) {
			b.swap(name, value)
			kept = value
		}
	})
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, waitingroom.ErrNotKept
	}
	return kept, nil
}

// keptAt returns a copy of what the vault keeps under name.
func keptAt(tx *bbolt.Tx, name string, now time.Time) ([]byte, bool) {
	row := tx.Bucket([]byte(vaultBucket)).Get([]byte(name))
	if len(row) < 8 || over(row, now) {
		return nil, false
	}
	return append([]byte{}, row[8:]...), true
}

// over reports whether the life of a vault's row has ended.
func over(row []byte, now time.Time) bool {
	until := binary.BigEndian.Uint64(row)
	return until != 0 && until <= uint64(now.UnixMilli())
}

// keep stores a value in the vault.
func (b *batch) keep(name string, value []byte, life time.Duration) {
	b.changed = true
	until := make([]byte, 8)
	if life > 0 {
		until = timeKey(b.now.Add(life))
		b.note(b.tx.Bucket([]byte(expiryBucket)).Put(slices.Concat(until, []byte(name)), nil))
	}
	b.note(b.tx.Bucket([]byte(vaultBucket)).Put([]byte(name), slices.Concat(until, value)))
}

// swap puts another value in the place of one that is kept, for the rest of its life.
func (b *batch) swap(name string, value []byte) {
	b.changed = true
	vault := b.tx.Bucket([]byte(vaultBucket))
	until := slices.Clone(vault.Get([]byte(name))[:8])
	b.note(vault.Put([]byte(name), append(until, value...)))
}

// forget drops at most limit values whose life has ended.
func (b *batch) forget(limit int) {
	vault, expiry := b.tx.Bucket([]byte(vaultBucket)), b.tx.Bucket([]byte(expiryBucket))
	for _, key := range dueKeys(expiry, b.now, limit) {
		b.changed = true
		b.note(expiry.Delete(key))
		// The name may have been kept anew since.
		if row := vault.Get(key[8:]); len(row) >= 8 && over(row, b.now) {
			b.note(vault.Delete(key[8:]))
		}
	}
}
