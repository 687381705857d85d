package boltstore

import (
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// rows implements [ledger.Rows] in one transaction. In a read transaction only
// Get may be called.
type rows struct {
	lives       *bbolt.Bucket // One bucket per life; the last is the present.
	values, due *bbolt.Bucket // Of the present life; nil if there is none to read.
	changed     bool
	err         error // The first failure; the batch reports it.
}

var _ ledger.Rows = (*rows)(nil)

// readRows returns the rows in a room's bucket, which may be nil, for reading.
func readRows(room *bbolt.Bucket) *rows {
	r := &rows{}
	if room == nil {
		return r
	}
	if r.lives = room.Bucket([]byte(livesBucket)); r.lives == nil {
		return r
	}
	if last, _ := r.lives.Cursor().Last(); last != nil {
		r.values = r.lives.Bucket(last).Bucket([]byte(rowsBucket))
	}
	return r
}

// writeRows returns the rows in a room's bucket.
func writeRows(room *bbolt.Bucket) (*rows, error) {
	lives, err := room.CreateBucketIfNotExists([]byte(livesBucket))
	if err != nil {
		return nil, err
	}
	r := &rows{lives: lives}
	last, _ := lives.Cursor().Last()
	if last == nil {
		last = lifeKey(1)
	}
	r.use(last)
	return r, r.err
}

func lifeKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// use makes a life the present one.
func (r *rows) use(life []byte) {
	bucket, err := r.lives.CreateBucketIfNotExists(life)
	if err != nil {
		r.note(err)
		return
	}
	if r.values, err = bucket.CreateBucketIfNotExists([]byte(rowsBucket)); err != nil {
		r.note(err)
		return
	}
	r.due, err = bucket.CreateBucketIfNotExists([]byte(dueBucket))
	r.note(err)
}

// note keeps the first failure.
func (r *rows) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Get returns the value under key, or nil.
func (r *rows) Get(key []byte) []byte {
	if r.values == nil {
		return nil
	}
	return r.values.Get(key)
}

// Put stores a value.
func (r *rows) Put(key, value []byte) {
	r.changed = true
	r.note(r.values.Put(key, slices.Clone(value)))
}

// Delete removes a key, if it is there.
func (r *rows) Delete(key []byte) {
	r.changed = true
	r.note(r.values.Delete(key))
}

// Remind makes Due return key once now has reached at.
func (r *rows) Remind(at time.Time, key []byte) {
	r.changed = true
	r.note(r.due.Put(append(timeKey(at), key...), nil))
}

// Due returns at most limit keys whose time has come, earliest first, and
// forgets them.
func (r *rows) Due(now time.Time, limit int) [][]byte {
	keys := dueKeys(r.due, now, limit)
	for i, key := range keys {
		r.changed = true
		r.note(r.due.Delete(key))
		keys[i] = key[8:]
	}
	return keys
}

// Clear starts a new life, without rows. Those of the old one are deleted by
// [rows.bury].
func (r *rows) Clear() {
	r.changed = true
	last, _ := r.lives.Cursor().Last()
	r.use(lifeKey(binary.BigEndian.Uint64(last) + 1))
}

// bury deletes at most limit rows and as many reminders of the earliest past
// life.
func (r *rows) bury(limit int) {
	first, _ := r.lives.Cursor().First()
	last, _ := r.lives.Cursor().Last()
	if string(first) == string(last) {
		return
	}
	r.changed = true
	life, first := r.lives.Bucket(first), slices.Clone(first)
	left := false
	for _, name := range []string{rowsBucket, dueBucket} {
		bucket := life.Bucket([]byte(name))
		keys := firstKeys(bucket, limit)
		for _, key := range keys {
			r.note(bucket.Delete(key))
		}
		left = left || len(keys) == limit
	}
	if !left {
		r.note(r.lives.DeleteBucket(first))
	}
}

// firstKeys returns the first keys of a bucket, at most limit.
func firstKeys(bucket *bbolt.Bucket, limit int) [][]byte {
	var keys [][]byte
	cursor := bucket.Cursor()
	for key, _ := cursor.First(); key != nil && len(keys) < limit; key, _ = cursor.Next() {
		keys = append(keys, slices.Clone(key))
	}
	return keys
}

// dueKeys returns the keys of an index by time that are due, at most limit.
// Keys are copied, because deleting moves what a transaction's slices point to.
func dueKeys(index *bbolt.Bucket, now time.Time, limit int) [][]byte {
	var keys [][]byte
	cursor := index.Cursor()
	for key, _ := cursor.First(); key != nil && len(keys) < limit; key, _ = cursor.Next() {
		if len(key) < 8 || binary.BigEndian.Uint64(key) > uint64(now.UnixMilli()) {
			break
		}
		keys = append(keys, slices.Clone(key))
	}
	return keys
}

func timeKey(at time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(max(0, at.UnixMilli())))
}
