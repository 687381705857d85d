package boltstore

import (
	"errors"
	"sync"
)

// errClosed says that Close was called.
var errClosed = errors.New("store is closed")

// maxBatch is how many verbs share one transaction, so that one batch takes
// milliseconds.
const maxBatch = 1024

// A job is one verb on its way through the committer.
type job struct {
	run  func(*batch)
	done chan struct{} // Closed when the batch was committed, or err is set.
	err  error
}

func newJob(run func(*batch)) *job { return &job{run: run, done: make(chan struct{})} }

// finish tells the waiter how the batch went.
func (j *job) finish(err error) {
	j.err = err
	close(j.done)
}

// queue holds the jobs that wait for the committer. It is as long as there are
// callers that wait.
type queue struct {
	wake chan struct{} // Holds a token while there may be jobs.

	mu     sync.Mutex // Guards the rest.
	jobs   []*job
	closed bool
	broken error // Why the store refuses writes, or nil.
}

// put appends a job, or returns why it is refused.
func (q *queue) put(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return unavailable(errClosed)
	case q.broken != nil:
		return unavailable(q.broken)
	}
	q.jobs = append(q.jobs, j)
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the jobs of one batch, or none.
func (q *queue) take() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.jobs), maxBatch)
	batch := q.jobs[:n:n]
	if q.jobs = q.jobs[n:]; len(q.jobs) == 0 {
		q.jobs = nil
	}
	return batch
}

// refuse turns away all jobs, those that wait too, until err is nil.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broken = err
	if err != nil {
		for _, j := range q.jobs {
			j.finish(unavailable(err))
		}
		q.jobs = nil
	}
}

// close turns away all further jobs, and reports whether that is news.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.signal()
	return true
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
