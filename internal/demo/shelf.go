package demo

import (
	"crypto/rand"
	"sync"
)

// A shelf keeps values under random names that nobody can guess. It holds so
// many, and drops the oldest for the newest. It is safe for concurrent use.
type shelf[T any] struct {
	mu     sync.Mutex // Guards the rest.
	values map[string]T
	order  []string // A ring of names; some may be gone from values.
	next   int      // Where the oldest name of the ring is.
}

func newShelf[T any](size int) *shelf[T] {
	return &shelf[T]{values: make(map[string]T), order: make([]string, size)}
}

// put keeps a value and returns its name.
func (s *shelf[T]) put(value T) string {
	name := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, s.order[s.next])
	s.order[s.next] = name
	s.next = (s.next + 1) % len(s.order)
	s.values[name] = value
	return name
}

// get returns the value of a name.
func (s *shelf[T]) get(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[name]
	return value, ok
}

// take returns the value of a name, once.
func (s *shelf[T]) take(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[name]
	delete(s.values, name)
	return value, ok
}
