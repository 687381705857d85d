package storetest

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Random does random things to a store and to a reference, which is the store
// in memory, step by step, and fails at the first difference in what they
// answer, in their counters or in how any place stands, or when they agree but
// break an invariant. It reports the shortest way there that it finds.
func Random(t *testing.T, open, reference func(t testing.TB) Fixture) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{
			T: rt, outer: t, subject: open(t), reference: reference(t),
			models: make(map[string]*model), revisions: make(map[string]int64),
			last: make(map[string]waitingroom.Advance), leases: make(map[string]inlet),
		}
		defer func() {
			if err := errors.Join(m.subject.Store.Close(), m.reference.Store.Close()); err != nil {
				rt.Fatalf("close: %v", err)
			}
		}()
		m.node = m.newOp()
		for _, room := range m.rooms() {
			m.models[room] = newModel()
			m.set(room, usual())
		}
		rt.Repeat(m.actions())
	})
}

// machine is the state of one random run. Its methods name their *rapid.T m.T.
type machine struct {
	*rapid.T
	outer              testing.TB
	subject, reference Fixture

	models    map[string]*model
	revisions map[string]int64
	node      waitingroom.OpID
	last      map[string]waitingroom.Advance // The node's last call for each room.
	leases    map[string]inlet
	named     uint64             // Operations named so far.
	ops       []waitingroom.OpID // The latest operators' orders.
	places    []place
	codes     []issued
	reserved  []*waitingroom.Reservation
	turned    bool          // The clock, since the last check.
	behind    time.Duration // How far the clock was turned back.
}

// place is a ticket that a room dealt.
type place struct {
	room   string
	ticket waitingroom.Ticket
}

// issued is a code that a claim was given, and what it was last taken with.
type issued struct {
	place
	code waitingroom.Code
	op   waitingroom.OpID
}

// inlet is what a node knows that runs one.
type inlet struct {
	lease   waitingroom.Lease
	version uint64
}

func (m *machine) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"": m.check, "join": m.join, "serve": m.serve, "lease": m.lease, "inlet": m.inlet, "reset": m.reset,
		"settle": m.settle, "configure": m.configure, "sweep": m.sweep, "tick": m.tick, "vault": m.vault,
		"claim": m.claim, "claim again": m.claim, "claim more": m.claim, "take": m.take, "rotate": m.rotate,
		"revoke": m.revoke, "extend": m.extend, "end": m.end,
	}
	if m.subject.Reopen != nil {
		actions["reopen"] = m.reopen
	}
	return actions
}

func (*machine) rooms() []string { return []string{"sale", "tour"} }

func (m *machine) room() string { return rapid.SampledFrom(m.rooms()).Draw(m.T, "room") }

// chance is true once in n times.
func (m *machine) chance(n int, what string) bool {
	return rapid.IntRange(1, n).Draw(m.T, what) == n
}

// newOp names an operation that was not named before.
func (m *machine) newOp() waitingroom.OpID {
	m.named++
	return waitingroom.OpID(binary.BigEndian.AppendUint64([]byte("operatio"), m.named))
}

// op names an operator's order, which may be one that was given before.
func (m *machine) op() waitingroom.OpID {
	if len(m.ops) > 0 && m.chance(5, "repeated") {
		return rapid.SampledFrom(m.ops).Draw(m.T, "op")
	}
	op := m.newOp()
	// A store remembers some dozens.
	m.ops = append(m.ops[max(0, len(m.ops)-5):], op)
	return op
}

func (m *machine) join(t *rapid.T) {
	m.T = t
	room := m.room()
	last := m.last[room]
	a := waitingroom.Advance{Node: m.node, Seq: last.Seq + 1, N: rapid.SampledFrom([]int{1, 2, 5, 200, 5000}).Draw(t, "n")}
	if last.Seq > 1 && m.chance(5, "repeated") {
		a = last
		a.Seq -= rapid.Uint64Range(0, 1).Draw(t, "older")
	}
	first, _, err := both(m, room, "advance", func(s waitingroom.Store) (int64, waitingroom.Counters, error) {
		return s.Advance(m.Context(), room, a)
	})
	model := m.models[room]
	if err != nil || a.Seq == last.Seq && first+int64(a.N)-1 <= model.dealt {
		return // Repeated, in the generation of the first call.
	}
	m.last[room] = a
	m.holds(model.advanced(first, int64(a.N)))
	for i := range min(int64(a.N), 3) {
		m.remember(room, first+i)
	}
}

// remember adds the ticket of a position to those that are watched.
func (m *machine) remember(room string, position int64) {
	m.places = append(m.places, place{room, ticketOf(m.models[room].generation, position)})
	if extra := len(m.places) - 40; extra > 0 {
		m.places = slices.Delete(m.places, 0, extra)
	}
}

func (m *machine) serve(t *rapid.T) {
	m.T = t
	room := m.room()
	order := waitingroom.Serve{Op: m.op(), By: rapid.Int64Range(-4, 12).Draw(t, "by")}
	if m.chance(3, "absolute") {
		to := m.models[room].dealt + rapid.Int64Range(-300, 300).Draw(t, "beyond the last")
		order.To = &to
	}
	_, _, err := both(m, room, "serve", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.Serve(m.Context(), room, order)
	}))
	m.holds(err)
	m.models[room].served(order)
}

func (m *machine) lease(t *rapid.T) {
	m.T = t
	room, holder := m.room(), waitingroom.OpID{byte(rapid.IntRange(1, 2).Draw(t, "holder"))}
	d := rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "for")
	lease, c, err := both(m, room, "lease", func(s waitingroom.Store) (waitingroom.Lease, waitingroom.Counters, error) {
		return s.Lease(m.Context(), room, holder, d)
	})
	if err == nil {
		m.leases[room] = inlet{lease, c.Version}
	}
}

func (m *machine) inlet(t *rapid.T) {
	m.T = t
	room := m.room()
	known, ok := m.leases[room]
	if !ok {
		t.Skip("no lease")
	}
	order := waitingroom.Serve{
		By: rapid.Int64Range(0, 20).Draw(t, "by"), Lease: known.lease, Version: known.version,
		Anchor: known.lease.Until.Add(-time.Second),
	}
	_, c, err := both(m, room, "inlet's serve", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.Serve(m.Context(), room, order)
	}))
	if err == nil {
		m.models[room].served(order)
		m.leases[room] = inlet{known.lease, c.Version}
	}
}

func (m *machine) reset(t *rapid.T) {
	m.T = t
	if !m.chance(3, "really") {
		t.Skip("resets are rare")
	}
	room, op := m.room(), m.op()
	expected := m.models[room].generation + rapid.SampledFrom([]int64{0, 0, -1, 1}).Draw(t, "off by")
	_, c, err := both(m, room, "reset", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.Reset(m.Context(), room, op, expected)
	}))
	if err == nil {
		m.holds(m.models[room].wasReset(op, c.Generation))
	}
}

func (m *machine) settle(t *rapid.T) {
	m.T = t
	room := m.room()
	model := m.models[room]
	floors := waitingroom.Floors{
		Generation: model.generation + rapid.SampledFrom([]int64{0, 0, 0, 0, 0, -1, 1}).Draw(t, "generation"),
		Dealt:      max(0, model.dealt+rapid.Int64Range(-20, 20).Draw(t, "dealt")),
		Serving:    max(0, model.serving+rapid.Int64Range(-20, 20).Draw(t, "serving")),
		Epoch:      model.epoch + rapid.SampledFrom([]uint64{0, 0, 1}).Draw(t, "epoch"),
	}
	_, _, err := both(m, room, "settle", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.Settle(m.Context(), room, floors)
	}))
	m.holds(err)
	model.settled(floors)
}

func (m *machine) configure(t *rapid.T) {
	m.T = t
	room := m.room()
	settings := waitingroom.Settings{
		PositionTTL: rapid.SampledFrom([]time.Duration{0, 2 * time.Second, positionTTL}).Draw(t, "position_ttl"),
		SessionTTL:  rapid.SampledFrom([]time.Duration{3 * time.Second, sessionTTL}).Draw(t, "session_ttl"),
		SessionMax:  rapid.SampledFrom([]time.Duration{time.Minute, sessionMax}).Draw(t, "session_max"),
		Reuse:       m.chance(2, "reuse"),
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 1:
		settings.Open = true
	case 2, 3:
		settings.Capacity = rapid.SampledFrom([]int64{1, 2, 7}).Draw(t, "capacity")
		settings.PositionTTL = max(settings.PositionTTL, 2*time.Second) // As the configuration demands.
	}
	m.set(room, settings)
}

// set configures a room, now and then with an older revision.
func (m *machine) set(room string, settings waitingroom.Settings) {
	revision := m.revisions[room] + 1
	if revision > 1 && m.chance(5, "older") {
		revision -= 2
	}
	_, _, err := both(m, room, "configure", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.Configure(m.Context(), room, revision, settings)
	}))
	m.holds(err)
	m.revisions[room] = max(m.revisions[room], revision)
	m.models[room].configured(revision, settings)
}

func (m *machine) sweep(t *rapid.T) {
	m.T = t
	m.sweepRoom(m.room())
}

func (m *machine) sweepRoom(room string) {
	limit := rapid.SampledFrom([]int{0, 1, 2, 100}).Draw(m.T, "limit")
	swept, c, err := both(m, room, "sweep", func(s waitingroom.Store) (waitingroom.Swept, waitingroom.Counters, error) {
		return s.Sweep(m.Context(), room, limit)
	})
	m.holds(err)
	m.holds(m.models[room].swept(swept, c.Expired))
}

// tick turns the clock. Before it does, all rooms are swept, as they are each
// second: a store may learn of arrivals no later than that.
func (m *machine) tick(t *rapid.T) {
	m.T = t
	for _, room := range m.rooms() {
		m.sweepRoom(room)
	}
	d := rapid.SampledFrom([]time.Duration{
		time.Millisecond, 999 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 5001 * time.Millisecond,
		waitingroom.RotateGrace, positionTTL, positionTTL + time.Millisecond, sessionTTL, -time.Second,
	}).Draw(t, "by")
	m.turn(d)
}

// turn turns both clocks.
func (m *machine) turn(d time.Duration) {
	m.subject.Tick(d)
	m.reference.Tick(d)
	m.behind = max(0, m.behind-d)
	m.turned = true
}

func (m *machine) vault(t *rapid.T) {
	m.T = t
	if m.behind > 0 {
		t.Skip("only a room's time never runs backwards")
	}
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
	life := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "life")
	value := []byte{byte(rapid.IntRange(0, 9).Draw(t, "value"))}
	verb := rapid.SampledFrom([]string{"keep", "swap", "kept"}).Draw(t, "verb")
	old := []byte{byte(rapid.IntRange(0, 9).Draw(t, "old"))}
	_, _, _ = both(m, "the vault", name, func(s waitingroom.Store) (kept []byte, _ waitingroom.Counters, err error) {
		switch verb {
		case "keep":
			kept, err = s.Keep(m.Context(), name, value, life)
		case "swap":
			kept, err = s.Swap(m.Context(), name, old, value)
		default:
			kept, err = s.Kept(m.Context(), name)
		}
		return kept, waitingroom.Counters{}, err
	})
}

// reopen closes the store and opens it again; the node is a new one then.
func (m *machine) reopen(t *rapid.T) {
	m.T = t
	m.subject.Store = m.subject.Reopen(m.outer)
	m.node = m.newOp()
	clear(m.last)
}
