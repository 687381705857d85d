package redisstore_test

import (
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Each use of a refresh token left a reminder until the visit would have ended: with
// one visit, anybody could fill the store's memory.
func TestAVisitThatIsProlongedAgainAndAgainTakesNoMoreMemory(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, waitingroom.Settings{PositionTTL: time.Minute, SessionTTL: time.Hour, SessionMax: 24 * time.Hour})
	clock := newTurning()
	clock.tell(a)
	a.deal(1)
	a.serve(1)
	a.must(a.claim(1))
	for range 100 {
		clock.turn(time.Minute)
		_, _, err := a.Extend(t.Context(), room, waitingroom.RequestID{0, 1}, time.Time{})
		a.must(err)
		a.sweep()
	}
	if n := server.Do("ZCARD", "{"+room+"}:0:x").(int64); n > 2 {
		t.Errorf("%d reminders of one visit", n)
	}
	clock.turn(time.Hour)
	a.sweep()
	if c := a.counters(); c.Alive != 0 {
		t.Errorf("an hour later it is still alive: %+v", c)
	}
}

// Codes that nobody redeemed used to be kept for eleven minutes. A visitor can ask for
// as many as a node makes.
func TestACodeThatNobodyRedeemsGoesWithItsLife(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
	a.deal(1)
	a.serve(1)
	code := waitingroom.Code{Hash: [32]byte{1}, Login: [16]byte{1}, Client: "shop", Life: time.Minute}
	claim := waitingroom.Claim{Ticket: waitingroom.Ticket{ID: waitingroom.RequestID{1}, Position: 1}, Code: &code}
	_, _, err := a.Claim(t.Context(), room, claim)
	a.must(err)
	key := "{" + room + "}:0:c:" + string(code.Hash[:])
	if left := server.Do("PTTL", key).(int64); left > 2*60_000 {
		t.Errorf("kept for %d ms", left)
	}
	take := waitingroom.TakeCode{Hash: code.Hash, Client: "shop", Op: waitingroom.OpID{1}}
	_, _, err = a.TakeCode(t.Context(), room, take)
	a.must(err)
	if left := server.Do("PTTL", key).(int64); left < 600_000 {
		t.Errorf("once redeemed, it is remembered for %d ms", left)
	}
}

// Each process that ever dealt a position left a field for as long as the generation
// lasted.
func TestNodesThatHaveGoneAreForgotten(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, rules())
	clock := newTurning()
	clock.tell(a)
	for range 500 {
		clock.turn(time.Minute)
		a.name, a.seq = waitingroom.NewOpID(), 0 // As another process would.
		if first := a.deal(1); a.deal(1) != first+1 {
			t.Fatal("dealt out of order")
		}
	}
	if n := server.Do("HLEN", "{"+room+"}:0:n").(int64); n > 101 {
		t.Errorf("%d nodes are remembered", n)
	}
	again, _, err := a.Advance(t.Context(), room, waitingroom.Advance{Node: a.name, Seq: a.seq, N: 1})
	if a.must(err); again != 1000 {
		t.Errorf("repeated, the last call deals %d, want 1000", again)
	}
}

// A code used to go by Redis's clock while the room's stood still, as it does when the
// clock of a new master is behind.
func TestACodeLivesByTheRoomsClock(t *testing.T) {
	server := redistest.Start(t)
	a := join(t, server, lasting())
	clock := newTurning()
	clock.tell(a)
	a.deal(1)
	a.serve(1)
	code := waitingroom.Code{Hash: [32]byte{1}, Login: [16]byte{1}, Client: "shop", Life: time.Millisecond}
	a.must(a.claimWith(1, &code))
	if left := server.Do("PTTL", "{"+room+"}:0:c:"+string(code.Hash[:])).(int64); left < 30_000 {
		t.Errorf("Redis takes it away in %d ms", left)
	}
	_, _, err := a.TakeCode(t.Context(), room, waitingroom.TakeCode{Hash: code.Hash, Client: "shop", Op: waitingroom.OpID{1}})
	a.must(err)
}
