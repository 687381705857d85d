package ledger_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// rows is a plain [ledger.Rows] for tests, without reminders: what comes due is
// the business of the suite for stores.
type rows map[string][]byte

func (r rows) Get(key []byte) []byte             { return r[string(key)] }
func (r rows) Put(key, value []byte)             { r[string(key)] = slices.Clone(value) }
func (r rows) Delete(key []byte)                 { delete(r, string(key)) }
func (r rows) Remind(time.Time, []byte)          {}
func (r rows) Due(time.Time, int) (due [][]byte) { return due }
func (r rows) Clear()                            { clear(r) }

func newLedger(set waitingroom.Settings) *ledger.Ledger {
	l := ledger.Open(&ledger.Record{}, rows{}, noon)
	l.Configure(1, set)
	return l
}

// serve moves the counter to a value by an operator's order.
func serve(t *testing.T, l *ledger.Ledger, to int64) {
	t.Helper()
	op := waitingroom.OpID{0: byte(l.Version), 1: byte(l.Version >> 8), 2: byte(l.Version >> 16), 15: 1}
	if err := l.Serve(waitingroom.Serve{To: &to, Op: op}); err != nil {
		t.Fatal(err)
	}
}

// TestTheLogStaysSmall checks the bound that the record's size rests on: it is
// written with each batch.
func TestTheLogStaysSmall(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, 15 * time.Minute, 24 * time.Hour} {
		record := &ledger.Record{}
		ledger.Open(record, rows{}, noon).Configure(1, waitingroom.Settings{PositionTTL: ttl, SessionTTL: time.Hour})
		step := max(ttl/10_000, 100*time.Millisecond)
		longest := 0
		for now := noon; now.Before(noon.Add(3 * ttl)); now = now.Add(step) {
			l := ledger.Open(record, rows{}, now)
			l.Arrive(l.Dealt + 3)
			serve(t, l, l.Serving+2)
			l.Sweep(1000)
			longest = max(longest, len(l.Log))
		}
		encoded, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if longest > 1100 || len(encoded) > 64<<10 {
			t.Errorf("position_ttl %v: the log grew to %d entries, the record to %d bytes", ttl, longest, len(encoded))
		}
	}
}

func TestTheBitmapCountsWhatWasSet(t *testing.T) {
	l := newLedger(waitingroom.Settings{SessionTTL: time.Hour})
	l.Arrive(5 * ledger.ChunkBits)
	serve(t, l, 5*ledger.ChunkBits)
	set := make(map[int64]bool)
	for _, position := range []int64{
		1, 7, 8, 9, ledger.ChunkBits - 1, ledger.ChunkBits, ledger.ChunkBits + 1, 3*ledger.ChunkBits + 5, 5 * ledger.ChunkBits,
	} {
		set[position] = true
	}
	for range 300 {
		set[1+rand.Int64N(5*ledger.ChunkBits)] = true
	}
	for position := range set {
		l.Account(position)
	}
	if l.Accounted != int64(len(set)) {
		t.Errorf("accounted for %d, want %d", l.Accounted, len(set))
	}
	for range 300 {
		after := rand.Int64N(5 * ledger.ChunkBits)
		upto := rand.Int64N(5*ledger.ChunkBits + 1)
		want := int64(0)
		for position := range set {
			if position > after && position <= upto {
				want++
			}
		}
		if got := l.Count(after, upto); got != want {
			t.Errorf("(%d, %d]: got %d, want %d", after, upto, got, want)
		}
	}
}

func TestTheBitmapForgetsWhatHasExpired(t *testing.T) {
	stored := rows{}
	record := &ledger.Record{}
	l := ledger.Open(record, stored, noon)
	l.Configure(1, waitingroom.Settings{PositionTTL: time.Minute, SessionTTL: time.Hour})
	l.Arrive(10 * ledger.ChunkBits)
	serve(t, l, 10*ledger.ChunkBits)
	for chunk := range int64(10) {
		l.Account(chunk*ledger.ChunkBits + 100)
	}
	if len(stored) != 10 {
		t.Fatalf("got %d rows, want 10", len(stored))
	}
	l = ledger.Open(record, stored, noon.Add(time.Hour))
	swept := l.Sweep(10)
	// The row that the next position lies in stays.
	if want := int64(10*ledger.ChunkBits - 10); swept.Places != want || len(stored) > 1 {
		t.Errorf("swept %+v and left %d rows, want %d places and at most one row", swept, len(stored), want)
	}
}

// TestAViewAheadOfTheRecordIsTheRecordOnceTheyHaveArrived checks the shortcut
// by which a store counts arrivals that it hasn't written down.
func TestAViewAheadOfTheRecordIsTheRecordOnceTheyHaveArrived(t *testing.T) {
	for name, test := range map[string]struct {
		settings waitingroom.Settings
		serving  int64
	}{
		"a counter behind":       {waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour}, 5},
		"a counter ahead":        {waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour}, 15},
		"a counter far ahead":    {waitingroom.Settings{SessionTTL: time.Hour}, 1000},
		"an open room":           {waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour, Open: true}, 0},
		"an open room far ahead": {waitingroom.Settings{SessionTTL: time.Hour, Open: true}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(test.settings)
			l.Arrive(10)
			serve(t, l, test.serving)
			if _, err := l.Claim(waitingroom.Claim{Ticket: waitingroom.Ticket{Position: 3}}); err != nil {
				t.Fatal(err)
			}
			for _, dealt := range []int64{0, 9, 10, 11, 20, 500} {
				view := l.View(dealt, noon)
				arrived := ledger.Open(l.Clone(), rows{}, noon)
				arrived.Arrive(dealt)
				if diff := cmp.Diff(arrived.Counters(), view); diff != "" {
					t.Errorf("dealt %d (-arrived +view):\n%s", dealt, diff)
				}
			}
		})
	}
}

func TestARecordSurvivesItsStorage(t *testing.T) {
	l := newLedger(waitingroom.Settings{PositionTTL: time.Minute, SessionTTL: time.Hour, SessionMax: 4 * time.Hour, Open: true})
	l.Arrive(10)
	serve(t, l, 15)
	if _, err := l.Lease(waitingroom.OpID{1, 2, 3}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := l.Reset(waitingroom.OpID{9}, 0); err != nil {
		t.Fatal(err)
	}
	l.Arrive(20)
	encoded, err := json.Marshal(l.Record)
	if err != nil {
		t.Fatal(err)
	}
	var got ledger.Record
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*l.Record, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAClonedRecordSharesNothing(t *testing.T) {
	l := newLedger(waitingroom.Settings{PositionTTL: time.Minute, SessionTTL: time.Hour})
	l.Arrive(10)
	serve(t, l, 5)
	before := l.Clone()
	clone := l.Clone()
	c := ledger.Open(clone, rows{}, noon.Add(100*time.Millisecond))
	serve(t, c, 8) // Merges into the log's entry.
	serve(t, c, 2) // Cuts it off.
	if diff := cmp.Diff(before, l.Record); diff != "" {
		t.Errorf("working on a clone changed the record (-want +got):\n%s", diff)
	}
}

// TestNoTicketIsDealtThatCannotBe checks the bounds of a call for positions.
func TestNoTicketIsDealtThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		dealt int64
		n     int
		upto  int64
		ok    bool
	}{
		{0, 1, 1, true},
		{0, 10_000, 10_000, true},
		{0, 10_001, 0, false},
		{0, 0, 0, false},
		{5, -1, 0, false},
		{waitingroom.MaxPosition - 3, 3, waitingroom.MaxPosition, true},
		{waitingroom.MaxPosition - 3, 4, 0, false},
		{waitingroom.MaxPosition, 1, 0, false},
	} {
		upto, err := ledger.Next(test.dealt, test.n)
		if upto != test.upto || (err == nil) != test.ok {
			t.Errorf("%d after %d: got %d, error %v, want %d", test.n, test.dealt, upto, err, test.upto)
		}
	}
}
