package storetest

import (
	"time"

	"pgregory.net/rapid"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// somebody returns one of the places that are watched.
func (m *machine) somebody() place {
	if len(m.places) == 0 {
		m.Skip("nobody is there yet")
	}
	return rapid.SampledFrom(m.places).Draw(m.T, "place")
}

func (m *machine) claim(t *rapid.T) {
	m.T = t
	p := m.somebody()
	claim := waitingroom.Claim{
		Ticket: p.ticket, Holder: holder(byte(rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "holder"))),
		Take: m.chance(5, "take"),
	}
	if m.chance(2, "with a code") {
		code := codeOf(len(m.codes), rapid.SampledFrom([]string{"shop", "blog"}).Draw(t, "client"))
		code.Life = rapid.SampledFrom([]time.Duration{time.Second, codeLife}).Draw(t, "life")
		if len(m.codes) > 0 && m.chance(5, "of an earlier login") {
			code.Login = m.codes[len(m.codes)-1].code.Login
		}
		m.codes = append(m.codes, issued{place: p, code: code})
		claim.Code = &code
	}
	if m.chance(4, "reserve") {
		claim.Reserve = m.reservation(p)
	}
	session, _, err := both(m, p.room, "claim", func(s waitingroom.Store) (waitingroom.Session, waitingroom.Counters, error) {
		return s.Claim(m.Context(), p.room, claim)
	})
	if err == nil {
		m.holds(m.models[p.room].claimed(p.ticket, session))
	}
}

// reservation returns one of a few logins of a place, which may be a call that was
// made before.
func (m *machine) reservation(p place) *waitingroom.Reservation {
	if len(m.reserved) > 0 && m.chance(4, "the same call") {
		return rapid.SampledFrom(m.reserved).Draw(m.T, "reservation")
	}
	c, err := m.reference.Store.Counters(m.Context(), p.room)
	m.holds(err)
	age := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(m.T, "age")
	r := &waitingroom.Reservation{
		Op: m.newOp(), Client: rapid.SampledFrom([]string{"shop", "blog"}).Draw(m.T, "client"), Login: [16]byte{rapid.Byte().Draw(m.T, "login") % 4}, Received: c.Now.Add(-age).Truncate(time.Second),
	}
	m.reserved = append(m.reserved, r)
	return r
}

// someCode returns the number of one of the codes that were made.
func (m *machine) someCode() int {
	if len(m.codes) == 0 {
		m.Skip("no code yet")
	}
	return rapid.IntRange(0, len(m.codes)-1).Draw(m.T, "code")
}

func (m *machine) take(t *rapid.T) {
	m.T = t
	c := &m.codes[m.someCode()]
	order := waitingroom.TakeCode{Hash: c.code.Hash, Client: c.code.Client, Binding: c.code.Binding, Op: c.op}
	if c.op == (waitingroom.OpID{}) || m.chance(4, "once more") {
		order.Op = m.newOp()
	}
	switch rapid.IntRange(0, 8).Draw(t, "wrong") {
	case 1:
		order.Client += "s"
	case 2:
		order.Binding[3] ^= 1
	case 3:
		order.Hash[3] ^= 1
	}
	_, _, err := both(m, c.room, "take code", func(s waitingroom.Store) (waitingroom.Taken, waitingroom.Counters, error) {
		return s.TakeCode(m.Context(), c.room, order)
	})
	if err == nil {
		if c.op != (waitingroom.OpID{}) && c.op != order.Op {
			m.Fatal("invariant: a code was taken twice")
		}
		c.op = order.Op
	}
}

func (m *machine) rotate(t *rapid.T) {
	m.T = t
	c := m.codes[m.someCode()]
	order := waitingroom.Rotate{
		ID: c.ticket.ID, Generation: c.ticket.Generation, Grant: grantOf(c.code),
		Number: rapid.Uint32Range(0, 3).Draw(t, "number"), Grace: m.chance(2, "grace"),
	}
	_, _, _ = both(m, c.room, "rotate", func(s waitingroom.Store) (any, waitingroom.Counters, error) {
		session, grant, counters, err := s.Rotate(m.Context(), c.room, order)
		return []any{session, grant}, counters, err
	})
}

func (m *machine) revoke(t *rapid.T) {
	m.T = t
	c := m.codes[m.someCode()]
	_, _, err := both(m, c.room, "revoke", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.Revoke(m.Context(), c.room, c.ticket.ID, grantOf(c.code), time.Time{})
	}))
	m.holds(err)
}

func (m *machine) extend(t *rapid.T) {
	m.T = t
	p := m.somebody()
	var seen time.Time
	if m.chance(3, "confirm") {
		standing, _, err := m.reference.Store.Lookup(m.Context(), p.room, p.ticket)
		if err == nil && standing.State == waitingroom.StateActive {
			seen = standing.Session.AuthTime.Add(time.Duration(rapid.IntRange(-2, 0).Draw(t, "since")) * time.Second)
		}
	}
	_, _, _ = both(m, p.room, "extend", func(s waitingroom.Store) (waitingroom.Session, waitingroom.Counters, error) {
		return s.Extend(m.Context(), p.room, p.ticket.ID, seen)
	})
}

func (m *machine) end(t *rapid.T) {
	m.T = t
	p := m.somebody()
	status := rapid.SampledFrom([]waitingroom.Status{waitingroom.StatusCompleted, waitingroom.StatusAbandoned}).Draw(t, "status")
	_, _, _ = both(m, p.room, "end", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
		return s.End(m.Context(), p.room, p.ticket.ID, status, time.Time{})
	}))
}
