package waitingroom_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// common is a store that other nodes use, too, as far as an engine can tell.
type common struct {
	waitingroom.Store

	mu    sync.Mutex // Guards the rest.
	polls [][]string // The rooms of each poll.
	// answer, if not nil, says what a room is answered, when it likes.
	answer func(room string, c waitingroom.Counters) (waitingroom.Counters, error)
}

var _ waitingroom.Shared = (*common)(nil)

func (s *common) Poll(ctx context.Context, rooms []string, answer func(string, waitingroom.Counters, error)) {
	s.mu.Lock()
	s.polls = append(s.polls, rooms)
	instead := s.answer
	s.mu.Unlock()
	var polling sync.WaitGroup
	for _, room := range rooms {
		polling.Go(func() {
			c, err := s.Counters(ctx, room)
			if instead != nil && err == nil {
				c, err = instead(room, c)
			}
			answer(room, c, err)
		})
	}
	polling.Wait()
}

func (s *common) answering(answer func(string, waitingroom.Counters) (waitingroom.Counters, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// during returns how many polls there are in a time, and how often each room is in
// them.
func (s *common) during(d time.Duration) (polls int, rooms map[string]int) {
	s.mu.Lock()
	before := len(s.polls)
	s.mu.Unlock()
	time.Sleep(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms = make(map[string]int)
	for _, poll := range s.polls[before:] {
		for _, room := range poll {
			rooms[room]++
		}
	}
	return len(s.polls) - before, rooms
}

func (s *common) Watch(ctx context.Context, _ string, _ func(waitingroom.Counters)) { <-ctx.Done() }

func (s *common) Remember(_ context.Context, _ string, _ int64, _ [16]byte, dealt, _ waitingroom.RequestID, _ time.Duration) (waitingroom.RequestID, error) {
	return dealt, nil
}

func (s *common) Newcomers(context.Context, string, [8]byte, time.Duration) (int, error) {
	return 1, nil
}

func (s *common) Nodes(string) int { return 1 }

func (s *common) Check(context.Context) error { return nil }

// share runs an engine over a shared store, and stops half a round after a poll, so
// that tests know which side of the next they are on.
func share(t *testing.T, rooms ...waitingroom.RoomConfig) (*common, *waitingroom.Engine) {
	t.Helper()
	store := &common{Store: memstore.New(time.Now)}
	for i := range rooms {
		rooms[i].Settings = minutes
	}
	engine, err := waitingroom.New(waitingroom.Options{Store: store, Secrets: newSecrets(t, 1), Revision: 1, Rooms: rooms})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Stop)
	time.Sleep(300 * time.Millisecond)
	return store, engine
}

func many(n int) (rooms []waitingroom.RoomConfig) {
	for i := range n {
		rooms = append(rooms, waitingroom.RoomConfig{ID: fmt.Sprintf("room-%d", i)})
	}
	return rooms
}

func TestRoomsWithVisitorsArePolledTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := share(t, many(100)...)
		for _, room := range engine.Rooms() {
			join(t, room)
		}
		polls, rooms := store.during(time.Second)
		if polls != 5 || len(rooms) != 100 {
			t.Errorf("%d polls a second for %d rooms, want 5 for 100", polls, len(rooms))
		}
		for room, n := range rooms {
			if n != 5 {
				t.Errorf("%s was in %d of 5 polls", room, n)
			}
		}
	})
}

func TestARoomWithoutVisitorsIsPolledEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inlet := waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 1, Every: time.Second}
		store, engine := share(t, waitingroom.RoomConfig{ID: "busy"}, waitingroom.RoomConfig{ID: "quiet"},
			waitingroom.RoomConfig{ID: "moving", Inlet: inlet})
		busy := engine.Rooms()[0]
		for _, step := range []struct {
			name    string
			visited bool
			after   time.Duration
			want    int
		}{
			{"before anybody came", false, 0, 2},
			{"with a visitor", true, 0, 50},
			{"up to a minute later", false, 39 * time.Second, 50},
			{"a minute later", false, 2 * time.Second, 2},
			{"with a visitor again", true, 0, 50},
		} {
			time.Sleep(step.after)
			if step.visited {
				join(t, busy)
			}
			_, rooms := store.during(10 * time.Second)
			if rooms["busy"] != step.want || rooms["quiet"] != 2 || rooms["moving"] != 50 {
				t.Errorf("%s: polled in 10 s: %v, want %d, 2 and 50", step.name, rooms, step.want)
			}
		}
	})
}

// A room that is being settled takes a second to answer, and one on a dead shard as
// long as a call may take.
func TestARoomThatTakesLongKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := share(t, many(3)...)
		for _, room := range engine.Rooms() {
			join(t, room)
		}
		store.answering(func(room string, c waitingroom.Counters) (waitingroom.Counters, error) {
			if room == "room-1" {
				time.Sleep(1900 * time.Millisecond)
			}
			return c, nil
		})
		_, rooms := store.during(2 * time.Second)
		if rooms["room-0"] != 10 || rooms["room-1"] != 1 || rooms["room-2"] != 10 {
			t.Errorf("polled in 2 s: %v, want 10, 1 and 10", rooms)
		}
		store.answering(nil)
		time.Sleep(2 * time.Second)
		if _, rooms = store.during(time.Second); rooms["room-1"] != 5 {
			t.Errorf("polled in the second after: %v, want 5 of each", rooms)
		}
	})
}

// An answer that was on its way while the counter was moved used to make the door
// believe that it was moved back, and all who had been held back entered at once.
func TestAnAnswerThatWasOvertakenReplacesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := share(t, many(1)...)
		room := engine.Rooms()[0]
		var last waitingroom.Ticket
		for range 20 {
			last = join(t, room)
		}
		engine.PaceEntries(1)
		time.Sleep(time.Second)
		old := room.Counters()
		served, err := room.Serve(t.Context(), 20)
		if err != nil {
			t.Fatal(err)
		}
		store.answering(func(string, waitingroom.Counters) (waitingroom.Counters, error) { return old, nil })
		time.Sleep(time.Second)
		if c := room.Counters(); c.Serving != served.Serving || c.Sequence != served.Sequence {
			t.Errorf("the snapshot went back to %+v", c)
		}
		if wait := room.Pace(last).EnterAfter; wait < 10*time.Second {
			t.Errorf("the last of 20 may enter in %v, at one a second", wait)
		}
		store.answering(nil)
		reset, err := room.Reset(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		served.Sequence += 100 // In its time the line had seen more changes.
		store.answering(func(string, waitingroom.Counters) (waitingroom.Counters, error) { return served, nil })
		time.Sleep(time.Second)
		if c := room.Counters(); c.Generation != reset.Generation || c.Serving != 0 {
			t.Errorf("after a reset the snapshot went back to %+v", c)
		}
	})
}

func TestAllRoomsNoticeThatTheStoreIsAwayAndThatItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := share(t, many(50)...)
		join(t, engine.Rooms()[7]) // All others are idle.
		store.answering(func(_ string, c waitingroom.Counters) (waitingroom.Counters, error) {
			return c, waitingroom.ErrUnavailable
		})
		time.Sleep(6 * time.Second)
		for _, room := range engine.Rooms() {
			if room.Healthy() == nil {
				t.Errorf("%s takes the store for healthy", room.Config().ID)
			}
		}
		if c := engine.Rooms()[7].Counters(); c.Dealt != 1 {
			t.Errorf("the last known state was forgotten: %+v", c)
		}
		store.answering(nil)
		time.Sleep(400 * time.Millisecond)
		for _, room := range engine.Rooms() {
			if err := room.Healthy(); err != nil {
				t.Errorf("%s hasn't noticed that the store is back: %v", room.Config().ID, err)
			}
		}
	})
}
