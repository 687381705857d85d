package boltstore

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// buried is how many rows of past generations one sweep deletes.
const buried = 4096

// change runs a verb that may change a room through the committer, and returns
// what it returned once that is durable. A refusal is durable too, because
// refusing can have an effect: a replay ends its grant.
func change[T any](ctx context.Context, s *Store, name string, verb func(*work) (T, error)) (T, waitingroom.Counters, error) {
	var (
		none    T
		result  T
		refusal error
		after   ledger.Record // As the verb left it; its slices are not read.
	)
	if err := checkName(name); err != nil {
		return none, waitingroom.Counters{}, err
	}
	r := s.room(name)
	err := s.do(ctx, func(b *batch) {
		if w := b.open(r); w != nil {
			result, refusal = verb(w)
			after = *w.Record
		}
	})
	if err != nil {
		return none, waitingroom.Counters{}, err
	}
	return result, r.dealer.counters(&after, s.now()), refusal
}

// maxName is the longest name of a room or of a kept value, in bytes.
const maxName = 1024

// checkName refuses a name that the file would refuse, and with it a batch that
// many others wait for.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name of %d bytes, not 1 to %d", len(name), maxName)
	}
	return nil
}

// do hands a job to the committer and waits for its commit. After an error the
// job may still be running: what it writes must not be read.
func (s *Store) do(ctx context.Context, run func(*batch)) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	j := newJob(run)
	if err := s.queue.put(j); err != nil {
		return err
	}
	if err := await(ctx, j.done); err != nil {
		return err
	}
	return j.err
}

// nothing is the result of a verb that returns counters only.
type nothing = struct{}

// Counters implements [waitingroom.Line]. It reads no disk.
func (s *Store) Counters(_ context.Context, room string) (waitingroom.Counters, error) {
	return s.room(room).dealer.counters(nil, s.now()), nil
}

// Settle implements [waitingroom.Line].
func (s *Store) Settle(ctx context.Context, room string, f waitingroom.Floors) (waitingroom.Counters, error) {
	_, c, err := change(ctx, s, room, func(w *work) (nothing, error) {
		w.Settle(f)
		return nothing{}, nil
	})
	return c, err
}

// Advance implements [waitingroom.Line]. It waits for the disk only when joins
// come faster than the ceiling rises.
func (s *Store) Advance(ctx context.Context, room string, a waitingroom.Advance) (int64, waitingroom.Counters, error) {
	if err := checkName(room); err != nil {
		return 0, waitingroom.Counters{}, err
	}
	r := s.room(room)
	for {
		told, err := r.dealer.deal(a, s.now())
		if told.ask {
			s.raise(r)
		}
		if told.wait == nil {
			return told.first, told.counters, err
		}
		if err := await(ctx, told.wait.done); err != nil {
			return 0, waitingroom.Counters{}, err
		}
		if told.wait.err != nil {
			return 0, waitingroom.Counters{}, told.wait.err
		}
	}
}

// raise has a room's ceiling raised in the background. Every batch that works
// on a room looks after its ceiling, so all it takes is to open the room.
func (s *Store) raise(r *room) {
	if err := s.queue.put(newJob(func(b *batch) { b.open(r) })); err != nil {
		r.dealer.fail(err)
	}
}

// Serve implements [waitingroom.Line].
func (s *Store) Serve(ctx context.Context, room string, order waitingroom.Serve) (waitingroom.Counters, error) {
	_, c, err := change(ctx, s, room, func(w *work) (nothing, error) { return nothing{}, w.Serve(order) })
	return c, err
}

// Reset implements [waitingroom.Line].
func (s *Store) Reset(ctx context.Context, room string, op waitingroom.OpID, expected int64) (waitingroom.Counters, error) {
	_, c, err := change(ctx, s, room, func(w *work) (nothing, error) { return nothing{}, w.Reset(op, expected) })
	return c, err
}

// Configure implements [waitingroom.Line].
func (s *Store) Configure(ctx context.Context, room string, revision int64, set waitingroom.Settings) (waitingroom.Counters, error) {
	_, c, err := change(ctx, s, room, func(w *work) (nothing, error) {
		w.Configure(revision, set)
		return nothing{}, nil
	})
	return c, err
}

// Lease implements [waitingroom.Line].
func (s *Store) Lease(ctx context.Context, room string, holder waitingroom.OpID, d time.Duration) (waitingroom.Lease, waitingroom.Counters, error) {
	return change(ctx, s, room, func(w *work) (waitingroom.Lease, error) { return w.Lease(holder, d) })
}

// Sweep implements [waitingroom.Line]. Beside that it writes down who arrived,
// and deletes a slice of what a reset left and of what the vault no longer keeps.
func (s *Store) Sweep(ctx context.Context, room string, limit int) (waitingroom.Swept, waitingroom.Counters, error) {
	return change(ctx, s, room, func(w *work) (waitingroom.Swept, error) {
		w.rows.bury(buried)
		w.batch.forget(buried)
		return w.Sweep(limit), nil
	})
}

// Claim implements [waitingroom.Sessions].
func (s *Store) Claim(ctx context.Context, room string, c waitingroom.Claim) (waitingroom.Session, waitingroom.Counters, error) {
	return change(ctx, s, room, func(w *work) (waitingroom.Session, error) { return w.Claim(c) })
}

// Lookup implements [waitingroom.Sessions]. It is a short read of what was
// committed last.
func (s *Store) Lookup(_ context.Context, room string, t waitingroom.Ticket) (waitingroom.Standing, waitingroom.Counters, error) {
	var (
		standing waitingroom.Standing
		c        waitingroom.Counters
		refusal  error
	)
	r := s.room(room)
	err := s.db.Load().View(func(tx *bbolt.Tx) error {
		record, dealt, err := r.read(tx)
		if err != nil {
			return fmt.Errorf("room %q: %w", room, err)
		}
		l := ledger.Open(record, readRows(r.bucket(tx)), s.now())
		l.Arrive(dealt)
		standing, refusal = l.Lookup(t)
		c = l.Counters()
		return nil
	})
	if err != nil {
		return waitingroom.Standing{}, waitingroom.Counters{}, unavailable(err)
	}
	return standing, c, refusal
}

// bucket returns the room's bucket in a transaction, or nil.
func (r *room) bucket(tx *bbolt.Tx) *bbolt.Bucket {
	return tx.Bucket([]byte(roomsBucket)).Bucket([]byte(r.name))
}

// read returns a copy of the record that belongs to the rows which tx sees, and
// the last position dealt. That is the published one, or the one that is being
// committed: the file shows that from before the disk has it until it is published,
// which on a busy server is nearly always. Any other is decoded.
func (r *room) read(tx *bbolt.Tx) (*ledger.Record, int64, error) {
	state, dealt := r.dealer.snapshot()
	bucket := r.bucket(tx)
	if bucket == nil {
		return &ledger.Record{}, 0, nil // Nothing of it was committed yet.
	}
	stored := bucket.Get([]byte(recordKey))
	if string(stored) == string(state.encoded) {
		return state.record.Clone(), dealt, nil
	}
	var (
		record *ledger.Record
		err    error
	)
	if written := r.written.Load(); written != nil && string(stored) == string(written.encoded) {
		record = written.record.Clone()
	} else {
		record, err = decodeRecord(stored)
	}
	if err == nil && record.Generation != state.record.Generation {
		dealt = record.Dealt
	}
	return record, dealt, err
}

// Extend implements [waitingroom.Sessions].
func (s *Store) Extend(ctx context.Context, room string, id waitingroom.RequestID, seen time.Time) (waitingroom.Session, waitingroom.Counters, error) {
	return change(ctx, s, room, func(w *work) (waitingroom.Session, error) { return w.Extend(id, seen) })
}

// End implements [waitingroom.Sessions].
func (s *Store) End(ctx context.Context, room string, id waitingroom.RequestID, status waitingroom.Status, holds time.Time) (waitingroom.Counters, error) {
	_, c, err := change(ctx, s, room, func(w *work) (nothing, error) { return nothing{}, w.End(id, status, holds) })
	return c, err
}

// TakeCode implements [waitingroom.Sessions].
func (s *Store) TakeCode(ctx context.Context, room string, t waitingroom.TakeCode) (waitingroom.Taken, waitingroom.Counters, error) {
	return change(ctx, s, room, func(w *work) (waitingroom.Taken, error) { return w.TakeCode(t) })
}

// Rotate implements [waitingroom.Sessions].
func (s *Store) Rotate(ctx context.Context, room string, r waitingroom.Rotate) (waitingroom.Session, waitingroom.Grant, waitingroom.Counters, error) {
	type rotated struct {
		session waitingroom.Session
		grant   waitingroom.Grant
	}
	result, c, err := change(ctx, s, room, func(w *work) (rotated, error) {
		session, grant, err := w.Rotate(r)
		return rotated{session, grant}, err
	})
	return result.session, result.grant, c, err
}

// Revoke implements [waitingroom.Sessions].
func (s *Store) Revoke(ctx context.Context, room string, id waitingroom.RequestID, grant uint64, holds time.Time) (waitingroom.Counters, error) {
	_, c, err := change(ctx, s, room, func(w *work) (nothing, error) {
		w.Revoke(id, grant, holds)
		return nothing{}, nil
	})
	return c, err
}
