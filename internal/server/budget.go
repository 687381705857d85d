package server

import (
	"sync"
	"time"
)

// maxKept bounds, in bytes, the authorization requests that a node keeps in
// the store at a time. Anybody can send one that is too long for a URL, so
// without a bound anybody could fill the disk; ordinary ones need no room here.
const maxKept = 256 << 20

// A budget counts what is kept, and forgets it when its life is over.
type budget struct {
	mu   sync.Mutex // Guards the rest.
	used int
	kept []keptSize // Oldest first.
}

type keptSize struct {
	until time.Time
	size  int
}

// take reports whether size more bytes may be kept until a time.
func (b *budget) take(size int, now, until time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.kept) > 0 && !b.kept[0].until.After(now) {
		b.used -= b.kept[0].size
		b.kept = b.kept[1:]
	}
	if b.used+size > maxKept {
		return false
	}
	b.used += size
	b.kept = append(b.kept, keptSize{until, size})
	return true
}
