package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// lifeCapacity is how many may be inside during a life.
const lifeCapacity = 2

// Faults lives the life of a few visitors through an engine, again and again. Each
// time another call of the store fails: before it has an effect, after it, and
// so often that the engine gives up and the visitor has to come again. After
// each step it checks the invariants.
func Faults(t *testing.T, open func(t testing.TB) Fixture) {
	inlets := []waitingroom.Inlet{
		{Kind: waitingroom.InletManual},
		{Kind: waitingroom.InletCapacity, Max: lifeCapacity},
	}
	kinds := []struct {
		name  string
		times int
		apply bool
	}{
		{"a call fails before its effect", 1, false},
		{"a call fails after its effect", 1, true},
		{"calls fail until the engine gives up", 3, false},
		{"replies are lost until the engine gives up", 3, true},
	}
	for _, inlet := range inlets {
		for _, kind := range kinds {
			t.Run(fmt.Sprintf("%s/%s", inlet.Kind, kind.name), func(t *testing.T) {
				// The first life has no fault, and says how many calls there are.
				for at, calls := 0, 1; at <= calls; at++ {
					fault := faulty{from: at, to: at + kind.times, apply: kind.apply}
					if at == 0 {
						fault.to = 0
					}
					synctest.Test(t, func(t *testing.T) {
						l := newLife(t, open(t), fault, inlet)
						l.live()
						if at == 0 {
							calls = l.store.calls
						}
					})
					if t.Failed() {
						t.Fatalf("with a fault at call %d of %d", at, calls)
					}
				}
			})
		}
	}
}

// A life is a few visitors in one room. It remembers what they were told.
type life struct {
	*testing.T
	fixture  Fixture
	store    *faulty
	room     *waitingroom.Room
	log      bytes.Buffer
	capacity bool
	at       string // The present step.

	tickets  []waitingroom.Ticket
	over     map[waitingroom.RequestID]bool         // Places whose session has ended.
	admitted map[waitingroom.RequestID]time.Time    // Places that had one, and until when.
	redeemed map[[32]byte]map[waitingroom.OpID]bool // By code.
}

func newLife(t *testing.T, f Fixture, fault faulty, inlet waitingroom.Inlet) *life {
	t.Helper()
	fault.Store = f.Store
	l := &life{T: t, fixture: f, store: &fault, capacity: inlet.Kind == waitingroom.InletCapacity}
	l.forget()
	secrets, err := waitingroom.NewSecrets(bytes.Repeat([]byte{1}, waitingroom.MinSecretSize))
	l.must(err)
	engine, err := waitingroom.New(waitingroom.Options{
		Store: l.store, Secrets: secrets, Revision: 1, Logger: slog.New(slog.NewTextHandler(&l.log, nil)),
		Rooms: []waitingroom.RoomConfig{{ID: "sale", Inlet: inlet, Settings: usual()}},
	})
	l.must(err)
	l.must(engine.Start(l.Context()))
	engine.Stop() // Its own work would come between the calls that are counted.
	l.room, err = engine.Room("sale")
	l.must(err)
	l.store.counting = true
	return l
}

// forget begins a generation.
func (l *life) forget() {
	l.tickets = nil
	l.over, l.admitted = make(map[waitingroom.RequestID]bool), make(map[waitingroom.RequestID]time.Time)
	l.redeemed = make(map[[32]byte]map[waitingroom.OpID]bool)
}

func (l *life) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatalf("%s: unexpected error: %v", l.at, err)
	}
}

// step does something as often as whoever does it is told that the store is
// unavailable, checks that it ends as wanted, and checks the invariants.
func (l *life) step(name string, want error, do func(ctx context.Context) error) {
	l.Helper()
	l.at = name
	var err error
	for range 4 {
		err = do(l.Context())
		l.invariants()
		if !errors.Is(err, waitingroom.ErrUnavailable) {
			break
		}
	}
	if !errors.Is(err, want) || want == nil && err != nil {
		l.Fatalf("%s: got error %v, want %v", name, err, want)
	}
}

func (l *life) join() (t waitingroom.Ticket) {
	l.Helper()
	l.step("join", nil, func(ctx context.Context) (err error) {
		t, err = l.room.Join(ctx, waitingroom.Join{Lane: waitingroom.LaneBrowser})
		return err
	})
	l.tickets = append(l.tickets, t)
	l.invariants()
	return t
}

func (l *life) stands(t waitingroom.Ticket, want waitingroom.State) {
	l.Helper()
	l.step("poll", nil, func(ctx context.Context) error {
		s, err := l.room.Lookup(ctx, t)
		if err == nil && s.State != want {
			return fmt.Errorf("position %d is %s, want %s", t.Position, s.State, want)
		}
		return err
	})
}

func (l *life) claim(t waitingroom.Ticket, code *waitingroom.Code, want error) {
	l.Helper()
	l.step("claim", want, func(ctx context.Context) error {
		s, err := l.room.Claim(ctx, waitingroom.Claim{Ticket: t, Holder: holder(1), Code: code})
		if err == nil && (s.Position != t.Position || l.over[t.ID]) {
			return fmt.Errorf("position %d got the session of %d; its own had ended: %v", t.Position, s.Position, l.over[t.ID])
		}
		return err
	})
}

// reserve sends a visitor to start the login afresh. Each time that the visitor
// comes with the old one is another call.
func (l *life) reserve(t waitingroom.Ticket, n int) {
	l.Helper()
	l.step("reserve", nil, func(ctx context.Context) error {
		s, err := l.room.Claim(ctx, waitingroom.Claim{Ticket: t, Holder: holder(1), Reserve: &waitingroom.Reservation{
			Op: waitingroom.NewOpID(), Login: codeOf(n, "shop").Login,
		}})
		if err == nil && !s.Reserved {
			return fmt.Errorf("the visit of position %d has begun", t.Position)
		}
		return err
	})
}

func (l *life) redeem(code waitingroom.Code, op byte, want error) {
	l.Helper()
	order := waitingroom.TakeCode{Hash: code.Hash, Client: code.Client, Binding: code.Binding, Op: waitingroom.OpID{op}}
	l.step("redeem", want, func(ctx context.Context) error {
		_, err := l.room.TakeCode(ctx, order)
		if err == nil {
			if l.redeemed[code.Hash] == nil {
				l.redeemed[code.Hash] = make(map[waitingroom.OpID]bool)
			}
			l.redeemed[code.Hash][order.Op] = true
		}
		return err
	})
}

// serve is an operator's order, which is repeated under another name if its
// answer never came: an operator looks at the counter first.
func (l *life) serve(to int64) {
	l.Helper()
	l.step("serve", nil, func(ctx context.Context) error {
		c, err := l.fixture.Store.Counters(ctx, "sale")
		if err != nil || c.Serving >= to {
			return err
		}
		_, err = l.room.Serve(ctx, to-c.Serving)
		return err
	})
}

func (l *life) pass(d time.Duration) {
	l.Helper()
	l.fixture.Tick(d)
	l.step("sweep", nil, func(ctx context.Context) error {
		_, _, err := l.store.Sweep(ctx, "sale", 100)
		return err
	})
}

// arrive waits until a place is served. A join whose reply was lost for good has
// left a place that nobody holds, and that keeps its slot until it expires.
func (l *life) arrive(t waitingroom.Ticket) {
	l.Helper()
	s, c, err := l.fixture.Store.Lookup(l.Context(), "sale", t)
	l.must(err)
	if held := c.Dealt > int64(len(l.tickets)); l.capacity && held && s.State == waitingroom.StateWaiting {
		l.pass(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
	}
	l.stands(t, waitingroom.StateServed)
}

// live is the script. Where the room has no capacity, an operator does by hand
// what the refill does.
func (l *life) live() {
	a, b, c, d := l.join(), l.join(), l.join(), l.join()
	l.serve(b.Position)
	l.stands(c, waitingroom.StateWaiting)
	first, second := codeOf(1, "shop"), codeOf(2, "shop")
	l.arrive(a)
	l.claim(a, nil, nil)
	l.arrive(b)
	l.claim(b, nil, nil)
	l.claim(a, &first, nil)
	l.claim(c, nil, waitingroom.ErrNotServed)
	l.redeem(first, 1, nil)
	var seen time.Time
	l.step("refresh", nil, func(ctx context.Context) error {
		s, _, err := l.room.Rotate(ctx, waitingroom.Rotate{ID: a.ID, Grant: grantOf(first), Grace: true})
		seen = s.AuthTime
		return err
	})
	l.step("extend", nil, func(ctx context.Context) error {
		_, err := l.room.Extend(ctx, a.ID, seen)
		return err
	})
	l.redeem(first, 2, waitingroom.ErrReplayed)
	l.stands(a, waitingroom.StateActive)

	l.step("end", nil, func(ctx context.Context) error {
		return l.room.End(ctx, b.ID, waitingroom.StatusCompleted, time.Time{})
	})
	l.serve(c.Position)
	l.claim(b, nil, waitingroom.ErrSpent)
	l.arrive(c)
	l.claim(c, &second, nil)
	l.redeem(second, 3, nil)
	l.step("revoke", nil, func(ctx context.Context) error {
		return l.room.Revoke(ctx, c.ID, grantOf(second), time.Time{})
	})
	l.stands(c, waitingroom.StateSpent)

	l.serve(d.Position)
	l.arrive(d)
	l.pass(positionTTL + waitingroom.ExpiryGrace + time.Millisecond)
	l.claim(d, nil, waitingroom.ErrExpired)
	e := l.join()
	l.serve(e.Position)
	l.arrive(e)
	l.reserve(e, 3)
	third := codeOf(4, "shop")
	l.claim(e, &third, nil)
	l.redeem(third, 5, nil)
	l.pass(sessionTTL)
	l.stands(a, waitingroom.StateExpired)
	l.reopen()
	l.reset(e)
}

// reopen checks that nothing is forgotten by a store that outlives its process.
func (l *life) reopen() {
	l.Helper()
	if l.fixture.Reopen == nil {
		return
	}
	l.at = "reopen"
	before := l.standings()
	l.store.Store = l.fixture.Reopen(l)
	l.fixture.Store = l.store.Store
	if diff := cmp.Diff(before, l.standings()); diff != "" {
		l.Fatalf("standings after opening the store again (-before +after):\n%s", diff)
	}
}

func (l *life) standings() []waitingroom.Standing {
	l.Helper()
	var all []waitingroom.Standing
	for _, t := range l.tickets {
		s, _, err := l.fixture.Store.Lookup(l.Context(), "sale", t)
		l.must(err)
		all = append(all, s)
	}
	return all
}

func (l *life) reset(old waitingroom.Ticket) {
	l.Helper()
	l.at = "reset"
	// An operator whose order was never answered looks whether it was carried out.
	for range 3 {
		if c, err := l.fixture.Store.Counters(l.Context(), "sale"); err != nil || c.Generation > 0 {
			break
		}
		_, _ = l.room.Reset(l.Context())
	}
	l.forget()
	l.step("claim of the line that ended", waitingroom.ErrLineEnded, func(ctx context.Context) error {
		_, err := l.room.Claim(ctx, waitingroom.Claim{Ticket: old})
		return err
	})
	t := l.join()
	l.serve(t.Position)
	l.arrive(t)
	l.claim(t, nil, nil)
}

// invariants checks what must hold at any moment, whatever has failed.
func (l *life) invariants() {
	l.Helper()
	c, err := l.fixture.Store.Counters(l.Context(), "sale")
	l.must(err)
	if l.capacity && c.Alive+c.Unclaimed > lifeCapacity {
		l.Errorf("I6 after %s: %d alive and %d served, the capacity is %d", l.at, c.Alive, c.Unclaimed, lifeCapacity)
	}
	last, inside := int64(0), 0
	for _, t := range l.tickets {
		if t.Generation != c.Generation {
			return // The line was reset in this very step.
		}
		if t.Position <= last || t.Position > c.Dealt {
			l.Errorf("I1 after %s: position %d was dealt after %d of %d", l.at, t.Position, last, c.Dealt)
		}
		last = t.Position
		s, _, err := l.fixture.Store.Lookup(l.Context(), "sale", t)
		l.must(err)
		l.standing(t, s, c)
		if s.State == waitingroom.StateActive || s.State == waitingroom.StateServed {
			inside++
		}
		if strings.Contains(l.log.String(), t.ID.String()) {
			l.Errorf("I7 after %s: the log has a request ID", l.at)
		}
	}
	if l.capacity && inside > lifeCapacity {
		l.Errorf("I6 after %s: %d places are active or served, the capacity is %d", l.at, inside, lifeCapacity)
	}
	if int64(len(l.admitted)) != c.Admitted {
		l.Errorf("I9 after %s: %d places had a session, the store counts %d", l.at, len(l.admitted), c.Admitted)
	}
	for _, ops := range l.redeemed {
		if len(ops) > 1 {
			l.Errorf("I4 after %s: a code was redeemed %d times", l.at, len(ops))
		}
	}
}

// standing checks how one place stands.
func (l *life) standing(t waitingroom.Ticket, s waitingroom.Standing, c waitingroom.Counters) {
	l.Helper()
	if s.State == waitingroom.StateActive {
		l.admitted[t.ID] = s.Session.Expires
		if s.Session.Position != t.Position {
			l.Errorf("I2 after %s: position %d has the session of %d", l.at, t.Position, s.Session.Position)
		}
		if l.over[t.ID] {
			l.Errorf("I9 after %s: position %d is active again", l.at, t.Position)
		}
	}
	if s.State != waitingroom.StateWaiting && t.Position > c.Serving {
		l.Errorf("I3 after %s: position %d is %s at serving counter %d", l.at, t.Position, s.State, c.Serving)
	}
	switch until, had := l.admitted[t.ID]; {
	case !had || s.State == waitingroom.StateActive:
		return
	case s.State == waitingroom.StateExpired && until.After(c.Now):
		l.Errorf("I5 after %s: the session of position %d is lost", l.at, t.Position)
	case s.State == waitingroom.StateServed || s.State == waitingroom.StateWaiting:
		l.Errorf("I9 after %s: position %d is %s again", l.at, t.Position, s.State)
	}
	l.over[t.ID] = true // Its row is forgotten some time later, when its turn is long past.
}
