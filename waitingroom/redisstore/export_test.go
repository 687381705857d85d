package redisstore

import (
	"strconv"
	"time"
)

// Advised adds to an error what an operator can do about it.
func Advised(err error) error { return advised(err) }

// SetClock lets a test turn the clock that scripts see.
func (s *Store) SetClock(now func() time.Time) {
	s.clock = func() string { return strconv.FormatInt(now().UnixMilli(), 10) }
}

// SetWindow sets for how long a store that has lost something waits for nodes that
// may know more.
func (s *Store) SetWindow(d time.Duration) { s.window = d }
