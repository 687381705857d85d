package waitingroom_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// newSecrets returns the master secrets of an installation, told apart by n.
func newSecrets(t *testing.T, n ...byte) *waitingroom.Secrets {
	t.Helper()
	var masters [][]byte
	for _, b := range n {
		masters = append(masters, bytes.Repeat([]byte{b}, waitingroom.MinSecretSize))
	}
	secrets, err := waitingroom.NewSecrets(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

var minutes = waitingroom.Settings{PositionTTL: 15 * time.Minute, SessionTTL: time.Hour, SessionMax: 4 * time.Hour}

// start runs an engine with one room, "sale", on a store.
func start(t *testing.T, store waitingroom.Store, inlet waitingroom.Inlet) *waitingroom.Room {
	t.Helper()
	engine, err := waitingroom.New(waitingroom.Options{
		Store: store, Secrets: newSecrets(t, 1), Revision: 1,
		Rooms: []waitingroom.RoomConfig{{ID: "sale", Inlet: inlet, Settings: minutes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Stop)
	room, err := engine.Room("sale")
	if err != nil {
		t.Fatal(err)
	}
	return room
}

func join(t *testing.T, room *waitingroom.Room) waitingroom.Ticket {
	t.Helper()
	ticket, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneBrowser})
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// lossy is a store whose replies get lost: the call has its effect, and the
// caller is told that it may not have.
type lossy struct {
	waitingroom.Store
	lose atomic.Int64 // How many of the next replies are lost.
	down atomic.Bool  // True while nothing answers, and nothing has an effect.
}

func (s *lossy) lost(err error) error {
	if s.lose.Add(-1) >= 0 {
		return waitingroom.ErrUnavailable
	}
	return err
}

func (s *lossy) Advance(ctx context.Context, room string, a waitingroom.Advance) (int64, waitingroom.Counters, error) {
	if s.down.Load() {
		return 0, waitingroom.Counters{}, waitingroom.ErrUnavailable
	}
	first, c, err := s.Store.Advance(ctx, room, a)
	if err := s.lost(err); err != nil {
		return 0, waitingroom.Counters{}, err
	}
	return first, c, nil
}

func (s *lossy) Counters(ctx context.Context, room string) (waitingroom.Counters, error) {
	if s.down.Load() {
		return waitingroom.Counters{}, waitingroom.ErrUnavailable
	}
	return s.Store.Counters(ctx, room)
}

func (s *lossy) Claim(ctx context.Context, room string, claim waitingroom.Claim) (waitingroom.Session, waitingroom.Counters, error) {
	session, c, err := s.Store.Claim(ctx, room, claim)
	if err := s.lost(err); err != nil {
		return waitingroom.Session{}, waitingroom.Counters{}, err
	}
	return session, c, nil
}

func (s *lossy) Serve(ctx context.Context, room string, order waitingroom.Serve) (waitingroom.Counters, error) {
	c, err := s.Store.Serve(ctx, room, order)
	if err := s.lost(err); err != nil {
		return waitingroom.Counters{}, err
	}
	return c, nil
}

func TestJoinsThatArriveTogetherGetEachPositionOnce(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	const visitors = 2000
	positions := make([]int64, visitors)
	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() {
			ticket, err := room.Join(context.Background(), waitingroom.Join{Lane: waitingroom.LaneAPI})
			if err != nil {
				t.Error(err)
			}
			positions[i] = ticket.Position
		})
	}
	all.Wait()
	seen := make(map[int64]bool)
	for _, p := range positions {
		if p < 1 || p > visitors || seen[p] {
			t.Fatalf("position %d was dealt twice, or is out of 1 to %d", p, visitors)
		}
		seen[p] = true
	}
}

// A reply that is lost after the store dealt the positions must neither deal
// them twice nor leave a hole.
func TestALostReplyToAJoinDealsThePositionOnce(t *testing.T) {
	store := &lossy{Store: memstore.New(time.Now)}
	room := start(t, store, waitingroom.Inlet{})
	first := join(t, room)
	store.lose.Store(2)
	second := join(t, room)
	third := join(t, room)
	if first.Position != 1 || second.Position != 2 || third.Position != 3 {
		t.Errorf("positions are %d, %d, %d, want 1, 2, 3", first.Position, second.Position, third.Position)
	}
}

func TestALostReplyToAnOrderServesOnce(t *testing.T) {
	store := &lossy{Store: memstore.New(time.Now)}
	room := start(t, store, waitingroom.Inlet{})
	store.lose.Store(1)
	c, err := room.Serve(t.Context(), 7)
	if err != nil || c.Serving != 7 {
		t.Errorf("serving is %d, %v, want 7", c.Serving, err)
	}
}

func TestAStoreThatStaysAwayIsUnavailableAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lossy{Store: memstore.New(time.Now)}
		room := start(t, store, waitingroom.Inlet{})
		join(t, room)
		store.down.Store(true)
		if _, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneBrowser}); !errors.Is(err, waitingroom.ErrUnavailable) {
			t.Errorf("join gives %v, want ErrUnavailable", err)
		}
		time.Sleep(time.Second)
		if room.Healthy() == nil {
			t.Error("the room says it is healthy while the store is away")
		}
		if dealt := room.Counters().Dealt; dealt != 1 {
			t.Errorf("the last known state was forgotten: dealt is %d", dealt)
		}
		store.down.Store(false)
		time.Sleep(time.Second)
		if err := room.Healthy(); err != nil {
			t.Errorf("the room is not healthy again: %v", err)
		}
		if p := join(t, room).Position; p != 2 {
			t.Errorf("position after the outage is %d, want 2", p)
		}
	})
}

func TestParallelTabsOfOneBrowserTakeOnePlace(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	browser := waitingroom.Join{Lane: waitingroom.LaneBrowser, Browser: [16]byte{1}}
	var first waitingroom.Ticket
	for i := range 50 {
		ticket, err := room.Join(t.Context(), browser)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = ticket
		}
		if ticket != first {
			t.Fatalf("tab %d got place %d, the first got %d", i, ticket.Position, first.Position)
		}
	}
	browser.Dead = first.ID
	ticket, err := room.Join(t.Context(), browser)
	if err != nil || ticket.Position != 2 {
		t.Errorf("after its place died the browser got %d, %v, want 2", ticket.Position, err)
	}
}

func TestABrowsersPlaceIsRememberedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
		browser := waitingroom.Join{Lane: waitingroom.LaneBrowser, Browser: [16]byte{1}}
		for _, step := range []struct {
			after time.Duration
			want  int64
		}{{0, 1}, {59 * time.Second, 1}, {2 * time.Second, 2}} {
			time.Sleep(step.after)
			if ticket, err := room.Join(t.Context(), browser); err != nil || ticket.Position != step.want {
				t.Errorf("after %v more: position %d, %v, want %d", step.after, ticket.Position, err, step.want)
			}
		}
	})
}

func TestTheFloodLimitStopsOneAddressAndNoOther(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	from := func(address string) error {
		_, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI, From: netip.MustParseAddr(address)})
		return err
	}
	var flood *waitingroom.FloodError
	for range 1000 {
		if err := from("2001:db8:0:1::7"); err != nil {
			if !errors.As(err, &flood) || !errors.Is(err, waitingroom.ErrTooMany) || flood.RetryAfter <= 0 {
				t.Fatalf("the refusal is %v", err)
			}
			break
		}
	}
	if flood == nil {
		t.Fatal("1000 joins at once from one address were not limited")
	}
	if err := from("2001:db8:0:1::8"); err == nil {
		t.Error("another address of the same /64 is not limited")
	}
	for _, other := range []string{"2001:db8:0:2::7", "203.0.113.9", "127.0.0.1", "::1"} {
		if err := from(other); err != nil {
			t.Errorf("%s is limited: %v", other, err)
		}
	}
	for range 2000 {
		if err := from("127.0.0.1"); err != nil {
			t.Fatalf("loopback is limited: %v", err)
		}
	}
}

func TestAPeriodicInletFlowsEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := start(t, memstore.New(time.Now), waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 600, Every: time.Minute})
		for range 1000 {
			join(t, room)
		}
		last := room.Counters().Serving
		if last != 0 {
			t.Errorf("a new room lets %d in before any time has passed", last)
		}
		time.Sleep(time.Second)
		last = room.Counters().Serving
		for second := range 30 {
			time.Sleep(time.Second)
			serving := room.Counters().Serving
			if step := serving - last; step < 9 || step > 11 {
				t.Errorf("second %d let %d in, want 10", second, step)
			}
			last = serving
		}
	})
}

// A quiet hour must not save up an hour's worth of places: the crowd that comes
// then would pass through at once.
func TestAPeriodicInletDoesNotRunFarAheadOfTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := start(t, memstore.New(time.Now), waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 10, Every: time.Second})
		time.Sleep(time.Hour)
		if serving := room.Counters().Serving; serving != 10 {
			t.Errorf("after a quiet hour the counter is at %d, want 10", serving)
		}
		for range 500 {
			join(t, room)
		}
		time.Sleep(time.Second)
		if serving := room.Counters().Serving; serving > 30 {
			t.Errorf("one second after the crowd came the counter is at %d, want at most 30", serving)
		}
	})
}

func TestARoomIsClosedOutsideItsHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opens := time.Now().Add(time.Hour)
		room := start(t, memstore.New(time.Now), waitingroom.Inlet{
			Kind: waitingroom.InletPeriodic, Add: 10, Every: time.Second, Start: opens, End: opens.Add(time.Hour),
		})
		try := func(phase waitingroom.Phase, want error) {
			t.Helper()
			if got := room.Phase(); got != phase {
				t.Errorf("phase is %v, want %v", got, phase)
			}
			if _, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI}); !errors.Is(err, want) {
				t.Errorf("join gives %v, want %v", err, want)
			}
		}
		try(waitingroom.PhaseBefore, waitingroom.ErrClosed)
		time.Sleep(time.Hour)
		try(waitingroom.PhaseOpen, nil)
		time.Sleep(time.Hour)
		try(waitingroom.PhaseAfter, waitingroom.ErrClosed)
		serving := room.Counters().Serving
		time.Sleep(time.Minute)
		if after := room.Counters().Serving; after != serving {
			t.Errorf("the counter moved from %d to %d after the end", serving, after)
		}
	})
}

func TestAnOpenRoomServesEverybodyAtOnceAndCounts(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{Kind: waitingroom.InletOpen})
	for want := int64(1); want <= 3; want++ {
		ticket := join(t, room)
		s, err := room.Standing(t.Context(), ticket)
		if err != nil || ticket.Position != want || s.State != waitingroom.StateServed {
			t.Errorf("position %d is %q, %v, want %d served", ticket.Position, s.State, err, want)
		}
	}
}

func TestAPlaceIsClaimedOnceAndSpentAfterwards(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	ctx, ticket := t.Context(), join(t, room)
	claim := waitingroom.Claim{Ticket: ticket, Holder: [32]byte{1}}
	if _, err := room.Claim(ctx, claim); !errors.Is(err, waitingroom.ErrNotServed) {
		t.Errorf("claiming above the counter gives %v, want ErrNotServed", err)
	}
	if _, err := room.Serve(ctx, 1); err != nil {
		t.Fatal(err)
	}
	first, err := room.Claim(ctx, claim)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := room.Claim(ctx, claim); err != nil || again.Admitted != first.Admitted {
		t.Errorf("claiming again gives %v, %v, want the same session", again, err)
	}
	copied := claim
	copied.Holder = [32]byte{2}
	if _, err := room.Claim(ctx, copied); !errors.Is(err, waitingroom.ErrHeld) {
		t.Errorf("a copied place gives %v, want ErrHeld", err)
	}
	if err := room.End(ctx, ticket.ID, waitingroom.StatusCompleted, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Claim(ctx, claim); !errors.Is(err, waitingroom.ErrSpent) {
		t.Errorf("claiming after the end gives %v, want ErrSpent", err)
	}
}

func TestALostReplyToAClaimFindsTheSession(t *testing.T) {
	store := &lossy{Store: memstore.New(time.Now)}
	room := start(t, store, waitingroom.Inlet{Kind: waitingroom.InletOpen})
	ticket := join(t, room)
	store.lose.Store(1)
	if _, err := room.Claim(t.Context(), waitingroom.Claim{Ticket: ticket}); err != nil {
		t.Fatal(err)
	}
	c, err := store.Counters(t.Context(), "sale")
	if err != nil || c.Admitted != 1 || c.Alive != 1 {
		t.Errorf("admitted %d, alive %d, %v, want 1 and 1", c.Admitted, c.Alive, err)
	}
}

func TestAResetEndsTheLine(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	ctx, ticket := t.Context(), join(t, room)
	proof := room.Prove(ticket, 0)
	if _, err := room.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := room.Verify(ctx, proof); !errors.Is(err, waitingroom.ErrLineEnded) {
		t.Errorf("an old proof gives %v, want ErrLineEnded", err)
	}
	if _, err := room.Ticket(ctx, ticket.ID, waitingroom.LaneBrowser); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Errorf("an old request ID gives %v, want ErrUnknownTicket", err)
	}
	if p := join(t, room).Position; p != 1 {
		t.Errorf("the next line starts at %d, want 1", p)
	}
}

// A store that was restored from a backup taken before a reset learns of the
// reset from the first place that proves it.
func TestAProofOfALaterGenerationIsEvidenceOfTheReset(t *testing.T) {
	newer := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	if _, err := newer.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	join(t, newer)
	proof := newer.Prove(join(t, newer), 0)

	older := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	if _, _, err := older.Verify(t.Context(), proof); !errors.Is(err, waitingroom.ErrLineAhead) {
		t.Errorf("the first look gives %v, want ErrLineAhead", err)
	}
	ticket, _, err := older.Verify(t.Context(), proof)
	if err != nil || ticket.Position != 2 {
		t.Errorf("the second look gives position %d, %v, want 2", ticket.Position, err)
	}
	if p := join(t, older).Position; p != 3 {
		t.Errorf("the next position is %d, want 3", p)
	}
}

// A store that lost writes learns from a ticket what it had dealt, and deals
// it to nobody else.
func TestATicketAboveTheLastDealtIsEvidence(t *testing.T) {
	before := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	var ticket waitingroom.Ticket
	for range 5 {
		ticket = join(t, before)
	}
	after := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	if got, err := after.Ticket(t.Context(), ticket.ID, waitingroom.LaneBrowser); err != nil || got != ticket {
		t.Errorf("the ticket opens as %v, %v, want %v", got, err, ticket)
	}
	if p := join(t, after).Position; p != 6 {
		t.Errorf("the next position is %d, want 6", p)
	}
}

func TestATicketFarAboveTheLineIsRefused(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	far := waitingroom.NewTickets(newSecrets(t, 1), "sale", 0).Deal(waitingroom.LaneBrowser, 1<<24+1, time.Now())
	if _, err := room.Ticket(t.Context(), far.ID, waitingroom.LaneBrowser); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Errorf("the ticket gives %v, want ErrUnknownTicket", err)
	}
}

func TestEachDoorTakesItsOwnLane(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	ticket := join(t, room)
	if _, err := room.Ticket(t.Context(), ticket.ID, waitingroom.LaneAPI); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Errorf("a browser's ID at the API door gives %v, want ErrUnknownTicket", err)
	}
	api, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Ticket(t.Context(), api.ID, waitingroom.LaneAPI); err != nil {
		t.Errorf("an ID of the API at its own door gives %v", err)
	}
	// Not even with a proof, which the API never gives.
	if _, _, err := room.Verify(t.Context(), room.Prove(api, 0)); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Errorf("an ID of the API at the browser's door gives %v, want ErrUnknownTicket", err)
	}
}

func TestAForeignMasterSecretRefusesToStart(t *testing.T) {
	store := memstore.New(time.Now)
	engine := func(secrets ...byte) error {
		e, err := waitingroom.New(waitingroom.Options{Store: store, Secrets: newSecrets(t, secrets...)})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Stop()
		return e.Start(t.Context())
	}
	if err := engine(1); err != nil {
		t.Fatal(err)
	}
	if err := engine(2); !errors.Is(err, waitingroom.ErrForeignSecret) {
		t.Errorf("a foreign secret gives %v, want ErrForeignSecret", err)
	}
	if err := engine(2, 1); err != nil {
		t.Errorf("a newer secret beside the known one gives %v", err)
	}
	if err := engine(2); err != nil {
		t.Errorf("the newer secret alone, after a start with both, gives %v", err)
	}
	if err := engine(1); !errors.Is(err, waitingroom.ErrForeignSecret) {
		t.Errorf("the older secret alone, after a start with both, gives %v, want ErrForeignSecret", err)
	}
}

func TestNewReportsEveryFaultOfTheRooms(t *testing.T) {
	_, err := waitingroom.New(waitingroom.Options{Store: memstore.New(time.Now), Secrets: newSecrets(t, 1), Rooms: []waitingroom.RoomConfig{
		{ID: "Sale", Settings: minutes},
		{ID: "a", Settings: minutes, Inlet: waitingroom.Inlet{Kind: waitingroom.InletPeriodic}},
		{ID: "a", Settings: minutes, Inlet: waitingroom.Inlet{Kind: "tidal"}},
		{ID: "b"},
	}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`room "Sale"`, "1,000,000", "100 ms", "configured twice", "tidal", "session times"} {
		if !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("the error doesn't say %q:\n%v", want, err)
		}
	}
}

// A counter that jumps must not leave visitors behind who come back only after
// their window has closed.
func TestNobodyMissesATurnBetweenTwoPolls(t *testing.T) {
	settings := minutes
	settings.PositionTTL = 8 * time.Second
	engine, err := waitingroom.New(waitingroom.Options{
		Store: memstore.New(time.Now), Secrets: newSecrets(t, 1),
		Rooms: []waitingroom.RoomConfig{{ID: "sale", Settings: settings}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Stop)
	room, err := engine.Room("sale")
	if err != nil {
		t.Fatal(err)
	}
	if got := room.Pace(join(t, room)).PollAfter; got > 2*time.Second {
		t.Errorf("with a window of 8 s the next poll is after %v", got)
	}
}
