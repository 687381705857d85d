package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// ErrInUse says that another process has the file open.
var ErrInUse = errors.New("in use by another process; commands talk to the running server, never to the file")

// Options are the choices of a Store. The zero value is right for production.
type Options struct {
	// Now is the clock that the store's time is made of; nil is [time.Now].
	Now func() time.Time
	// Logger is told of failures and recoveries; nil is silence.
	Logger *slog.Logger
	// CompactAbove is the size in bytes above which a file that is mostly free
	// is compacted when it is opened; 0 is 64 MiB.
	CompactAbove int64
	// InjectAroundCommit is for tests and benchmarks only. It is called in
	// place of each commit and returns the commit's result. It may wait before
	// calling commit, fail without calling it, or call it and fail all the same.
	InjectAroundCommit func(commit func() error) error
}

// Store keeps all rooms in one file. It is safe for concurrent use.
type Store struct {
	path    string
	options Options
	log     *slog.Logger
	latest  atomic.Int64 // The latest time given out, ms; see [Store.now].

	db    atomic.Pointer[bbolt.DB] // Changes only during a recovery.
	queue queue

	mu    sync.Mutex // Guards rooms.
	rooms map[string]*room

	closing chan struct{} // Closed by the first Close.
	stopped chan struct{} // Closed when the committer has ended.
	failed  error         // Why the clean stop failed; valid after stopped.
}

var _ waitingroom.Store = (*Store)(nil)

// room is what the store keeps in memory of one room.
type room struct {
	name   string
	dealer dealer
	// written is what was handed to the file last, and is not published yet or, after
	// a failure, never will be. Readers of the file may see it all the same.
	written atomic.Pointer[published]
}

// Open opens the store in the file at path, which it creates (mode 0600) if
// there is none; the directory must exist. A file that another process has open
// gives [ErrInUse] after a second, one of another format [ErrFormat].
func Open(path string, options Options) (*Store, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.CompactAbove == 0 {
		options.CompactAbove = 64 << 20
	}
	if options.InjectAroundCommit == nil {
		options.InjectAroundCommit = func(commit func() error) error { return commit() }
	}
	s := &Store{
		path: path, options: options, log: options.Logger,
		queue: queue{wake: make(chan struct{}, 1)}, rooms: make(map[string]*room),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	go s.commitAll()
	return s, nil
}

// open opens the file and loads what is kept in memory.
func (s *Store) open() error {
	if _, err := os.Stat(filepath.Dir(s.path)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("directory %s does not exist", filepath.Dir(s.path))
	} else if err != nil {
		return err
	}
	db, err := openFile(s.path)
	if err != nil {
		return err
	}
	if db, err = s.compact(db); err != nil {
		return err
	}
	if err := prepare(db); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := s.load(db, (*dealer).resume); err != nil {
		return errors.Join(err, db.Close())
	}
	s.db.Store(db)
	return nil
}

// openFile opens the database and makes sure that it is the one at path: while
// this process waited for the lock, the one that held it may have put a
// compacted file in its place.
func openFile(path string) (*bbolt.DB, error) {
	for {
		var file *os.File
		_, statErr := os.Stat(path)
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true,
			OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(name, flag, mode) //nolint:gosec // The operator's choice.
				return file, err
			},
		})
		switch {
		case errors.Is(err, berrors.ErrTimeout):
			return nil, ErrInUse
		case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		case err != nil:
			return nil, err
		}
		same, err := isAt(file, path)
		if err == nil && same && errors.Is(statErr, fs.ErrNotExist) {
			err = syncDir(path) // A new file is durable only with its name.
		}
		if err == nil && same {
			return db, nil
		}
		if err := errors.Join(err, db.Close()); err != nil {
			return nil, err
		}
	}
}

// isAt reports whether an open file is still the one at path.
func isAt(file *os.File, path string) (bool, error) {
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, there), err
}

// syncDir makes the names in path's directory durable.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // A directory can't be synchronized there.
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// room returns what is kept in memory of a room.
func (s *Store) room(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &room{name: name, dealer: newDealer()}
		s.rooms[name] = r
	}
	return r
}

// allRooms returns the rooms in memory, in no order.
func (s *Store) allRooms() []*room {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*room, 0, len(s.rooms))
	for _, r := range s.rooms {
		all = append(all, r)
	}
	return all
}

// now returns the clock's time in whole milliseconds, but never an earlier one
// than before. Across restarts each room's record remembers its own latest.
func (s *Store) now() time.Time {
	now := s.options.Now().UnixMilli()
	for {
		latest := s.latest.Load()
		if now <= latest {
			return time.UnixMilli(latest).UTC()
		}
		if s.latest.CompareAndSwap(latest, now) {
			return time.UnixMilli(now).UTC()
		}
	}
}

// Close finishes the verbs that are queued, writes the last positions dealt, so
// that the line continues without a hole, and closes the file. It returns why a
// hole of at most one block may be left, or nil. Later calls return the same.
func (s *Store) Close() error {
	if s.queue.close() {
		close(s.closing)
	}
	<-s.stopped
	return s.failed
}

// unavailable wraps why the store doesn't do something now.
func unavailable(err error) error {
	if errors.Is(err, waitingroom.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", waitingroom.ErrUnavailable, err)
}

// await waits for done, but no longer than the caller wants to.
func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}
