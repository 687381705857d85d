package waitingroom_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// The invariants of the package's comment, one test each. Each says which change
// of the code makes it fail. Faults, crashes and concurrency are in storetest.

// Fails if a store forgets a node's last Advance, or the engine counts its calls
// on before it repeats one.
func TestI1NoTwoVisitorsHoldOnePosition(t *testing.T) {
	store := &lossy{Store: memstore.New(time.Now)}
	nodes := []*waitingroom.Room{start(t, store, waitingroom.Inlet{}), start(t, store, waitingroom.Inlet{})}
	seen := make(map[int64]bool)
	rapid.Check(t, func(rt *rapid.T) {
		store.lose.Store(rapid.Int64Range(0, 1).Draw(rt, "replies lost"))
		position := join(t, nodes[rapid.IntRange(0, 1).Draw(rt, "node")]).Position
		if seen[position] || position != int64(len(seen))+1 {
			rt.Fatalf("position %d is dealt after %d", position, len(seen))
		}
		seen[position] = true
	})
}

// Fails if the position isn't a part of the ticket, or a node's own memory is.
func TestI2APositionNeverChanges(t *testing.T) {
	store := memstore.New(time.Now)
	before := start(t, store, waitingroom.Inlet{})
	join(t, before)
	ticket := join(t, before)
	if _, err := before.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	after := start(t, store, waitingroom.Inlet{}) // A restart, or another node.
	for name, room := range map[string]*waitingroom.Room{"the node": before, "another": after} {
		got, _, err := room.Verify(t.Context(), before.Prove(ticket, 0))
		if err != nil || got != ticket {
			t.Errorf("%s finds %+v, %v, want %+v", name, got, err, ticket)
		}
	}
}

// Fails if a claim compares with the positions dealt instead of those served, or
// with >= instead of >.
func TestI3NobodyAboveTheCounterGetsIn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
		dealt := rapid.IntRange(1, 20).Draw(rt, "dealt")
		serving := rapid.Int64Range(0, 25).Draw(rt, "serving")
		var tickets []waitingroom.Ticket
		for range dealt {
			tickets = append(tickets, join(t, room))
		}
		if _, err := room.Serve(t.Context(), serving); err != nil {
			rt.Fatal(err)
		}
		for _, ticket := range tickets {
			_, err := room.Claim(t.Context(), waitingroom.Claim{Ticket: ticket})
			if served := ticket.Position <= serving; served && err != nil || !served && !errors.Is(err, waitingroom.ErrNotServed) {
				rt.Errorf("position %d at counter %d: %v", ticket.Position, serving, err)
			}
		}
	})
}

// Fails if a store doesn't mark a code as taken, or compares client, binding or
// life no more.
func TestI4ACodeIsRedeemedOnceByItsOwnClient(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	room := start(t, memstore.New(func() time.Time { return now }), waitingroom.Inlet{Kind: waitingroom.InletOpen})
	ticket := join(t, room)
	for n, late := range []time.Duration{0, time.Minute + time.Millisecond} {
		code := waitingroom.Code{Hash: [32]byte{byte(n)}, Login: [16]byte{byte(n)}, Client: "shop", Binding: [32]byte{9}, Life: time.Minute}
		if _, err := room.Claim(t.Context(), waitingroom.Claim{Ticket: ticket, Code: &code}); err != nil {
			t.Fatal(err)
		}
		take := func(client string, binding [32]byte) error {
			_, err := room.TakeCode(t.Context(), waitingroom.TakeCode{
				Hash: code.Hash, Client: client, Binding: binding, Op: waitingroom.NewOpID(),
			})
			return err
		}
		if err := take("blog", code.Binding); !errors.Is(err, waitingroom.ErrNoSession) {
			t.Errorf("another client: %v", err)
		}
		if err := take("shop", [32]byte{8}); !errors.Is(err, waitingroom.ErrNoSession) {
			t.Errorf("another verifier: %v", err)
		}
		now = now.Add(late)
		err := take("shop", code.Binding)
		if late > 0 {
			if !errors.Is(err, waitingroom.ErrNoSession) {
				t.Errorf("after its life: %v", err)
			}
			continue
		}
		if again := take("shop", code.Binding); err != nil || !errors.Is(again, waitingroom.ErrReplayed) {
			t.Errorf("the first time: %v; the second: %v", err, again)
		}
	}
}

// Fails if a ticket above the last position dealt is refused, or taken without
// telling the store.
func TestI5AFlushedStoreLosesNoPlace(t *testing.T) {
	before := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	join(t, before)
	proof := before.Prove(join(t, before), 0)
	after := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	ticket, _, err := after.Verify(t.Context(), proof)
	if err != nil || ticket.Position != 2 {
		t.Fatalf("the place is now at %d, %v", ticket.Position, err)
	}
	if next := join(t, after); next.Position != 3 {
		t.Errorf("a newcomer is at %d, want 3", next.Position)
	}
}

// Fails if a claim doesn't look at the capacity and the refill counts those who
// were served no more.
func TestI6TheCapacityHoldsOnAllNodes(t *testing.T) {
	const capacity = 5
	store, inlet := memstore.New(time.Now), waitingroom.Inlet{Kind: waitingroom.InletCapacity, Max: capacity}
	nodes := []*waitingroom.Room{start(t, store, inlet), start(t, store, inlet)}
	var all sync.WaitGroup
	for i := range 40 {
		ticket := join(t, nodes[i%2])
		claim := waitingroom.Claim{Ticket: ticket}
		if i%3 == 0 {
			claim.Reserve = &waitingroom.Reservation{Op: waitingroom.NewOpID()} // Takes a slot as well.
		}
		all.Go(func() {
			_, _ = nodes[i%2].Claim(context.Background(), claim)
			c, err := store.Counters(context.Background(), "sale")
			if err != nil || c.Alive > capacity {
				t.Errorf("%d are alive, %v", c.Alive, err)
			}
		})
	}
	all.Wait()
	if c, err := store.Counters(t.Context(), "sale"); err != nil || c.Alive != capacity {
		t.Errorf("%d are alive in the end, %v, want %d", c.Alive, err, capacity)
	}
}

// Fails if the engine logs a ticket as it is. The other secrets' tests are beside
// their packages.
func TestI7TheLogHasNoRequestID(t *testing.T) {
	var log bytes.Buffer
	secrets := newSecrets(t, 1)
	engine, err := waitingroom.New(waitingroom.Options{
		Store: memstore.New(time.Now), Secrets: secrets, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Rooms: []waitingroom.RoomConfig{{ID: "sale", Settings: minutes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	room, err := engine.Room("sale")
	if err != nil {
		t.Fatal(err)
	}
	far := waitingroom.NewTickets(secrets, "sale", 0).Deal(waitingroom.LaneBrowser, 1<<30, time.Now())
	if _, _, err := room.Verify(t.Context(), room.Prove(far, 0)); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Fatalf("a ticket far ahead gives %v", err)
	}
	if text := log.String(); text == "" || strings.Contains(text, far.ID.String()) || strings.Contains(text, room.Prove(far, 0)) {
		t.Errorf("the log says %q", text)
	}
}

// Fails if the 56 zero bits of a ticket or the MAC of a proof are checked no more.
func TestI8BadInputIsRefusedAndLosesNothing(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{})
	good := room.Prove(join(t, room), 0)
	rapid.Check(t, func(rt *rapid.T) {
		bad := []byte(good)
		at := rapid.IntRange(0, len(bad)-1).Draw(rt, "at")
		bad[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "change"))
		for _, input := range []string{string(bad), good[:at], rapid.String().Draw(rt, "junk")} {
			if _, _, err := room.Verify(t.Context(), input); !errors.Is(err, waitingroom.ErrBrokenProof) {
				rt.Fatalf("proof %q gives %v", input, err)
			}
		}
		id := waitingroom.RequestID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "ID"))
		if _, err := room.Ticket(t.Context(), id, waitingroom.LaneAPI); !errors.Is(err, waitingroom.ErrUnknownTicket) {
			rt.Fatalf("ID %v gives %v", id, err)
		}
	})
	if ticket, _, err := room.Verify(t.Context(), good); err != nil || ticket.Position != 1 || room.Counters().Dealt != 1 {
		t.Errorf("afterwards the place is %+v, %v, and %d are dealt", ticket, err, room.Counters().Dealt)
	}
}

// Fails if a reservation that has lapsed is taken for none: a visitor could keep
// a turn for ever by coming late again and again.
func TestI9AReservationIsThePlacesOneSession(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	room := start(t, memstore.New(func() time.Time { return now }), waitingroom.Inlet{Kind: waitingroom.InletOpen})
	ticket := join(t, room)
	reserve := waitingroom.Claim{Ticket: ticket, Reserve: &waitingroom.Reservation{Op: waitingroom.NewOpID()}}
	s, err := room.Claim(t.Context(), reserve)
	if err != nil {
		t.Fatal(err)
	}
	now = s.Expires
	for _, claim := range []waitingroom.Claim{reserve, {Ticket: ticket}} {
		if _, err := room.Claim(t.Context(), claim); !errors.Is(err, waitingroom.ErrExpired) {
			t.Errorf("after the reservation lapsed, a claim gives %v", err)
		}
	}
}

// Fails if a claim takes a session that has ended for none.
func TestI9APlaceIsGoodForOneSession(t *testing.T) {
	room := start(t, memstore.New(time.Now), waitingroom.Inlet{Kind: waitingroom.InletOpen})
	ticket := join(t, room)
	if _, err := room.Claim(t.Context(), waitingroom.Claim{Ticket: ticket}); err != nil {
		t.Fatal(err)
	}
	if err := room.End(t.Context(), ticket.ID, waitingroom.StatusCompleted, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Claim(t.Context(), waitingroom.Claim{Ticket: ticket}); !errors.Is(err, waitingroom.ErrSpent) {
		t.Errorf("the second claim gives %v", err)
	}
	if again := join(t, room); again.Position <= ticket.Position {
		t.Errorf("coming again gives position %d", again.Position)
	}
}
