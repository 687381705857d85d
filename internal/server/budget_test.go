package server

import (
	"testing"
	"time"
)

// Anybody can send authorization requests that are too long for a URL; they
// must not fill the disk.
func TestLongRequestsAreKeptWithinABudgetThatRecovers(t *testing.T) {
	var b budget
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	until := noon.Add(time.Hour)
	for i := range maxKept >> 20 {
		if !b.take(1<<20, noon, until) {
			t.Fatalf("request %d is refused", i)
		}
	}
	if b.take(1, noon, until) {
		t.Error("more is kept than the budget allows")
	}
	if b.take(1, until.Add(-time.Millisecond), until.Add(time.Hour)) {
		t.Error("what is still kept has been forgotten")
	}
	if !b.take(maxKept, until, until.Add(time.Hour)) {
		t.Error("what has expired still counts")
	}
}
