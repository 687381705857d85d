package boltstore

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.etcd.io/bbolt"
)

// commitAll is the committer.
func (s *Store) commitAll() {
	defer close(s.stopped)
	for range s.queue.wake {
		for jobs := s.gather(); len(jobs) > 0; jobs = s.gather() {
			if err := s.commit(jobs); err != nil {
				s.recover(err)
			}
		}
		if s.queue.isClosed() {
			s.failed = s.stop()
			return
		}
	}
}

// gather returns the jobs of the next batch, or none. Before that it steps behind
// everybody who is ready to run, for they may have jobs to add: on a busy machine
// many share a commit that would have been for a few, and where nobody else is
// ready it takes no time.
func (s *Store) gather() []*job {
	runtime.Gosched()
	return s.queue.take()
}

// commit runs jobs as one batch and tells their waiters.
func (s *Store) commit(jobs []*job) error {
	b, err := s.begin()
	if err == nil {
		for _, j := range jobs {
			j.run(b)
		}
		err = b.commit()
	}
	if err != nil {
		err = unavailable(fmt.Errorf("commit: %w", err))
		// Refuse before the first waiter learns of it and comes again.
		s.queue.refuse(err)
	}
	for _, j := range jobs {
		j.finish(err)
	}
	return err
}

// stop writes the last positions dealt and closes the file.
func (s *Store) stop() error {
	err := s.commit([]*job{newJob(func(b *batch) {
		for _, r := range s.allRooms() {
			dealt := r.dealer.close()
			if state, _ := r.dealer.snapshot(); dealt == 0 && state.encoded == nil {
				continue // Asked for, but never used.
			}
			w := b.open(r)
			w.final = true
		}
	})})
	if err := errors.Join(err, s.db.Load().Close()); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// The wait between two attempts to recover; it doubles from one to the other.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// recover brings the store back after a failed commit, of which the file may
// hold all or nothing. It returns once the store takes writes again, or is
// closed.
func (s *Store) recover(cause error) {
	s.log.Error("the store refuses writes", "err", cause)
	for _, r := range s.allRooms() {
		r.dealer.fail(cause)
	}
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		err := s.reopen()
		if err == nil {
			s.queue.refuse(nil)
			s.log.Info("the store takes writes again")
			return
		}
		s.log.Warn("the store is not back yet", "err", err, "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-s.closing:
			return
		}
	}
}

// reopen opens the file afresh, checks it, and tries a commit.
func (s *Store) reopen() error {
	// This ends the transactions that read; new ones fail until the end.
	if err := s.db.Load().Close(); err != nil {
		return err
	}
	db, err := openFile(s.path)
	if err != nil {
		return err
	}
	// This process has dealt all that was dealt, so nothing resumes at a ceiling.
	load := func(db *bbolt.DB) error { return s.load(db, (*dealer).publish) }
	for _, step := range []func(*bbolt.DB) error{check, prepare, s.probe, load} {
		if err := step(db); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	s.db.Store(db)
	return nil
}

// check reads the whole file and returns what is wrong with its structure.
func check(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		var faults []error
		for err := range tx.Check() {
			if len(faults) < 10 {
				faults = append(faults, err)
			}
		}
		return errors.Join(faults...)
	})
}

// probeSize is how much a store that comes back must be able to write: more than
// most batches do. The pages are free afterwards, for those that come next, so
// that a disk with no room to speak of doesn't fail them one by one.
const probeSize = 1 << 20

// probe commits something large, and takes it away again.
func (s *Store) probe(db *bbolt.DB) error {
	for _, change := range []func(*bbolt.Tx) error{
		func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte(metaBucket)).Put([]byte(probeKey), make([]byte, probeSize))
		},
		func(tx *bbolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Delete([]byte(probeKey)) },
	} {
		if err := s.try(db, change); err != nil {
			return err
		}
	}
	return nil
}

// try commits a change.
func (s *Store) try(db *bbolt.DB, change func(*bbolt.Tx) error) error {
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	if err = change(tx); err == nil {
		err = s.options.InjectAroundCommit(tx.Commit)
	}
	if err != nil {
		_ = tx.Rollback() // After a failed commit it is closed already.
	}
	return err
}
