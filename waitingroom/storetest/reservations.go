package storetest

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func reservationTests() []test {
	return []test{
		{"a reservation keeps a turn, and the first code makes a visit of it", reservationBecomesVisit},
		{"a reservation outlives the claim window by which it was made", reservationCarriesOver},
		{"a reservation that nothing comes of lapses and frees its slot", reservationLapses},
		{"a reservation lives no longer than a session", reservationIsBounded},
		{"a place that never expires is kept as long as a session", reservationForEver},
		{"a reserved turn takes a slot", reservationTakesASlot},
		{"a reserved turn belongs to its browser, and can't be extended", reservationIsHeld},
		{"a turn that can't be claimed can't be reserved", reservationRefusals},
		{"a visitor is sent round twice, and again once a code was redeemed", sentRoundTwice},
		{"a login that comes back within the second is one of the loop", sentRoundWithinASecond},
		{"each client's rounds are counted by themselves", sentRoundByTwoClients},
		{"a reservation on a visit only counts", reservationOnAVisit},
		{"logins side by side are sent round once each and count as one", sentRoundSideBySide},
		{"what a visitor is sent round with is bounded", roundsAreBounded},
	}
}

// sent returns the n-th login's reservation, made now of a login that came in
// age ago.
func (s *site) sent(n int, age time.Duration) *waitingroom.Reservation {
	return &waitingroom.Reservation{
		Op: s.op(), Client: "shop", Login: codeOf(n, "shop").Login, Received: s.counters().Now.Add(-age).Truncate(time.Second),
	}
}

// reserve reserves the turn of a position.
func (s *site) reserve(position int64, r *waitingroom.Reservation) waitingroom.Session {
	s.Helper()
	session, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position), Holder: holder(1), Reserve: r})
	s.must(err)
	return session
}

// reserveRefused fails the test unless reserving is refused with want and changes
// nothing.
func (s *site) reserveRefused(position int64, r *waitingroom.Reservation, want error) {
	s.Helper()
	before := s.counters()
	_, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position), Holder: holder(1), Reserve: r})
	s.refused(c, err, want)
	s.same("counters after a refused reservation", c, before)
}

func reservationBecomesVisit(s *site) {
	s.join(2)
	s.serve(2)
	r, unused := s.sent(1, time.Hour), codeOf(9, "shop")
	s.Tick(1234 * time.Millisecond)
	session, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{
		Ticket: s.ticket(2), Holder: holder(1), Reserve: r, Code: &unused,
	})
	s.must(err)
	want := waitingroom.Session{
		ID: s.ticket(2).ID, Position: 2, Holder: holder(1), Reserved: true,
		Admitted: c.Now, AuthTime: c.Now.Truncate(time.Second), Expires: c.Now.Add(positionTTL),
		Rounds: []waitingroom.Round{{Op: r.Op, Client: "shop", Login: r.Login, At: c.Now, Counts: true}},
	}
	s.same("session", session, want)
	s.same("standing", s.lookup(2), waitingroom.Standing{State: waitingroom.StateActive, Session: want})
	_, refusal, err := s.Store.TakeCode(s.Context(), s.room, s.take(unused))
	s.refused(refusal, err, waitingroom.ErrNoSession)

	s.tick(10 * time.Minute)
	code := codeOf(1, "shop")
	claim := waitingroom.Claim{Ticket: s.ticket(2), Holder: holder(1), Code: &code}
	visit, c, err := s.Store.Claim(s.Context(), s.room, claim)
	s.must(err)
	want.Reserved = false
	want.Admitted, want.AuthTime, want.Expires = c.Now, c.Now.Truncate(time.Second), c.Now.Add(sessionTTL)
	s.same("visit", visit, want)
	s.same("alive and admitted", []int64{c.Alive, c.Admitted}, []int64{1, 1})
	s.tick(time.Minute)
	again, _, err := s.Store.Claim(s.Context(), s.room, claim)
	s.must(err)
	s.same("visit after the repeated claim", again, want)
	s.tick(want.Expires.Sub(s.counters().Now) - time.Millisecond)
	s.same("state at the end of the visit", s.lookup(2).State, waitingroom.StateActive)
	s.tick(time.Millisecond)
	s.same("alive after the visit", s.counters().Alive, int64(0))
}

func reservationCarriesOver(s *site) {
	s.join(1)
	s.serve(1)
	s.tick(positionTTL)
	s.reserve(1, s.sent(1, time.Hour))
	s.tick(positionTTL - time.Millisecond)
	s.same("expired", s.counters().Expired, int64(1))
	s.claimWithCode(1, "shop", 1)
	s.tick(positionTTL + time.Minute)
	s.stands(1, waitingroom.StateActive)
}

func reservationLapses(s *site) {
	s.join(2)
	s.serve(2)
	s.reserve(1, s.sent(1, time.Hour))
	s.Tick(positionTTL)
	over := func() {
		s.Helper()
		s.stands(1, waitingroom.StateExpired)
		code := codeOf(1, "shop")
		_, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(1), Holder: holder(1), Code: &code})
		s.refused(c, err, waitingroom.ErrExpired)
		s.reserveRefused(1, s.sent(2, 0), waitingroom.ErrExpired)
	}
	over()
	s.same("alive before the sweep", s.counters().Alive, int64(1))
	s.same("swept", s.sweep().Sessions, int64(1))
	s.same("alive", s.counters().Alive, int64(0))
	over()
	s.tick(positionTTL)
	s.stands(1, waitingroom.StateExpired)
	s.same("missed", s.counters().Missed, int64(1)) // Position 2 alone: 1 had its chance.
}

func reservationIsBounded(s *site) {
	set := usual()
	set.PositionTTL, set.SessionTTL = time.Hour, time.Minute
	s.configure(set)
	s.join(1)
	s.serve(1)
	session := s.reserve(1, s.sent(1, time.Hour))
	s.same("kept for", session.Expires.Sub(session.Admitted), time.Minute)
	s.Tick(30 * time.Second)
	s.same("kept until, the second time", s.reserve(1, s.sent(2, 0)).Expires, session.Expires)
}

func reservationForEver(s *site) {
	s.configure(endless())
	s.join(1)
	s.serve(1)
	session := s.reserve(1, s.sent(1, time.Hour))
	s.same("kept for", session.Expires.Sub(session.Admitted), sessionTTL)
	s.tick(sessionTTL)
	s.stands(1, waitingroom.StateSpent)
}

func reservationTakesASlot(s *site) {
	s.configure(holding(2))
	s.join(4)
	s.reserve(1, s.sent(1, time.Hour))
	s.holds(2, 1, 1)
	s.claim(2)
	s.holds(2, 2, 0)
	s.claimRefused(3, waitingroom.ErrNotServed)
	s.claimWithCode(1, "shop", 1)
	s.holds(2, 2, 0)
	s.end(1)
	s.holds(3, 1, 1)
	s.reserve(3, s.sent(2, time.Hour))
	s.Tick(positionTTL)
	_, c, err := s.Store.Sweep(s.Context(), s.room, 100)
	s.must(err)
	s.same("serving in the reply to the sweep", c.Serving, int64(4))
	s.stands(4, waitingroom.StateServed)
}

func reservationIsHeld(s *site) {
	s.join(1)
	s.serve(1)
	session := s.reserve(1, s.sent(1, time.Hour))
	code := codeOf(1, "shop")
	for _, claim := range []waitingroom.Claim{{Code: &code}, {Reserve: s.sent(2, 0)}} {
		claim.Ticket, claim.Holder = s.ticket(1), holder(2)
		_, c, err := s.Store.Claim(s.Context(), s.room, claim)
		s.refused(c, err, waitingroom.ErrHeld)
	}
	_, c, err := s.Store.Extend(s.Context(), s.room, session.ID, session.AuthTime)
	s.refused(c, err, waitingroom.ErrNoSession)
	s.same("session", s.claim(1), session) // Without a code, it is only found.
	s.end(1)
	s.claimRefused(1, waitingroom.ErrSpent)
}

func reservationRefusals(s *site) {
	s.join(3)
	s.serve(2)
	s.reserveRefused(3, s.sent(1, time.Hour), waitingroom.ErrNotServed)
	s.reserveRefused(4, s.sent(1, time.Hour), waitingroom.ErrUnsettled)
	s.claim(1)
	s.end(1)
	s.reserveRefused(1, s.sent(1, time.Hour), waitingroom.ErrSpent)
	s.Tick(positionTTL + time.Millisecond)
	s.reserveRefused(2, s.sent(1, time.Hour), waitingroom.ErrExpired)
	old := s.ticket(2)
	s.reset()
	_, c, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: old, Reserve: s.sent(1, time.Hour)})
	s.refused(c, err, waitingroom.ErrLineEnded)
}

// sentRoundTwice is the guard against a loop: each time the login that comes back
// is too late again, or is the old one.
func sentRoundTwice(s *site) {
	s.join(1)
	s.serve(1)
	again := func(n int) {
		s.Tick(10 * time.Second)
		s.reserve(1, s.sent(n, 0))
		s.Tick(10 * time.Second)
		second := s.sent(n+1, 5*time.Second)
		s.reserve(1, second)
		s.Tick(10 * time.Second)
		s.reserveRefused(1, s.sent(n+2, 5*time.Second), waitingroom.ErrSentRound)
		s.reserveRefused(1, s.sent(n, time.Hour), waitingroom.ErrSentRound)
		s.same("rounds after a repeated call", len(s.reserve(1, second).Rounds), 2)
	}
	again(1)
	s.stands(1, waitingroom.StateActive)
	code := s.claimWithCode(1, "shop", 5)
	s.same("rounds once a code was made", len(s.lookup(1).Session.Rounds), 2)
	s.reserveRefused(1, s.sent(6, 0), waitingroom.ErrSentRound)
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	s.same("rounds once it was redeemed", len(taken.Session.Rounds), 0)
	again(10)
}

// sentRoundWithinASecond stops a loop from going on unseen because the relying party
// is quick: its new login comes in within the second in which the visitor was sent,
// and by whole seconds before that.
func sentRoundWithinASecond(s *site) {
	s.join(1)
	s.serve(1)
	round := func(n int) *waitingroom.Reservation {
		now := s.counters().Now
		s.Tick(now.Truncate(time.Second).Add(2600 * time.Millisecond).Sub(now))
		return s.sent(n, 1800*time.Millisecond)
	}
	s.reserve(1, round(1))
	s.reserve(1, round(2))
	s.reserveRefused(1, round(3), waitingroom.ErrSentRound)
}

// sentRoundByTwoClients stops a client that has no way to start a login afresh, and
// whose page is reloaded, from using up the rounds of another of the same room.
func sentRoundByTwoClients(s *site) {
	s.join(1)
	s.serve(1)
	round := func(client string, n int) *waitingroom.Reservation {
		s.Tick(10 * time.Second)
		r := s.sent(n, 0)
		r.Client = client
		return r
	}
	s.reserve(1, round("shop", 1))
	s.reserve(1, round("shop", 2))
	s.reserveRefused(1, round("shop", 3), waitingroom.ErrSentRound)
	s.reserve(1, round("blog", 4))
	s.reserve(1, round("blog", 5))
	s.reserveRefused(1, round("blog", 6), waitingroom.ErrSentRound)

	s.login(1, "blog", 7)
	s.reserve(1, round("blog", 8))
	s.reserveRefused(1, round("shop", 9), waitingroom.ErrSentRound)
}

func reservationOnAVisit(s *site) {
	s.join(1)
	s.serve(1)
	s.login(1, "shop", 1)
	s.Tick(30 * time.Minute)
	before := s.lookup(1).Session
	after := s.reserve(1, s.sent(2, time.Hour))
	s.same("rounds", len(after.Rounds), 1)
	after.Rounds = nil
	s.same("session", after, before)
}

// sentRoundSideBySide is about the tabs of a browser, whose logins have all been
// waiting for too long when their turn comes.
func sentRoundSideBySide(s *site) {
	s.join(1)
	s.serve(1)
	for n := range 50 {
		s.Tick(20 * time.Millisecond)
		s.reserve(1, s.sent(n, time.Hour))
	}
	// None of them may be sent round a third time.
	for _, n := range []int{7, 8} {
		if n == 7 {
			s.reserve(1, s.sent(n, time.Hour))
			continue
		}
		s.reserveRefused(1, s.sent(n, time.Hour), waitingroom.ErrSentRound)
	}
}

func roundsAreBounded(s *site) {
	s.join(1)
	s.serve(1)
	last := 0
	for n := range 200 {
		_, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{
			Ticket: s.ticket(1), Holder: holder(1), Reserve: s.sent(n, time.Hour),
		})
		if err != nil {
			break
		}
		last = n
	}
	if kept := len(s.lookup(1).Session.Rounds); kept > 70 || kept != last+1 {
		s.Errorf("%d rounds are kept of %d", kept, last+1)
	}
}
