package demo_test

import (
	"testing"

	"github.com/anteroom-dev/anteroom/internal/demo"
)

// TestShelf shows that the shop's memory is bounded however many visitors come
// and go, as the demo may run for days.
func TestShelf(t *testing.T) {
	shelf := demo.NewShelf[int](2)
	first, second := shelf.Put(1), shelf.Put(2)
	if got, ok := shelf.Get(first); !ok || got != 1 {
		t.Errorf("the first value is %d, %v, want 1, true", got, ok)
	}
	third := shelf.Put(3)
	if got, ok := shelf.Get(first); ok {
		t.Errorf("the first value is still there as %d, though the shelf holds two", got)
	}
	if got, ok := shelf.Take(second); !ok || got != 2 {
		t.Errorf("the second value is %d, %v, want 2, true", got, ok)
	}
	if got, ok := shelf.Take(second); ok {
		t.Errorf("the second value was taken twice, as %d", got)
	}
	shelf.Put(4)
	if got, ok := shelf.Get(third); !ok || got != 3 {
		t.Errorf("the third value is %d, %v, want 3, true", got, ok)
	}
}
