// Package storetest says what every [waitingroom.Store] must do, as tests that
// a store's own test calls:
//
//	func TestStore(t *testing.T) { storetest.Run(t, open) }
//
// [Run] checks each promise of the interface's comments, [Random] compares a
// store step by step with a reference, [Faults] lets each call of a visitor's life
// fail in every way, [Concurrent] checks what happens at the same time, and
// [Benchmark] measures the verbs that a
// crowd uses.
package storetest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// A Fixture is a store under test, and the ways to do to it what happens to a
// store in the course of its life.
type Fixture struct {
	// Store is empty at first. Who opened it closes it at the end of the test.
	Store waitingroom.Store
	// Tick turns the store's clock, back if d is negative.
	Tick func(d time.Duration)
	// Reopen closes the store and opens it again. It is nil if the store can't
	// outlive its process.
	Reopen func(t testing.TB) waitingroom.Store
}

// Run checks all promises of a store. It calls open for each of its tests.
func Run(t *testing.T, open func(t testing.TB) Fixture) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Line", lineTests()},
		{"Serving", servingTests()},
		{"Windows", windowTests()},
		{"Capacity", capacityTests()},
		{"Lives", lifeTests()},
		{"Claims", claimTests()},
		{"Reservations", reservationTests()},
		{"Sessions", sessionTests()},
		{"Codes", codeTests()},
		{"Grants", grantTests()},
		{"Vault", vaultTests()},
		{"Pruning", pruneTests()},
		{"LostReplies", lostReplyTests()},
		{"Reopening", reopenTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.run(newSite(t, open(t))) })
			}
		})
	}
}

// A test is one promise and how to check it.
type test struct {
	name string
	run  func(*site)
}

// The rules of a site unless its test sets others.
const (
	positionTTL = 15 * time.Minute
	sessionTTL  = time.Hour
	sessionMax  = 4 * time.Hour
)

func usual() waitingroom.Settings {
	return waitingroom.Settings{PositionTTL: positionTTL, SessionTTL: sessionTTL, SessionMax: sessionMax}
}

func endless() waitingroom.Settings {
	return waitingroom.Settings{SessionTTL: sessionTTL, SessionMax: sessionMax}
}

// A site is a room of a fresh store with what a test needs around it. Its
// methods fail the test unless the verb succeeds.
type site struct {
	*testing.T
	Fixture
	room     string
	node     waitingroom.OpID
	seq      uint64 // Of the node's last Advance.
	ops      uint64 // Operations named so far.
	revision int64
}

// newSite returns a site whose room has the usual settings.
func newSite(t *testing.T, f Fixture) *site {
	s := &site{T: t, Fixture: f, room: "sale"}
	s.node = s.op()
	s.configure(usual())
	return s
}

// op names an operation that was not named before.
func (s *site) op() waitingroom.OpID {
	s.ops++
	return waitingroom.OpID(binary.BigEndian.AppendUint64([]byte("operatio"), s.ops))
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

// refused fails the test unless a verb was refused with want and returned the
// room's counters.
func (s *site) refused(got waitingroom.Counters, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("error: got %v, want %v", err, want)
	}
	s.same("counters of a refusal", got, s.counters())
}

// same fails the test unless got is want.
func (s *site) same(what string, got, want any) {
	s.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func (s *site) counters() waitingroom.Counters {
	s.Helper()
	c, err := s.Store.Counters(s.Context(), s.room)
	s.must(err)
	return c
}

func (s *site) configure(set waitingroom.Settings) waitingroom.Counters {
	s.Helper()
	s.revision++
	c, err := s.Store.Configure(s.Context(), s.room, s.revision, set)
	s.must(err)
	return c
}

// join deals n positions and returns the first.
func (s *site) join(n int) int64 {
	s.Helper()
	s.seq++
	first, _, err := s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.node, Seq: s.seq, N: n})
	s.must(err)
	return first
}

// serve sets the serving counter by an operator's order.
func (s *site) serve(to int64) waitingroom.Counters {
	s.Helper()
	c, err := s.Store.Serve(s.Context(), s.room, waitingroom.Serve{To: &to, Op: s.op()})
	s.must(err)
	return c
}

// sweep sweeps until nothing is left to do.
func (s *site) sweep() waitingroom.Swept {
	s.Helper()
	var sum waitingroom.Swept
	for range 10_000 {
		swept, _, err := s.Store.Sweep(s.Context(), s.room, 100)
		s.must(err)
		sum.Places += swept.Places
		sum.Sessions += swept.Sessions
		if !swept.More {
			return sum
		}
	}
	s.Fatal("sweeping doesn't end")
	return sum
}

func (s *site) reset() waitingroom.Counters {
	s.Helper()
	c, err := s.Store.Reset(s.Context(), s.room, s.op(), s.counters().Generation)
	s.must(err)
	return c
}

// ticket returns the ticket of a position in the room's present generation.
func (s *site) ticket(position int64) waitingroom.Ticket {
	s.Helper()
	return ticketOf(s.counters().Generation, position)
}

// ticketOf returns a ticket. Stores look at ID, generation and position only,
// so it needs no cipher.
func ticketOf(generation, position int64) waitingroom.Ticket {
	id := binary.BigEndian.AppendUint64(nil, uint64(generation))
	id = binary.BigEndian.AppendUint64(id, uint64(position))
	return waitingroom.Ticket{ID: waitingroom.RequestID(id), Generation: generation, Position: position}
}

// holder returns the hash of the n-th browser's session cookie.
func holder(n byte) [32]byte { return [32]byte{0: n, 31: 1} }

// claim takes up the turn of a position.
func (s *site) claim(position int64) waitingroom.Session {
	s.Helper()
	session, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position), Holder: holder(1)})
	s.must(err)
	return session
}

// claimRefused fails the test unless the claim of a position is refused with
// want and changes nothing.
func (s *site) claimRefused(position int64, want error) {
	s.Helper()
	before := s.counters()
	_, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position), Holder: holder(1)})
	s.refused(c, err, want)
	s.same("counters after a refused claim", c, before)
}

func (s *site) lookup(position int64) waitingroom.Standing {
	s.Helper()
	standing, _, err := s.Store.Lookup(s.Context(), s.room, s.ticket(position))
	s.must(err)
	return standing
}

// stands fails the test unless a position is in the state.
func (s *site) stands(position int64, want waitingroom.State) {
	s.Helper()
	if got := s.lookup(position).State; got != want {
		s.Fatalf("position %d: got state %q, want %q", position, got, want)
	}
}

func (s *site) end(position int64) {
	s.Helper()
	_, err := s.Store.End(s.Context(), s.room, s.ticket(position).ID, waitingroom.StatusCompleted, time.Time{})
	s.must(err)
}
