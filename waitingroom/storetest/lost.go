package storetest

import (
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// A verb is one call of a store on the site that [prepareVerbs] makes.
type verb struct {
	name string
	call func(s *site) (result any, c waitingroom.Counters, err error)
	// again is the error of the repeated call where it differs from the first
	// one's: a compare-and-set answers that the change has been made.
	again error
}

// lostReplyTests repeat each verb, as a node does when the reply to the first
// call was lost.
func lostReplyTests() []test {
	var tests []test
	for _, v := range append(lineVerbs(), sessionVerbs()...) {
		tests = append(tests, test{v.name + " repeated after a lost reply changes nothing more", func(s *site) {
			prepareVerbs(s)
			repeated(s, v)
		}})
	}
	return tests
}

// prepareVerbs leaves position 1 unclaimed, 2 with a session that has a live
// grant (code 2), 3 with a code that wasn't taken (code 3), 4 with an ended
// session, 5 with a code that was taken (code 5) and two grants; 6 to 8 wait.
func prepareVerbs(s *site) {
	s.join(8)
	s.serve(5)
	s.login(2, "shop", 2)
	s.claimWithCode(3, "shop", 3)
	s.claim(4)
	s.end(4)
	s.login(5, "shop", 5)
	s.login(5, "blog", 50)
	s.lease(s.node, time.Hour)
	s.keep("kept", "value", 0)
	s.Tick(3 * time.Second)
}

// repeated calls a verb twice and compares results, counters and standings.
func repeated(s *site, v verb) {
	first, c, firstErr := v.call(s)
	s.same("counters of the reply", c, s.counters())
	standings := s.standings(8)
	again, cAgain, err := v.call(s)
	want := firstErr
	if v.again != nil {
		want = v.again
	} else if diff := cmp.Diff(first, again); diff != "" {
		s.Errorf("the repeated call's result (-first +again):\n%s", diff)
	}
	if !errors.Is(err, want) {
		s.Errorf("the repeated call's error: got %v, want %v", err, want)
	}
	s.same("counters of the repeated call", cAgain, c)
	s.same("standings after the repeated call", s.standings(8), standings)
}

// standings returns how the first n places stand.
func (s *site) standings(n int64) []waitingroom.Standing {
	s.Helper()
	all := make([]waitingroom.Standing, n)
	for i := range all {
		all[i] = s.lookup(int64(i) + 1)
	}
	return all
}

func lineVerbs() []verb {
	to := int64(2)
	op := waitingroom.OpID{1}
	return []verb{
		{name: "Counters", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Counters(s.Context(), s.room)
			return nil, c, err
		}},
		{name: "Settle", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Settle(s.Context(), s.room, waitingroom.Floors{Dealt: 20, Serving: 9, Epoch: 3})
			return nil, c, err
		}},
		{name: "Settle of a later generation", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Settle(s.Context(), s.room, waitingroom.Floors{Generation: 1 << 41, Dealt: 20, Serving: 9})
			return nil, c, err
		}},
		{name: "Advance", call: func(s *site) (any, waitingroom.Counters, error) {
			first, c, err := s.Store.Advance(s.Context(), s.room, waitingroom.Advance{Node: s.node, Seq: s.seq + 1, N: 5})
			return first, c, err
		}},
		{name: "Serve by a step", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Serve(s.Context(), s.room, waitingroom.Serve{By: 2, Op: op})
			return nil, c, err
		}},
		{name: "Serve to a lower value", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Serve(s.Context(), s.room, waitingroom.Serve{To: &to, Op: op})
			return nil, c, err
		}},
		{name: "An inlet's Serve", again: waitingroom.ErrConflict, call: inletStep()},
		{name: "Reset", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Reset(s.Context(), s.room, op, 0)
			return nil, c, err
		}},
		{name: "Configure", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Configure(s.Context(), s.room, 77, endless())
			return nil, c, err
		}},
		{name: "Lease prolonged", call: func(s *site) (any, waitingroom.Counters, error) {
			return lease(s, s.node)
		}},
		{name: "Lease refused", call: func(s *site) (any, waitingroom.Counters, error) {
			return lease(s, waitingroom.OpID{9})
		}},
		{name: "Sweep", call: func(s *site) (any, waitingroom.Counters, error) {
			_, c, err := s.Store.Sweep(s.Context(), s.room, 100)
			return nil, c, err
		}},
		{name: "Keep", call: func(s *site) (any, waitingroom.Counters, error) {
			kept, err := s.Store.Keep(s.Context(), "new", []byte("value"), time.Hour)
			return kept, s.counters(), err
		}},
		{name: "Swap", call: func(s *site) (any, waitingroom.Counters, error) {
			kept, err := s.Store.Swap(s.Context(), "kept", []byte("value"), []byte("another"))
			return kept, s.counters(), err
		}},
		{name: "Kept", call: func(s *site) (any, waitingroom.Counters, error) {
			kept, err := s.Store.Kept(s.Context(), "kept")
			return kept, s.counters(), err
		}},
	}
}

func lease(s *site, node waitingroom.OpID) (any, waitingroom.Counters, error) {
	lease, c, err := s.Store.Lease(s.Context(), s.room, node, 2*time.Hour)
	return lease, c, err
}

// inletStep returns a call that repeats the version which it read at first.
func inletStep() func(s *site) (any, waitingroom.Counters, error) {
	var step *waitingroom.Serve
	return func(s *site) (any, waitingroom.Counters, error) {
		if step == nil {
			lease, c := s.lease(s.node, time.Hour)
			step = &waitingroom.Serve{By: 1, Lease: lease, Version: c.Version, Anchor: c.Now}
		}
		c, err := s.Store.Serve(s.Context(), s.room, *step)
		return nil, c, err
	}
}

func sessionVerbs() []verb {
	op := waitingroom.OpID{1}
	claim := func(position int64, browser byte, change func(*waitingroom.Claim)) func(s *site) (any, waitingroom.Counters, error) {
		return func(s *site) (any, waitingroom.Counters, error) {
			c := waitingroom.Claim{Ticket: ticketOf(0, position), Holder: holder(browser)}
			change(&c)
			return counted(s.Store.Claim(s.Context(), s.room, c))
		}
	}
	take := func(n int) func(s *site) (any, waitingroom.Counters, error) {
		return func(s *site) (any, waitingroom.Counters, error) {
			code := codeOf(n, "shop")
			return counted(s.Store.TakeCode(s.Context(), s.room, waitingroom.TakeCode{
				Hash: code.Hash, Client: code.Client, Binding: code.Binding, Op: op,
			}))
		}
	}
	id := func(position int64) waitingroom.RequestID { return ticketOf(0, position).ID }
	return []verb{
		{name: "Claim", call: claim(1, 1, func(*waitingroom.Claim) {})},
		{name: "Claim that reserves", call: claim(1, 1, func(c *waitingroom.Claim) { c.Reserve = &waitingroom.Reservation{Op: op} })},
		{name: "Claim that reserves on a visit", call: claim(2, 1, func(c *waitingroom.Claim) { c.Reserve = &waitingroom.Reservation{Op: op} })},
		{name: "Claim with a code", call: claim(1, 1, func(c *waitingroom.Claim) {
			code := codeOf(9, "shop")
			c.Code = &code
		})},
		{name: "Claim that takes a session over", call: claim(2, 2, func(c *waitingroom.Claim) { c.Take = true })},
		{name: "Claim of a held session", call: claim(2, 2, func(*waitingroom.Claim) {})},
		{name: "Claim of a spent place", call: claim(4, 1, func(*waitingroom.Claim) {})},
		{name: "Lookup", call: func(s *site) (any, waitingroom.Counters, error) {
			return counted(s.Store.Lookup(s.Context(), s.room, ticketOf(0, 2)))
		}},
		{name: "Extend", call: func(s *site) (any, waitingroom.Counters, error) {
			return counted(s.Store.Extend(s.Context(), s.room, id(2), time.Time{}))
		}},
		{name: "Extend that confirms", call: confirmation(id(2))},
		{name: "End", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.End(s.Context(), s.room, id(2), waitingroom.StatusAbandoned, time.Time{})
			return nil, c, err
		}},
		{name: "TakeCode", call: take(3)},
		{name: "TakeCode of a code that was taken", call: take(5)},
		{name: "Rotate within the grace", call: func(s *site) (any, waitingroom.Counters, error) {
			code := codeOf(2, "shop")
			session, grant, c, err := s.Store.Rotate(s.Context(), s.room, waitingroom.Rotate{
				ID: id(2), Grant: grantOf(code), Grace: true,
			})
			return []any{session, grant}, c, err
		}},
		{name: "Revoke of one grant of two", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Revoke(s.Context(), s.room, id(5), grantOf(codeOf(5, "shop")), time.Time{})
			return nil, c, err
		}},
		{name: "Revoke of the last grant", call: func(s *site) (any, waitingroom.Counters, error) {
			c, err := s.Store.Revoke(s.Context(), s.room, id(2), grantOf(codeOf(2, "shop")), time.Time{})
			return nil, c, err
		}},
	}
}

// confirmation returns a call that repeats the auth_time which it saw at first.
func confirmation(id waitingroom.RequestID) func(s *site) (any, waitingroom.Counters, error) {
	var seen time.Time
	return func(s *site) (any, waitingroom.Counters, error) {
		if seen.IsZero() {
			seen = s.lookup(2).Session.AuthTime
		}
		return counted(s.Store.Extend(s.Context(), s.room, id, seen))
	}
}

// counted turns what a verb returns into what a table holds.
func counted[T any](result T, c waitingroom.Counters, err error) (any, waitingroom.Counters, error) {
	return result, c, err
}
