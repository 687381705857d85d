package boltstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// A batch is one transaction with the rooms that it works on.
type batch struct {
	store *Store
	tx    *bbolt.Tx
	now   time.Time
	rooms map[*room]*work
	// changed says that something outside of rooms has to be committed.
	changed bool
	err     error // The first failure.
}

// work is a room that a batch works on.
type work struct {
	*ledger.Ledger
	batch  *batch
	rows   *rows
	bucket *bbolt.Bucket
	was    published
	next   published
	final  bool // Dealing has ended, so the ceiling is what was dealt.
}

func (s *Store) begin() (*batch, error) {
	tx, err := s.db.Load().Begin(true)
	if err != nil {
		return nil, err
	}
	return &batch{store: s, tx: tx, now: s.now(), rooms: make(map[*room]*work)}, nil
}

// open returns a room's ledger on a copy of its record, which knows all that
// has arrived, or nil after a failure.
func (b *batch) open(r *room) *work {
	if w := b.rooms[r]; w != nil {
		return w
	}
	state, dealt := r.dealer.snapshot()
	w := &work{batch: b, was: state, next: published{record: state.record.Clone()}}
	bucket, err := b.tx.Bucket([]byte(roomsBucket)).CreateBucketIfNotExists([]byte(r.name))
	if err == nil {
		w.bucket = bucket
		w.rows, err = writeRows(bucket)
	}
	if err != nil {
		b.note(fmt.Errorf("room %q: %w", r.name, err))
		return nil
	}
	w.Ledger = ledger.Open(w.next.record, w.rows, b.now)
	w.Arrive(dealt)
	b.rooms[r] = w
	return w
}

// note keeps the first failure, which fails the whole batch.
func (b *batch) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

// commit makes the batch durable and then publishes it. A batch that changed
// nothing, like most sweeps of a quiet room, costs no write.
func (b *batch) commit() error {
	for r, w := range b.rooms {
		b.save(r, w)
	}
	err := b.err
	if err == nil && b.changed {
		err = b.store.options.InjectAroundCommit(b.tx.Commit)
	}
	// After a commit this does nothing but say so.
	if rollback := b.tx.Rollback(); rollback != nil && !errors.Is(rollback, berrors.ErrTxClosed) {
		err = errors.Join(err, rollback)
	}
	if err != nil {
		return err
	}
	for r, w := range b.rooms {
		r.dealer.publish(w.next)
	}
	return nil
}

// save stores what has changed in a room.
func (b *batch) save(r *room, w *work) {
	b.note(w.rows.err)
	if w.final {
		w.next.ceiling = w.Dealt
	} else {
		w.next.ceiling = r.dealer.ceiling(w.Record, b.now)
	}
	if !w.rows.changed && w.next.ceiling == w.was.ceiling && sameButTime(w.Record, w.was.record) {
		w.next = w.was
		return
	}
	encoded, err := json.Marshal(w.Record)
	if err != nil {
		b.note(fmt.Errorf("room %q: %w", r.name, err))
		return
	}
	w.next.encoded = encoded
	written := w.next
	r.written.Store(&written)
	b.note(w.next.encode(w.bucket))
	b.changed = true
}

// sameButTime reports whether two records differ in nothing but the time that
// was last seen.
func sameButTime(a, b *ledger.Record) bool {
	x, y := *a, *b
	x.Now = y.Now
	return reflect.DeepEqual(x, y)
}
