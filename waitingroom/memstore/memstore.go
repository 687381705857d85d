// Package memstore is the store of a room that needn't outlive its process:
// for tests, demonstrations and rehearsals. It is also the reference that every
// other store is compared with.
package memstore

import (
	"bytes"
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// Store keeps all rooms in memory. It is safe for concurrent use.
type Store struct {
	now func() time.Time

	mu    sync.Mutex // Guards the rest.
	rooms map[string]*room
	kept  map[string]kept
}

var (
	_ waitingroom.Store  = (*Store)(nil)
	_ waitingroom.Pruner = (*Store)(nil)
)

type room struct {
	record *ledger.Record
	rows   rows
	nodes  map[waitingroom.OpID]dealt
}

// dealt is a node's last Advance.
type dealt struct {
	generation int64
	seq        uint64
	first      int64
}

type kept struct {
	value []byte
	until time.Time // Zero for ever.
}

// New returns an empty store whose time is now's.
func New(now func() time.Time) *Store {
	return &Store{now: now, rooms: make(map[string]*room), kept: make(map[string]kept)}
}

// Close frees nothing; what was stored is gone with the Store.
func (s *Store) Close() error { return nil }

// in runs a verb on a room's ledger as one atomic step.
func (s *Store) in(name string, verb func(*room, *ledger.Ledger) error) (waitingroom.Counters, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &room{record: &ledger.Record{}, rows: newRows(), nodes: make(map[waitingroom.OpID]dealt)}
		s.rooms[name] = r
	}
	l := ledger.Open(r.record, &r.rows, s.now())
	err := verb(r, l)
	return l.Counters(), err
}

// Counters implements [waitingroom.Line].
func (s *Store) Counters(_ context.Context, room string) (waitingroom.Counters, error) {
	return s.in(room, nothing)
}

func nothing(*room, *ledger.Ledger) error { return nil }

// Settle implements [waitingroom.Line].
func (s *Store) Settle(_ context.Context, name string, f waitingroom.Floors) (waitingroom.Counters, error) {
	return s.in(name, func(_ *room, l *ledger.Ledger) error {
		l.Settle(f)
		return nil
	})
}

// Advance implements [waitingroom.Line].
func (s *Store) Advance(_ context.Context, name string, a waitingroom.Advance) (int64, waitingroom.Counters, error) {
	var first int64
	c, err := s.in(name, func(r *room, l *ledger.Ledger) error {
		last := r.nodes[a.Node]
		if last.generation == l.Generation && a.Seq <= last.seq {
			if a.Seq < last.seq {
				return waitingroom.ErrConflict
			}
			first = last.first
			return nil
		}
		var err error
		if first, err = l.Deal(a.N); err != nil {
			return err
		}
		r.nodes[a.Node] = dealt{generation: l.Generation, seq: a.Seq, first: first}
		return nil
	})
	return first, c, err
}

// Serve implements [waitingroom.Line].
func (s *Store) Serve(_ context.Context, name string, order waitingroom.Serve) (waitingroom.Counters, error) {
	return s.in(name, func(_ *room, l *ledger.Ledger) error { return l.Serve(order) })
}

// Reset implements [waitingroom.Line].
func (s *Store) Reset(_ context.Context, name string, op waitingroom.OpID, expected int64) (waitingroom.Counters, error) {
	return s.in(name, func(_ *room, l *ledger.Ledger) error { return l.Reset(op, expected) })
}

// Configure implements [waitingroom.Line].
func (s *Store) Configure(_ context.Context, name string, revision int64, set waitingroom.Settings) (waitingroom.Counters, error) {
	return s.in(name, func(_ *room, l *ledger.Ledger) error {
		l.Configure(revision, set)
		return nil
	})
}

// Lease implements [waitingroom.Line].
func (s *Store) Lease(_ context.Context, name string, holder waitingroom.OpID, d time.Duration) (waitingroom.Lease, waitingroom.Counters, error) {
	var lease waitingroom.Lease
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) (err error) {
		lease, err = l.Lease(holder, d)
		return err
	})
	return lease, c, err
}

// Sweep implements [waitingroom.Line].
func (s *Store) Sweep(_ context.Context, name string, limit int) (waitingroom.Swept, waitingroom.Counters, error) {
	var swept waitingroom.Swept
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) error {
		swept = l.Sweep(limit)
		return nil
	})
	s.forget()
	return swept, c, err
}

// Claim implements [waitingroom.Sessions].
func (s *Store) Claim(_ context.Context, name string, claim waitingroom.Claim) (waitingroom.Session, waitingroom.Counters, error) {
	var session waitingroom.Session
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) (err error) {
		session, err = l.Claim(claim)
		return err
	})
	return session, c, err
}

// Lookup implements [waitingroom.Sessions].
func (s *Store) Lookup(_ context.Context, name string, t waitingroom.Ticket) (waitingroom.Standing, waitingroom.Counters, error) {
	var standing waitingroom.Standing
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) (err error) {
		standing, err = l.Lookup(t)
		return err
	})
	return standing, c, err
}

// Extend implements [waitingroom.Sessions].
func (s *Store) Extend(_ context.Context, name string, id waitingroom.RequestID, seen time.Time) (waitingroom.Session, waitingroom.Counters, error) {
	var session waitingroom.Session
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) (err error) {
		session, err = l.Extend(id, seen)
		return err
	})
	return session, c, err
}

// End implements [waitingroom.Sessions].
func (s *Store) End(_ context.Context, name string, id waitingroom.RequestID, status waitingroom.Status, holds time.Time) (waitingroom.Counters, error) {
	return s.in(name, func(_ *room, l *ledger.Ledger) error { return l.End(id, status, holds) })
}

// TakeCode implements [waitingroom.Sessions].
func (s *Store) TakeCode(_ context.Context, name string, t waitingroom.TakeCode) (waitingroom.Taken, waitingroom.Counters, error) {
	var taken waitingroom.Taken
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) (err error) {
		taken, err = l.TakeCode(t)
		return err
	})
	return taken, c, err
}

// Rotate implements [waitingroom.Sessions].
func (s *Store) Rotate(_ context.Context, name string, r waitingroom.Rotate) (waitingroom.Session, waitingroom.Grant, waitingroom.Counters, error) {
	var session waitingroom.Session
	var grant waitingroom.Grant
	c, err := s.in(name, func(_ *room, l *ledger.Ledger) (err error) {
		session, grant, err = l.Rotate(r)
		return err
	})
	return session, grant, c, err
}

// Revoke implements [waitingroom.Sessions].
func (s *Store) Revoke(_ context.Context, name string, id waitingroom.RequestID, grant uint64, holds time.Time) (waitingroom.Counters, error) {
	return s.in(name, func(_ *room, l *ledger.Ledger) error {
		l.Revoke(id, grant, holds)
		return nil
	})
}

// Prune implements [waitingroom.Pruner].
func (s *Store) Prune(_ context.Context, keep []string) (removed []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.rooms {
		if !slices.Contains(keep, name) {
			removed = append(removed, name)
			delete(s.rooms, name)
		}
	}
	slices.Sort(removed)
	return removed, nil
}

// Keep implements [waitingroom.Vault].
func (s *Store) Keep(_ context.Context, name string, value []byte, life time.Duration) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if k, ok := s.kept[name]; ok && (k.until.IsZero() || k.until.After(now)) {
		return slices.Clone(k.value), nil
	}
	k := kept{value: slices.Clone(value)}
	if life > 0 {
		k.until = now.Add(life)
	}
	s.kept[name] = k
	return slices.Clone(value), nil
}

// Kept implements [waitingroom.Vault].
func (s *Store) Kept(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[name]
	if !ok || !k.until.IsZero() && !k.until.After(s.now()) {
		return nil, waitingroom.ErrNotKept
	}
	return slices.Clone(k.value), nil
}

// Swap implements [waitingroom.Vault].
func (s *Store) Swap(_ context.Context, name string, old, value []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[name]
	if !ok || !k.until.IsZero() && !k.until.After(s.now()) {
		return nil, waitingroom.ErrNotKept
	}
	if bytes.Equal(k.value, old) {
		k.value = slices.Clone(value)
		s.kept[name] = k
	}
	return slices.Clone(k.value), nil
}

// forget drops the kept values whose life is over.
func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for name, k := range s.kept {
		if !k.until.IsZero() && !k.until.After(now) {
			delete(s.kept, name)
		}
	}
}

// rows implements [ledger.Rows] over a map and a heap of reminders.
type rows struct {
	values    map[string][]byte
	reminders reminders
	reminded  map[reminder]bool // What reminders holds.
}

func newRows() rows {
	return rows{values: make(map[string][]byte), reminded: make(map[reminder]bool)}
}

func (r *rows) Get(key []byte) []byte { return r.values[string(key)] }
func (r *rows) Put(key, value []byte) { r.values[string(key)] = slices.Clone(value) }
func (r *rows) Delete(key []byte)     { delete(r.values, string(key)) }
func (r *rows) Clear()                { *r = newRows() }

func (r *rows) Remind(at time.Time, key []byte) {
	next := reminder{at: at.UnixMilli(), key: string(key)}
	if !r.reminded[next] { // Equal ones are one, as in a store that keys them.
		r.reminded[next] = true
		heap.Push(&r.reminders, next)
	}
}

func (r *rows) Due(now time.Time, limit int) [][]byte {
	var keys [][]byte
	for len(keys) < limit && len(r.reminders) > 0 && r.reminders[0].at <= now.UnixMilli() {
		due := heap.Pop(&r.reminders).(reminder)
		delete(r.reminded, due)
		keys = append(keys, []byte(due.key))
	}
	return keys
}

type reminder struct {
	at  int64 // Milliseconds since 1970.
	key string
}

// reminders is a heap, earliest first; equal times in the order of their keys,
// so that every store takes them in the same order.
type reminders []reminder

func (r reminders) Len() int      { return len(r) }
func (r reminders) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *reminders) Push(x any)   { *r = append(*r, x.(reminder)) }

func (r reminders) Less(i, j int) bool {
	return r[i].at < r[j].at || r[i].at == r[j].at && r[i].key < r[j].key
}

func (r *reminders) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
