package storetest

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func vaultTests() []test {
	return []test{
		{"what is kept first stands", keepFirst},
		{"one of many that keep at once wins, and all learn which", keepRaces},
		{"what is kept lives as long as it was said", keepLives},
		{"what is kept changes only for those who know it", swaps},
		{"of many that swap at once one wins, and all learn which", swapRaces},
		{"a swap leaves a value its life", swapLives},
		{"values of any size up to a mebibyte and any content are kept", keepAnything},
	}
}

func (s *site) keep(name, value string, life time.Duration) string {
	s.Helper()
	kept, err := s.Store.Keep(s.Context(), name, []byte(value), life)
	s.must(err)
	return string(kept)
}

// kept returns what is kept under name; ok is false if nothing is.
func (s *site) kept(name string) (value string, ok bool) {
	s.Helper()
	kept, err := s.Store.Kept(s.Context(), name)
	if err != nil {
		s.same("value with an error", len(kept), 0)
		s.isNotKept(err)
	}
	return string(kept), err == nil
}

func keepFirst(s *site) {
	if value, ok := s.kept("key"); ok {
		s.Errorf("an empty store keeps %q", value)
	}
	s.same("kept", s.keep("key", "first", 0), "first")
	s.same("kept", s.keep("key", "second", 0), "first")
	s.same("another", s.keep("other", "second", 0), "second")
	value, _ := s.kept("key")
	s.same("kept", value, "first")
	s.Tick(10_000 * time.Hour)
	s.sweep()
	value, _ = s.kept("key")
	s.same("kept for ever", value, "first")

	// Who got a value may do with it what they like.
	kept, err := s.Store.Kept(s.Context(), "key")
	s.must(err)
	clear(kept)
	value, _ = s.kept("key")
	s.same("kept", value, "first")
}

func keepRaces(s *site) {
	const nodes = 8
	results := make([]string, nodes)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			kept, err := s.Store.Keep(s.Context(), "key", []byte{byte(i)}, 0)
			if err != nil {
				s.Error(err)
			}
			results[i] = string(kept)
		})
	}
	wg.Wait()
	for _, result := range results {
		s.same("kept", result, results[0])
	}
}

func keepLives(s *site) {
	s.keep("short", "a", time.Minute)
	s.keep("long", "b", time.Hour)
	s.Tick(time.Minute - time.Millisecond)
	value, _ := s.kept("short")
	s.same("kept", value, "a")
	s.Tick(time.Millisecond)
	if _, ok := s.kept("short"); ok {
		s.Error("kept beyond its life")
	}
	s.same("kept anew", s.keep("short", "c", time.Hour), "c")
	s.sweep()
	value, _ = s.kept("short")
	s.same("kept anew, after a sweep", value, "c")
	value, _ = s.kept("long")
	s.same("kept", value, "b")
	s.Tick(time.Hour)
	s.sweep()
	for _, name := range []string{"short", "long"} {
		if _, ok := s.kept(name); ok {
			s.Errorf("%s is kept beyond its life", name)
		}
	}
}

// swap swaps the value under "key".
func (s *site) swap(old, value string) string {
	s.Helper()
	kept, err := s.Store.Swap(s.Context(), "key", []byte(old), []byte(value))
	s.must(err)
	return string(kept)
}

func swaps(s *site) {
	_, err := s.Store.Swap(s.Context(), "key", nil, []byte("x"))
	s.isNotKept(err)
	s.keep("key", "first", 0)
	s.same("kept, as nobody knew it", s.swap("other", "second"), "first")
	s.same("swapped", s.swap("first", "second"), "second")
	s.same("swapped again after a lost reply", s.swap("first", "second"), "second")
	s.same("kept, as it has changed meanwhile", s.swap("first", "third"), "second")
	value, _ := s.kept("key")
	s.same("kept", value, "second")
	s.same("swapped for an empty one", s.swap("second", ""), "")
	s.same("swapped for the first", s.swap("", "first"), "first")
}

func swapRaces(s *site) {
	const nodes = 8
	s.keep("key", "first", 0)
	results := make([]string, nodes)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			kept, err := s.Store.Swap(s.Context(), "key", []byte("first"), []byte{byte(i)})
			if err != nil {
				s.Error(err)
			}
			results[i] = string(kept)
		})
	}
	wg.Wait()
	value, _ := s.kept("key")
	for _, result := range results {
		s.same("kept", result, value)
	}
}

func swapLives(s *site) {
	s.keep("key", "first", time.Minute)
	s.Tick(30 * time.Second)
	s.swap("first", "second")
	s.Tick(30 * time.Second)
	_, err := s.Store.Swap(s.Context(), "key", []byte("second"), []byte("third"))
	s.isNotKept(err)
	s.sweep()
	if _, ok := s.kept("key"); ok {
		s.Error("swapped, and kept beyond its life")
	}
}

func keepAnything(s *site) {
	large := string(bytes.Repeat([]byte{0, 0xff, '\n'}, 1<<20/3))
	for name, value := range map[string]string{"empty": "", "zero": "\x00", "large": large, "name with spaces/and ☃": "x"} {
		s.same("kept", s.keep(name, value, time.Hour), value)
		kept, ok := s.kept(name)
		if !ok || kept != value {
			s.Errorf("%s: got %d bytes, kept %v, want %d bytes", name, len(kept), ok, len(value))
		}
	}
}

func (s *site) isNotKept(err error) {
	s.Helper()
	if !errors.Is(err, waitingroom.ErrNotKept) {
		s.Fatalf("error: got %v, want %v", err, waitingroom.ErrNotKept)
	}
}
