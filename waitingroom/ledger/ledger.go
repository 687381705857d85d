package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Rows is the part of a room's state that is too large for the record. A
// store gives the ledger its rows within one atomic step. Failures are the
// store's to remember and to report when it commits.
type Rows interface {
	// Get returns the value under key, or nil. The caller doesn't change it,
	// nor keep it beyond the next call.
	Get(key []byte) []byte
	// Put stores a value; the callee copies both.
	Put(key, value []byte)
	// Delete removes a key, if it is there.
	Delete(key []byte)
	// Remind makes Due return key once now has reached at.
	Remind(at time.Time, key []byte)
	// Due returns at most limit keys whose time has come, earliest first, and
	// forgets them. Keys may repeat.
	Due(now time.Time, limit int) [][]byte
	// Clear removes all rows and reminders.
	Clear()
}

// A Rise says that the frontier reached Upto at a time, in milliseconds since
// 1970.
type Rise struct {
	Upto int64 `json:"u"`
	At   int64 `json:"t"`
}

// Record is the small part of a room's state.
type Record struct {
	Now        int64                `json:"now"` // latest store time seen, ms
	Generation int64                `json:"gen"`
	Sequence   uint64               `json:"seq"`
	Version    uint64               `json:"ver"`
	Revision   int64                `json:"rev"`
	Settings   waitingroom.Settings `json:"set"`
	Dealt      int64                `json:"dealt"`
	Serving    int64                `json:"serving"`
	Epoch      uint64               `json:"epoch"`
	Frontier   int64                `json:"frontier"`
	Expired    int64                `json:"expired"`
	Accounted  int64                `json:"accounted"` // bits set in (Expired, Frontier]
	Alive      int64                `json:"alive"`
	Admitted   int64                `json:"admitted"`
	Missed     int64                `json:"missed"`
	// Sealed is the last position dealt while places lived for ever: up to it a
	// set bit alone says that a place is spent.
	Sealed     int64            `json:"sealed,omitempty"`
	Anchor     int64            `json:"anchor"` // ms, 0 before the inlet's first step
	Holder     waitingroom.OpID `json:"holder"`
	Fence      uint64           `json:"fence"`
	LeaseUntil int64            `json:"lease"` // ms
	// Ops are the latest operators' orders, oldest first.
	Ops []waitingroom.OpID `json:"ops,omitempty"`
	Log []Rise             `json:"log,omitempty"`
}

// rememberedOps is how many operators' orders are kept to recognise a
// repeated one. Operators give a few a minute.
const rememberedOps = 64

// Clone returns a copy that shares nothing with r.
func (r *Record) Clone() *Record {
	c := *r
	c.Ops = slices.Clone(r.Ops)
	c.Log = slices.Clone(r.Log)
	return &c
}

// A Ledger applies verbs to a room's state.
type Ledger struct {
	*Record
	rows Rows
}

// Open returns the ledger of a record and its rows at time now. Time is made
// monotone: it never runs behind the latest that the record has seen.
func Open(r *Record, rows Rows, now time.Time) *Ledger {
	r.Now = max(r.Now, now.UnixMilli())
	return &Ledger{Record: r, rows: rows}
}

// Time returns the room's time.
func (l *Ledger) Time() time.Time { return time.UnixMilli(l.Now).UTC() }

// Counters returns the record as the store's callers see it.
func (l *Ledger) Counters() waitingroom.Counters { return l.View(l.Dealt, l.Time()) }

// View returns the counters as they are at a time at which positions up to
// dealt have arrived, for a store that knows more arrivals than it has written
// into the record. It reads no rows: a position above r.Dealt can't have been
// claimed, and the frontier rises from no lower, because an open room serves
// all that were dealt.
func (r *Record) View(dealt int64, now time.Time) waitingroom.Counters {
	serving, frontier := r.Serving, r.Frontier
	if dealt = max(dealt, r.Dealt); dealt > r.Dealt {
		if r.Settings.Open {
			serving = max(serving, dealt)
		}
		frontier = max(frontier, min(serving, dealt))
	}
	c := waitingroom.Counters{
		Now: time.UnixMilli(max(r.Now, now.UnixMilli())).UTC(), Generation: r.Generation, Sequence: r.Sequence,
		Version: r.Version, Revision: r.Revision, Dealt: dealt, Serving: serving, Epoch: r.Epoch, Expired: r.Expired,
		Alive: r.Alive, Admitted: r.Admitted, Missed: r.Missed, Unclaimed: max(0, frontier-r.Expired-r.Accounted),
	}
	if r.Anchor != 0 {
		c.Anchor = time.UnixMilli(r.Anchor).UTC()
	}
	return c
}

// changed notes that a verb had an effect.
func (l *Ledger) changed() { l.Sequence++ }

// Arrive notes that positions up to dealt have been dealt. A lower value than
// the record's is no news.
func (l *Ledger) Arrive(dealt int64) {
	if dealt <= l.Dealt {
		return
	}
	l.Dealt = dealt
	if l.Settings.Open {
		l.Serving = max(l.Serving, dealt)
	}
	l.rise()
	l.refill()
}

// Deal deals n positions in a row and returns the first, or an error of [Next].
func (l *Ledger) Deal(n int) (first int64, err error) {
	upto, err := Next(l.Dealt, n)
	if err != nil {
		return 0, err
	}
	first = l.Dealt + 1
	l.Arrive(upto)
	return first, nil
}

// maxAdvance is the most positions that one call can ask for.
const maxAdvance = 10_000

// Next returns the last position of the next n after dealt, or
// [waitingroom.ErrExhausted]. An n that isn't between 1 and 10,000 is an error, too.
func Next(dealt int64, n int) (upto int64, err error) {
	if n < 1 || n > maxAdvance {
		return 0, fmt.Errorf("advance by %d: not between 1 and %d", n, maxAdvance)
	}
	if upto = dealt + int64(n); upto > waitingroom.MaxPosition {
		return 0, waitingroom.ErrExhausted
	}
	return upto, nil
}

// rise moves the frontier up to where serving and dealt have gone, and logs
// when.
func (l *Ledger) rise() {
	frontier := min(l.Serving, l.Dealt)
	if frontier <= l.Frontier {
		return
	}
	l.Accounted += l.count(max(l.Frontier, l.Expired), frontier)
	l.Frontier = frontier
	ttl := l.Settings.PositionTTL
	if ttl == 0 || frontier <= l.Expired {
		return
	}
	bucket := max(time.Second, ttl/1000).Milliseconds()
	if n := len(l.Log); n > 0 && l.Log[n-1].At/bucket == l.Now/bucket {
		l.Log[n-1] = Rise{Upto: frontier, At: l.Now}
		return
	}
	l.Log = append(l.Log, Rise{Upto: frontier, At: l.Now})
}

// refill sets the serving counter of a room with a capacity, at the end of each
// step that changed anything: those alive, those who were served and haven't
// come, and those whom the counter would let pass at once make up the capacity.
// Nobody who was served is sent back, also if the capacity was lowered.
func (l *Ledger) refill() {
	if l.Settings.Capacity == 0 {
		return
	}
	// A rise may pass positions that were claimed already, before the counter was
	// moved back. They need no slot, so the next ones get theirs.
	for {
		free := l.Settings.Capacity - l.Alive - l.unclaimed()
		serving := min(l.Frontier+max(free, 0), waitingroom.MaxPosition)
		if serving == l.Serving {
			return
		}
		if serving < l.Serving {
			// A lower counter needs a new epoch, or what other nodes remember of the
			// higher one would count for more.
			l.Epoch++
		}
		l.Serving = serving
		l.Version++
		l.changed()
		l.rise()
	}
}

// unclaimed returns how many positions may be claimed now and have not been.
func (l *Ledger) unclaimed() int64 { return max(0, l.Frontier-l.Expired-l.Accounted) }

// fall moves the frontier down after a backward move of the serving counter.
func (l *Ledger) fall() {
	frontier := min(l.Serving, l.Dealt)
	if frontier >= l.Frontier {
		return
	}
	l.Accounted -= l.count(max(frontier, l.Expired), max(l.Frontier, l.Expired))
	l.Frontier = frontier
	// The entry that covers the new frontier now ends there.
	n, _ := slices.BinarySearchFunc(l.Log, frontier, riseAt)
	if n < len(l.Log) && frontier > l.Expired {
		l.Log[n].Upto = frontier
		n++
	}
	l.Log = l.Log[:n]
}

func riseAt(r Rise, position int64) int { return cmp.Compare(r.Upto, position) }

// window returns when the claim window of a served position closes, the zero
// time for never, and whether it is open now.
func (l *Ledger) window(position int64) (until time.Time, open bool) {
	if position <= l.Expired {
		return time.Time{}, false
	}
	if l.Settings.PositionTTL == 0 {
		return time.Time{}, true
	}
	n, _ := slices.BinarySearchFunc(l.Log, position, riseAt)
	if n == len(l.Log) {
		// Nothing says when it was served: the settings changed since.
		return l.Time().Add(l.Settings.PositionTTL), true
	}
	until = time.UnixMilli(l.Log[n].At).Add(l.Settings.PositionTTL).UTC()
	return until, !l.Time().After(until)
}

// Serve moves the serving counter.
func (l *Ledger) Serve(s waitingroom.Serve) error {
	if s.Lease != (waitingroom.Lease{}) {
		if s.Lease.Holder != l.Holder || s.Lease.Fence != l.Fence || l.Now >= l.LeaseUntil || s.Version != l.Version {
			return waitingroom.ErrConflict
		}
	} else if !l.once(s.Op) {
		return nil
	}
	// An order beyond all positions must not overflow into a move backwards.
	target := l.Serving + min(max(s.By, -waitingroom.MaxPosition), waitingroom.MaxPosition)
	if s.To != nil {
		target = *s.To
	}
	target = l.within(target)
	if l.Settings.Capacity != 0 {
		// Each step ends with a full house already, so there is nothing to add;
		// and what an operator took away would be filled in the same step.
		target = l.Serving
	}
	if !s.Anchor.IsZero() {
		l.Anchor = s.Anchor.UnixMilli()
	}
	l.changed()
	l.Version++
	switch {
	case target > l.Serving:
		l.Serving = target
		l.rise()
	case target < l.Serving:
		l.Serving = target
		l.Epoch++
		l.fall()
	}
	return nil
}

// within returns the value nearest to serving that the counter can have: no
// position beyond those that exist, and in an open room nobody waits.
func (l *Ledger) within(serving int64) int64 {
	least := int64(0)
	if l.Settings.Open {
		least = l.Dealt
	}
	return min(max(serving, least), waitingroom.MaxPosition)
}

// once reports whether an operator's order is new, and remembers it.
func (l *Ledger) once(op waitingroom.OpID) bool {
	if slices.Contains(l.Ops, op) {
		return false
	}
	l.Ops = append(l.Ops, op)
	if extra := len(l.Ops) - rememberedOps; extra > 0 {
		l.Ops = slices.Delete(l.Ops, 0, extra)
	}
	return true
}

// Reset empties the room and starts a generation that was never used: the
// time in milliseconds, or one more than the last if that is higher.
func (l *Ledger) Reset(op waitingroom.OpID, expected int64) error {
	if slices.Contains(l.Ops, op) {
		return nil
	}
	if l.Generation != expected {
		return waitingroom.ErrConflict
	}
	l.begin(max(l.Generation+1, l.Now))
	l.once(op)
	return nil
}

// begin starts a generation with nothing in it.
func (l *Ledger) begin(generation int64) {
	l.rows.Clear()
	*l.Record = Record{
		Now: l.Now, Generation: generation, Sequence: l.Sequence, Version: l.Version + 1,
		Revision: l.Revision, Settings: l.Settings, Ops: l.Ops,
		Holder: l.Holder, Fence: l.Fence, LeaseUntil: l.LeaseUntil,
	}
	l.changed()
	l.refill()
}

// Settle merges what a node knows by maximum.
func (l *Ledger) Settle(f waitingroom.Floors) {
	before := *l.Record
	if f.Generation > l.Generation {
		l.begin(f.Generation)
	}
	if f.Generation == l.Generation {
		l.Arrive(min(f.Dealt, waitingroom.MaxPosition))
		if f.Epoch > l.Epoch || f.Epoch == l.Epoch && f.Serving > l.Serving {
			l.Epoch = f.Epoch
			l.Serving = l.within(f.Serving)
			l.Version++
			l.fall()
			l.rise()
		}
		l.refill()
	}
	if l.Generation != before.Generation || l.Dealt != before.Dealt || l.Serving != before.Serving || l.Epoch != before.Epoch {
		l.changed()
	}
}

// Configure applies settings unless a later revision is in force.
func (l *Ledger) Configure(revision int64, s waitingroom.Settings) {
	if revision < l.Revision || revision == l.Revision && s == l.Settings {
		return
	}
	hadWindows := l.Settings.PositionTTL != 0
	l.Revision, l.Settings = revision, s
	switch {
	case s.PositionTTL == 0:
		l.Log = nil
	case !hadWindows:
		// The rows of sessions that ended while places lived for ever are gone,
		// also those of positions above a counter that moved backwards since.
		l.Sealed = l.Dealt
		if l.Frontier > l.Expired {
			// What was served meanwhile gets a whole window from now.
			l.Log = []Rise{{Upto: l.Frontier, At: l.Now}}
		}
	}
	if s.Open && l.Serving < l.Dealt {
		l.Serving = l.Dealt
		l.Version++
		l.rise()
	}
	l.refill()
	l.changed()
}
