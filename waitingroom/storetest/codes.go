package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func codeTests() []test {
	return []test{
		{"a code is taken once and yields what it carries", codeYields},
		{"a second taking ends the grant, but neither session nor place", codeReplayed},
		{"a replay is recognised for minutes after the code's life", codeReplayedLate},
		{"a wrong client or binding leaves the code usable", codeOfOthers},
		{"a code can be taken until exactly its life's end", codeRunsOut},
		{"the second code of one login is refused", codeOfSameLogin},
		{"a code of an ended session is worth nothing", codeOfEndedSession},
		{"a code is stored once, and the first stands", codeStoredOnce},
		{"a grant carries the auth_time at which its code was made", codeAuthTime},
	}
}

const codeLife = time.Minute

// codeOf returns the n-th code, the answer to the n-th login.
func codeOf(n int, client string) waitingroom.Code {
	name := fmt.Sprint("code", n)
	login := sha256.Sum256([]byte("login" + name))
	return waitingroom.Code{
		Hash: sha256.Sum256([]byte(name)), Login: [16]byte(login[:]), Client: client,
		Binding: sha256.Sum256([]byte(client + name)), Payload: []byte("payload of " + name), Life: codeLife,
	}
}

// claimWithCode claims a position together with the n-th code.
func (s *site) claimWithCode(position int64, client string, n int) waitingroom.Code {
	s.Helper()
	code := codeOf(n, client)
	_, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(position), Holder: holder(1), Code: &code})
	s.must(err)
	return code
}

// grantOf returns the grant that a code of a login leads to. That it follows
// from the login is the store's business; the tests only need it to be known
// before the code is taken, and check it once against what a store says.
func grantOf(code waitingroom.Code) uint64 { return binary.BigEndian.Uint64(code.Login[:8]) }

// take returns the order to redeem a code, under a new name.
func (s *site) take(code waitingroom.Code) waitingroom.TakeCode {
	return waitingroom.TakeCode{Hash: code.Hash, Client: code.Client, Binding: code.Binding, Op: s.op()}
}

// login claims a position with the n-th code and redeems it.
func (s *site) login(position int64, client string, n int) waitingroom.Grant {
	s.Helper()
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(s.claimWithCode(position, client, n)))
	s.must(err)
	return taken.Grant
}

// takeRefused fails the test unless a code is refused with want.
func (s *site) takeRefused(t waitingroom.TakeCode, want error) {
	s.Helper()
	_, c, err := s.Store.TakeCode(s.Context(), s.room, t)
	s.refused(c, err, want)
}

// grant returns a grant of a live session.
func (s *site) grant(position int64, id uint64) waitingroom.Grant {
	s.Helper()
	standing := s.lookup(position)
	for _, g := range standing.Session.Grants {
		if g.ID == id {
			return g
		}
	}
	s.Fatalf("position %d, %s, has no grant %d", position, standing.State, id)
	return waitingroom.Grant{}
}

func codeYields(s *site) {
	s.join(1)
	s.serve(1)
	code := s.claimWithCode(1, "shop", 1)
	s.Tick(time.Second)
	taken, c, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	want := waitingroom.Grant{
		ID: grantOf(code), Client: "shop", AuthTime: taken.Session.AuthTime, Redeemed: c.Now, Rotated: c.Now,
	}
	s.same("grant", taken.Grant, want)
	s.same("payload", taken.Payload, code.Payload)
	s.same("session", taken.Session, s.lookup(1).Session)
	s.same("grants", taken.Session.Grants, []waitingroom.Grant{want})

	s.takeRefused(waitingroom.TakeCode{Hash: holder(9), Client: "shop", Op: s.op()}, waitingroom.ErrNoSession)
}

// codeReplayed checks invariant I4: who intercepts a code and uses it gets
// nothing, and what the first redemption got dies, but the visitor stays.
func codeReplayed(s *site) {
	s.join(2)
	s.serve(2)
	code := s.claimWithCode(1, "shop", 1)
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	other := s.login(1, "shop", 2)
	s.takeRefused(s.take(code), waitingroom.ErrReplayed)
	s.same("ended", s.grant(1, taken.Grant.ID).Ended, true)
	s.same("the other grant ended", s.grant(1, other.ID).Ended, false)
	s.stands(1, waitingroom.StateActive)
	s.takeRefused(s.take(code), waitingroom.ErrReplayed)
	_, _, c, err := s.Store.Rotate(s.Context(), s.room, waitingroom.Rotate{ID: s.ticket(1).ID, Grant: taken.Grant.ID})
	s.refused(c, err, waitingroom.ErrNoSession)
}

func codeReplayedLate(s *site) {
	s.join(1)
	s.serve(1)
	code := s.claimWithCode(1, "shop", 1)
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	s.tick(codeLife + 5*time.Minute)
	s.takeRefused(s.take(code), waitingroom.ErrReplayed)
	s.same("ended", s.grant(1, taken.Grant.ID).Ended, true)
	s.tick(10 * time.Minute)
	s.takeRefused(s.take(code), waitingroom.ErrNoSession)
}

func codeOfOthers(s *site) {
	s.join(1)
	s.serve(1)
	code := s.claimWithCode(1, "shop", 1)
	before := s.counters()
	wrong := s.take(code)
	wrong.Client = "thief"
	s.takeRefused(wrong, waitingroom.ErrNoSession)
	wrong = s.take(code)
	wrong.Binding[0] ^= 1
	s.takeRefused(wrong, waitingroom.ErrNoSession)
	s.same("counters", s.counters(), before)

	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	// Nor can others end the grant by trying a code that was taken.
	wrong = s.take(code)
	wrong.Client = "thief"
	s.takeRefused(wrong, waitingroom.ErrNoSession)
	s.same("ended", s.grant(1, taken.Grant.ID).Ended, false)
}

func codeRunsOut(s *site) {
	s.join(1)
	s.serve(1)
	code := s.claimWithCode(1, "shop", 1)
	late := s.claimWithCode(1, "shop", 2)
	s.Tick(codeLife)
	_, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	s.Tick(time.Millisecond)
	s.takeRefused(s.take(late), waitingroom.ErrNoSession)
	s.same("grants", len(s.lookup(1).Session.Grants), 1)
}

func codeOfSameLogin(s *site) {
	s.join(1)
	s.serve(1)
	first := codeOf(1, "shop")
	second := codeOf(2, "shop")
	second.Login = first.Login
	for _, code := range []waitingroom.Code{first, second} {
		_, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(1), Holder: holder(1), Code: &code})
		s.must(err)
	}
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(second))
	s.must(err)
	s.takeRefused(s.take(first), waitingroom.ErrNoSession)
	s.same("ended", s.grant(1, taken.Grant.ID).Ended, false)
}

func codeOfEndedSession(s *site) {
	s.join(2)
	s.serve(2)
	code := s.claimWithCode(1, "shop", 1)
	s.end(1)
	s.takeRefused(s.take(code), waitingroom.ErrNoSession)

	short := usual()
	short.SessionTTL = 30 * time.Second
	s.configure(short)
	code = s.claimWithCode(2, "shop", 2)
	s.Tick(30 * time.Second)
	s.takeRefused(s.take(code), waitingroom.ErrNoSession)
}

func codeStoredOnce(s *site) {
	s.join(1)
	s.serve(1)
	code := s.claimWithCode(1, "shop", 1)
	forged := code
	forged.Payload = []byte("another payload")
	_, _, err := s.Store.Claim(s.Context(), s.room, waitingroom.Claim{Ticket: s.ticket(1), Holder: holder(1), Code: &forged})
	s.must(err)
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	s.same("payload", taken.Payload, code.Payload)
}

func codeAuthTime(s *site) {
	s.join(1)
	s.serve(1)
	code := s.claimWithCode(1, "shop", 1)
	admitted := s.lookup(1).Session.AuthTime
	s.Tick(10 * time.Second)
	confirmed := s.extend(1, true).AuthTime
	taken, _, err := s.Store.TakeCode(s.Context(), s.room, s.take(code))
	s.must(err)
	s.same("the grant's auth_time", taken.Grant.AuthTime, admitted)
	s.same("the session's auth_time", taken.Session.AuthTime, confirmed)
	s.same("the next grant's auth_time", s.login(1, "shop", 2).AuthTime, confirmed)
}
