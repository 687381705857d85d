package waitingroom_test

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// masterSecret returns the n-th of some different master secrets.
func masterSecret(n byte) []byte {
	secret := make([]byte, waitingroom.MinSecretSize)
	secret[0] = n
	return secret
}

var entered = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func TestARequestIDHasExactlyOneSpelling(t *testing.T) {
	const good = "0123abcd-4567-89ef-0123-456789abcdef"
	id, err := waitingroom.ParseRequestID(good)
	if err != nil || id.String() != good {
		t.Errorf("%s: got %s, error %v", good, id, err)
	}
	for name, bad := range map[string]string{
		"nothing":           "",
		"capitals":          strings.ToUpper(good),
		"one capital":       good[:35] + "F",
		"no dashes":         strings.ReplaceAll(good, "-", ""),
		"a dash moved":      "0123abc-d4567-89ef-0123-456789abcdef",
		"a dash too many":   good[:35] + "-",
		"braces":            "{" + good + "}",
		"a prefix":          "urn:uuid:" + good,
		"one digit less":    good[:35],
		"one digit more":    good + "0",
		"a space before":    " " + good[:35],
		"a line break":      good[:35] + "\n",
		"another letter":    good[:35] + "g",
		"a byte above 127":  good[:35] + "\xff",
		"a zero byte":       good[:35] + "\x00",
		"a wide digit":      good[:33] + "１",
		"a megabyte of it":  strings.Repeat(good, 1<<20/len(good)),
		"a position":        "17",
		"a quote":           `"` + good[:34] + `"`,
		"dashes everywhere": strings.Repeat("-", 36),
	} {
		t.Run(name, func(t *testing.T) {
			if id, err := waitingroom.ParseRequestID(bad); !errors.Is(err, waitingroom.ErrUnknownTicket) || id != (waitingroom.RequestID{}) {
				t.Errorf("got %s, error %v, want %v", id, err, waitingroom.ErrUnknownTicket)
			}
		})
	}
}

func TestATicketOpensAsItWasDealt(t *testing.T) {
	tickets := waitingroom.NewTickets(secretsOf(t, masterSecret(1)), "sale", 7)
	for _, lane := range []waitingroom.Lane{waitingroom.LaneBrowser, waitingroom.LaneAPI, 7} {
		for _, position := range []int64{1, 2, 1<<27 - 1, 1 << 27, waitingroom.MaxPosition} {
			for _, at := range []time.Time{
				time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), entered, time.Date(2059, 1, 1, 0, 0, 0, 0, time.UTC),
			} {
				dealt := tickets.Deal(lane, position, at)
				want := waitingroom.Ticket{ID: dealt.ID, Generation: 7, Lane: lane, Position: position, Entered: at}
				if diff := cmp.Diff(want, dealt); diff != "" {
					t.Errorf("deal (-want +got):\n%s", diff)
				}
				got, err := tickets.Open(dealt.ID)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("open (-want +got):\n%s", diff)
				}
			}
		}
	}
}

func TestATimeBeforeTicketsBeganIsTheirBeginning(t *testing.T) {
	tickets := waitingroom.NewTickets(secretsOf(t, masterSecret(1)), "sale", 0)
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(math.MinInt32, 0)} {
		dealt := tickets.Deal(waitingroom.LaneBrowser, 5, at)
		got, err := tickets.Open(dealt.ID)
		if err != nil || got.Position != 5 || !got.Entered.Equal(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("entered %v: got %+v, error %v", at, got, err)
		}
	}
}

func TestATicketOpensNowhereElse(t *testing.T) {
	ours := secretsOf(t, masterSecret(1))
	ticket := waitingroom.NewTickets(ours, "sale", 7).Deal(waitingroom.LaneBrowser, 5, entered)
	for name, tickets := range map[string]*waitingroom.Tickets{
		"another room":          waitingroom.NewTickets(ours, "sales", 7),
		"an earlier generation": waitingroom.NewTickets(ours, "sale", 6),
		"a later generation":    waitingroom.NewTickets(ours, "sale", 8),
		// Without the lengths before them the room and the generation would
		// run into one another.
		"a room that ends like the generation": waitingroom.NewTickets(ours, "sale7", 0),
		"another master secret":                waitingroom.NewTickets(secretsOf(t, masterSecret(2)), "sale", 7),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := tickets.Open(ticket.ID); !errors.Is(err, waitingroom.ErrUnknownTicket) {
				t.Errorf("got %+v, error %v, want %v", got, err, waitingroom.ErrUnknownTicket)
			}
		})
	}
}

func TestAMadeUpRequestIDDoesNotOpen(t *testing.T) {
	tickets := waitingroom.NewTickets(secretsOf(t, masterSecret(1)), "sale", 0)
	ticket := tickets.Deal(waitingroom.LaneBrowser, 5, entered)
	for bit := range 128 { // Each neighbour of a true one.
		id := ticket.ID
		id[bit/8] ^= 1 << (bit % 8)
		if got, err := tickets.Open(id); !errors.Is(err, waitingroom.ErrUnknownTicket) {
			t.Errorf("bit %d: got %+v, error %v", bit, got, err)
		}
	}
	// A ticket for position 0 deciphers well, but there is no such place.
	if got, err := tickets.Open(tickets.DealWith(waitingroom.LaneBrowser, 0, entered, 1).ID); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Errorf("position 0: got %+v, error %v", got, err)
	}
}

func TestTwoTicketsForOnePositionInOneSecondDiffer(t *testing.T) {
	tickets := waitingroom.NewTickets(secretsOf(t, masterSecret(1)), "sale", 0)
	seen := make(map[waitingroom.RequestID]bool)
	for random := range 256 {
		seen[tickets.DealWith(waitingroom.LaneBrowser, 5, entered, byte(random)).ID] = true
	}
	if len(seen) != 128 {
		t.Errorf("7 random bits give %d tickets, want 128", len(seen))
	}
	clear(seen)
	for range 100 {
		seen[tickets.Deal(waitingroom.LaneBrowser, 5, entered).ID] = true
	}
	if len(seen) < 20 {
		t.Errorf("a hundred deals gave only %d tickets", len(seen))
	}
}

func TestTicketsOfAnOlderMasterSecretOpen(t *testing.T) {
	before := waitingroom.NewTickets(secretsOf(t, masterSecret(1)), "sale", 0)
	rotated := waitingroom.NewTickets(secretsOf(t, masterSecret(2), masterSecret(1)), "sale", 0)
	dropped := waitingroom.NewTickets(secretsOf(t, masterSecret(2)), "sale", 0)

	older := before.Deal(waitingroom.LaneBrowser, 5, entered)
	if got, err := rotated.Open(older.ID); err != nil || got != older {
		t.Errorf("under the older secret: got %+v, error %v", got, err)
	}
	newer := rotated.Deal(waitingroom.LaneBrowser, 6, entered)
	if got, err := dropped.Open(newer.ID); err != nil || got != newer {
		t.Errorf("new tickets are made under the newest secret: got %+v, error %v", got, err)
	}
	if _, err := dropped.Open(older.ID); !errors.Is(err, waitingroom.ErrUnknownTicket) {
		t.Errorf("under a secret that was dropped: got error %v", err)
	}
}

func FuzzParseRequestID(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.RequestID)
		f.Add(strings.ToUpper(v.RequestID))
	}
	f.Add("")
	f.Add("00000000-0000-0000-0000-000000000000")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := waitingroom.ParseRequestID(s)
		switch {
		case err != nil && !errors.Is(err, waitingroom.ErrUnknownTicket):
			t.Errorf("%q: got error %v", s, err)
		case err == nil && id.String() != s:
			t.Errorf("%q is read, but written as %q", s, id)
		}
	})
}

func FuzzTicketsOpen(f *testing.F) {
	tickets := waitingroom.NewTickets(secretsOf(f, masterSecret(1)), "sale", 0)
	for position := range int64(4) {
		ticket := tickets.DealWith(waitingroom.LaneAPI, 1+position<<10, entered, byte(position))
		f.Add(ticket.ID[:], uint8(ticket.Lane), ticket.Position, entered.Unix(), byte(position))
	}
	for _, v := range readVectors(f) { // Of other secrets, rooms and generations.
		ticket := v.ticket(f)
		f.Add(ticket.ID[:], uint8(v.Lane), v.Position, v.Entered.Unix(), v.Random)
	}
	f.Fuzz(func(t *testing.T, made []byte, lane uint8, position, at int64, random byte) {
		if len(made) == 16 {
			ticket, err := tickets.Open(waitingroom.RequestID(made))
			if err == nil {
				reopenTicket(t, tickets, ticket)
			} else if !errors.Is(err, waitingroom.ErrUnknownTicket) {
				t.Errorf("%s: got error %v", hex.EncodeToString(made), err)
			}
		}
		if position < 1 || position > waitingroom.MaxPosition {
			return
		}
		dealt := tickets.DealWith(waitingroom.Lane(lane&7), position, time.Unix(at, 0), random)
		got, err := tickets.Open(dealt.ID)
		if err != nil || got != dealt {
			t.Errorf("dealt %+v, opened %+v, error %v", dealt, got, err)
		}
	})
}

// reopenTicket checks that a ticket which opened is one that Deal makes.
func reopenTicket(t *testing.T, tickets *waitingroom.Tickets, ticket waitingroom.Ticket) {
	t.Helper()
	for random := range byte(128) {
		if tickets.DealWith(ticket.Lane, ticket.Position, ticket.Entered, random).ID == ticket.ID {
			return
		}
	}
	t.Errorf("%+v opens, but can't be dealt", ticket)
}
