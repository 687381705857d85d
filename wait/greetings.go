package wait

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// maxTabs is how many new browsers from one place may be the tabs of one. More
// are a crowd behind one address, which nobody is to wait for.
const maxTabs = 64

// maxResting is how many tabs a node keeps waiting at once. They are requests under
// way, by the number of which a node sees that it is overloaded and sheds polls, and
// anybody can make up new browsers that never come back.
const maxResting = 256

// greetings tells the tabs of one new browser from a browser that is alone. It
// remembers for a second from where new browsers came, as far as it has room:
// what is overwritten is forgotten, and then a browser counts as alone. It is
// safe for concurrent use.
type greetings struct {
	began   time.Time
	resting atomic.Int64
	slots   [1 << slotBits]atomic.Uint64
}

// slotBits is how many bits of the hash choose the slot. Others of its bits stand
// in the slot, to tell most of those apart that share it.
const slotBits = 16

// greeting is what a slot holds, in 64 bits.
type greeting struct {
	hash uint64 // 13 bits
	// row is how many came, each within a second of the one before, and away how
	// many of them have not returned yet; 7 bits each, and no more than fit.
	row, away uint64
	// beside is 1 if the last one came while another was away.
	beside uint64
	at     int64 // When the last one came, in milliseconds since began; 36 bits.
}

const (
	hashBits, countBits, besideBits, timeBits = 13, 7, 1, 36

	maxCount    = 1<<countBits - 1
	besideShift = timeBits
	awayShift   = besideShift + besideBits
	rowShift    = awayShift + countBits
	hashShift   = rowShift + countBits
)

func newGreetings() *greetings { return &greetings{began: time.Now()} }

func (g *greetings) now() int64 { return time.Since(g.began).Milliseconds() & (1<<timeBits - 1) }

func pack(s greeting) uint64 {
	return s.hash<<hashShift | s.row<<rowShift | s.away<<awayShift | s.beside<<besideShift | uint64(s.at)
}

func unpack(v uint64) greeting {
	return greeting{
		hash: v >> hashShift, row: v >> rowShift & maxCount, away: v >> awayShift & maxCount,
		beside: v >> besideShift & 1, at: int64(v & (1<<timeBits - 1)),
	}
}

// change replaces what is known of a place by what change makes of it, which is
// given nothing if the last one came too long ago.
func (g *greetings) change(from Whence, change func(greeting) greeting) {
	number := binary.BigEndian.Uint64(from[:])
	slot, hash := &g.slots[number%(1<<slotBits)], number>>(64-hashBits)
	for {
		old := slot.Load()
		known := unpack(old)
		// Another one may be noted at this moment, and so a little later.
		if known.hash != hash || g.now()-known.at > besides.Milliseconds() {
			known = greeting{}
		}
		next := change(known)
		if next == known || next == (greeting{}) {
			return
		}
		next.hash = hash
		if slot.CompareAndSwap(old, pack(next)) {
			return
		}
	}
}

// note notes that a new browser came.
func (g *greetings) note(from Whence) {
	g.change(from, func(s greeting) greeting {
		return greeting{
			row: min(s.row+1, maxCount), away: min(s.away+1, maxCount), beside: min(s.away, 1), at: g.now(),
		}
	})
}

// recent reports whether one came a moment ago.
func (g *greetings) recent(from Whence) (recent bool) {
	g.change(from, func(s greeting) greeting {
		recent = s != greeting{}
		return s
	})
	return recent
}

// returned notes that one of them came back, and reports whether it seems to be
// one of several tabs.
func (g *greetings) returned(from Whence) (tabs bool) {
	g.change(from, func(s greeting) greeting {
		tabs = s.row > 1 && s.row <= maxTabs
		if s.away > 0 {
			s.away--
		}
		return s
	})
	return tabs
}

// rest keeps a tab until the cookies have settled, or for so long that they should
// have. If too many wait already it reports false, at once.
func (g *greetings) rest(ctx context.Context, settled func() bool) bool {
	defer g.resting.Add(-1)
	if g.resting.Add(1) > maxResting {
		return false
	}
	for end, over := time.Now().Add(settleMost), false; !over && time.Now().Before(end); over = settled() {
		select {
		case <-time.After(settleStep):
		case <-ctx.Done():
			return true // Nobody is there any more.
		}
	}
	return true
}

// settled reports whether all of them have come back, and no new one for a while
// if they came side by side, so that a browser keeps the cookies that it has; or
// whether nobody can know.
func (g *greetings) settled(from Whence) bool {
	settled := true
	g.change(from, func(s greeting) greeting {
		young := s.beside == 1 && g.now()-s.at < quiet.Milliseconds()
		settled = s == greeting{} || s.row > maxTabs || s.away == 0 && !young
		return s
	})
	return settled
}
