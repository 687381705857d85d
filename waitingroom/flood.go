package waitingroom

import (
	"net/netip"
	"sync"
	"time"
)

// The flood limit is generous, because a mobile network may hide thousands of
// people behind one IPv4 address: 20 joins a second in the long run, 500 at
// once.
const (
	floodEvery = time.Second / 20
	floodBurst = 500
	// floodTracked bounds the memory: addresses tracked at once.
	floodTracked = 1 << 16
)

// flood limits joins per client address by the generic cell rate algorithm:
// each address has one time, the one at which its allowance will be whole again.
// A join moves it by floodEvery, and may not move it further than
// floodBurst × floodEvery ahead of now.
type flood struct {
	mu    sync.Mutex // Guards whole.
	whole map[netip.Prefix]time.Time
}

// allow reports whether one more join from an address may pass, and if not,
// after how long to come again. Loopback is exempt.
func (f *flood) allow(from netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	from = from.Unmap()
	if !from.IsValid() || from.IsLoopback() {
		return 0, true
	}
	bits := 32
	if from.Is6() {
		bits = 64 // What a provider gives one household at least.
	}
	prefix, err := from.Prefix(bits)
	if err != nil {
		return 0, true // Not reached: the bits suit the address.
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	whole := f.whole[prefix]
	if whole.Before(now) {
		whole = now
	}
	whole = whole.Add(floodEvery)
	if excess := whole.Sub(now) - floodBurst*floodEvery; excess > 0 {
		return excess, false
	}
	if f.whole == nil {
		f.whole = make(map[netip.Prefix]time.Time)
	}
	if len(f.whole) >= floodTracked {
		f.forget(now)
	}
	f.whole[prefix] = whole
	return 0, true
}

// forget drops the addresses whose allowance is whole, and if there are none,
// any one.
func (f *flood) forget(now time.Time) {
	for prefix, whole := range f.whole {
		if !whole.After(now) {
			delete(f.whole, prefix)
		}
	}
	for prefix := range f.whole {
		if len(f.whole) < floodTracked {
			return
		}
		delete(f.whole, prefix)
	}
}
