package load

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// An agenda knows which visitor is due next.
type agenda struct {
	wake chan struct{} // Holds one token once somebody is due earlier than before.

	mu  sync.Mutex // Guards due.
	due byTime
}

func newAgenda() *agenda { return &agenda{wake: make(chan struct{}, 1)} }

// add puts a visitor on the agenda, for v.due.
func (a *agenda) add(v *visitor) {
	a.mu.Lock()
	heap.Push(&a.due, v)
	first := a.due[0] == v
	a.mu.Unlock()
	if first {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// take returns a visitor who is due at now, or nil and when the next one will be.
func (a *agenda) take(now time.Duration) (v *visitor, next time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.due) == 0 {
		return nil, Never
	}
	if a.due[0].due > now {
		return nil, a.due[0].due
	}
	return heap.Pop(&a.due).(*visitor), 0
}

// rest waits until a time of the run, or somebody is added who is due earlier. It
// reports whether ctx has not ended.
func (a *agenda) rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-a.wake:
	case <-timer.C:
	}
	return true
}

// byTime is a heap of visitors, the one due first on top.
type byTime []*visitor

// Len implements [heap.Interface], as do the others.
func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].due < h[j].due }
func (h byTime) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byTime) Push(v any)        { *h = append(*h, v.(*visitor)) }
func (h *byTime) Pop() any {
	old := *h
	v := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return v
}
