package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

// span returns a span in milliseconds.
func span(invoked, completed int) audit.Span {
	return audit.Span{Invoked: ms(invoked), Completed: ms(completed)}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// stood returns a place that was shown a position early on.
func stood(visitor int, positions ...int64) audit.Place {
	p := audit.Place{Visitor: visitor}
	for i, position := range positions {
		p.Sights = append(p.Sights, audit.Sight{Position: position, Span: span(i, i+1)})
	}
	return p
}

// entered returns a place at a position that was let in, and last seen alive.
func entered(visitor int, position int64, claim audit.Span, alive audit.Span) audit.Place {
	p := stood(visitor, position)
	p.Entries = []audit.Entry{{Span: claim, Redemptions: []audit.Redemption{{Span: alive, Outcome: audit.Done, Admitted: 1_000}}}}
	p.Visit.Alive = alive
	return p
}

// left returns the place with its visit ended.
func left(p audit.Place, end audit.Span, outcome audit.Outcome) audit.Place {
	p.Visit.Asked, p.Visit.End, p.Visit.Ended = true, end, outcome
	return p
}

// again returns the place let in once more.
func again(p audit.Place, claim audit.Span, redemptions ...audit.Redemption) audit.Place {
	p.Entries = append(slices.Clone(p.Entries), audit.Entry{Span: claim, Redemptions: redemptions})
	return p
}

// in returns the place in another generation.
func in(generation int64, p audit.Place) audit.Place {
	p.Generation = generation
	return p
}

func places(list ...audit.Place) *audit.History { return &audit.History{Places: list} }

// served returns a history in which the operator alone raises the counter.
func served(serves []audit.Serve, list ...audit.Place) *audit.History {
	return &audit.History{Places: list, Serves: serves, Alone: true}
}

// seen returns a history in which only answers show the counter.
func seen(readings []audit.Reading, list ...audit.Place) *audit.History {
	return &audit.History{Places: list, Readings: readings, Stale: time.Second}
}

func TestJudge(t *testing.T) {
	ten := []audit.Serve{{Span: span(5_000, 5_100), Outcome: audit.Done, Add: 10, Serving: 10}}
	outcome := func(o audit.Outcome) []audit.Serve {
		return []audit.Serve{{Span: span(5_000, 5_100), Outcome: o, Add: 10}}
	}
	replay := func(a, b audit.Outcome) audit.Place {
		p := entered(1, 1, span(10, 20), span(30, 40))
		p.Entries[0].Redemptions = []audit.Redemption{{Span: span(30, 40), Outcome: a}, {Span: span(50, 60), Outcome: b}}
		return p
	}
	lost := stood(1, 1)
	lost.Losses = []audit.Span{span(100, 110)}
	forgot := entered(1, 1, span(10, 20), span(30, 40))
	forgot.Visit.Forgotten = []audit.Span{span(100, 110)}
	for name, test := range map[string]struct {
		history *audit.History
		want    []string // The invariants broken.
	}{
		"an empty history is no breach": {&audit.History{}, nil},

		"two visitors hold the same position":                        {places(stood(1, 7), stood(2, 7)), []string{"I1"}},
		"two visitors hold the same position in two generations":     {places(in(1, stood(1, 7)), in(2, stood(2, 7))), nil},
		"two visitors hold the same position in nobody knows which":  {places(in(audit.AnyGeneration, stood(1, 7)), stood(2, 7)), nil},
		"one visitor is shown the place again after asking for anew": {places(stood(1, 7), stood(1, 7)), nil},

		"a position changes":                 {places(stood(1, 7, 8)), []string{"I2"}},
		"a position changes and comes back":  {places(stood(1, 7, 8, 7)), []string{"I2"}},
		"a position changes to another's":    {places(stood(1, 7), stood(2, 8, 7)), []string{"I1", "I2"}},
		"a visitor was never shown anything": {places(stood(1)), nil},

		"a claim completed before the serve that covers it was invoked": {served(ten, entered(1, 3, span(4_000, 4_999), span(6_000, 6_001))), []string{"I3"}},
		"a claim completed while the serve that covers it was under way": {
			served(ten, entered(1, 3, span(4_000, 5_001), span(6_000, 6_001))), nil,
		},
		"a claim was above all that had been served": {served(ten, entered(1, 11, span(6_000, 6_001), span(7_000, 7_001))), []string{"I3"}},
		"a claim was covered by a serve that may have happened": {
			served(outcome(audit.Unknown), entered(1, 3, span(6_000, 6_001), span(7_000, 7_001))), nil,
		},
		"a claim was covered by a serve that was refused": {
			served(outcome(audit.Refused), entered(1, 3, span(6_000, 6_001), span(7_000, 7_001))), []string{"I3"},
		},
		"a claim was covered by the counter as it was at first": {
			&audit.History{Alone: true, Base: 3, Places: []audit.Place{entered(1, 3, span(10, 20), span(30, 40))}}, nil,
		},
		"a claim was covered by places that were handed on": {
			&audit.History{Alone: true, Base: 3, Reused: 2, Places: []audit.Place{entered(1, 5, span(10, 20), span(30, 40))}}, nil,
		},
		"a claim of a position that nobody knows is left out": {
			served(ten, audit.Place{Visitor: 1, Entries: []audit.Entry{{Span: span(10, 20)}}}), nil,
		},
		"a claim was early by one of two serves": {
			served(append([]audit.Serve{{Span: span(8_000, 8_100), Outcome: audit.Done, Add: 5}}, ten...),
				entered(1, 12, span(7_000, 7_500), span(9_000, 9_001))), []string{"I3"},
		},
		"the counter was taken back, and who had been served before was in": {
			served(append([]audit.Serve{{Span: span(6_000, 6_001), Outcome: audit.Done, Add: -10}}, ten...),
				entered(1, 3, span(7_000, 7_001), span(8_000, 8_001))), nil,
		},
		"the counter moved by itself": {
			&audit.History{Alone: true, Readings: []audit.Reading{{Serving: 4, First: ms(100), Last: ms(90)}}}, []string{"I3"},
		},

		"a claim completed long before the counter was seen below it": {
			seen([]audit.Reading{{Serving: 2, First: ms(100), Last: ms(6_001)}}, entered(1, 3, span(4_000, 5_000), span(6_000, 6_001))), []string{"I3"},
		},
		"a claim completed while an answer may have been stale": {
			seen([]audit.Reading{{Serving: 2, First: ms(100), Last: ms(5_999)}}, entered(1, 3, span(4_000, 5_000), span(6_000, 6_001))), nil,
		},
		"a claim completed before the counter fell below it": {
			seen([]audit.Reading{{Serving: 2, First: ms(100), Last: ms(9_000)}, {Serving: 3, First: ms(3_900), Last: ms(5_000)}},
				entered(1, 3, span(4_000, 5_000), span(6_000, 6_001))), nil,
		},
		"a claim completed before the counter was seen as high, and no answer shows it lower": {
			seen([]audit.Reading{{Serving: 3, First: ms(9_000), Last: ms(8_900)}}, entered(1, 3, span(4_000, 5_000), span(6_000, 6_001))), nil,
		},
		"a claim was above a counter that was seen higher only later": {
			seen([]audit.Reading{{Serving: 3, First: ms(9_000), Last: ms(8_900)}, {Serving: 2, First: ms(100), Last: ms(8_000)}},
				entered(1, 3, span(4_000, 5_000), span(6_000, 6_001))), []string{"I3"},
		},

		"a code was redeemed twice":                            {places(replay(audit.Done, audit.Done)), []string{"I4"}},
		"a code was redeemed, and refused the second time":     {places(replay(audit.Done, audit.Refused)), nil},
		"a code was redeemed after an attempt without a reply": {places(replay(audit.Unknown, audit.Done)), nil},

		"a place was lost":                              {places(lost), []string{"I5"}},
		"a place was lost by a reset":                   {places(lost, in(5, stood(2, 1))), nil},
		"a place was lost by a reset that nobody joins": {&audit.History{Places: []audit.Place{lost}, Generation: 5}, nil},
		"a visit was forgotten":                         {places(forgot), []string{"I5"}},
		"a visit was over before it was forgotten":      {places(left(forgot, span(90, 95), audit.Done)), nil},
		"a visit may have been over when it was forgotten": {
			places(left(forgot, span(90, 10_000), audit.Unknown)), nil,
		},

		"three were alive with a capacity of two": {
			&audit.History{Capacity: 2, Places: []audit.Place{
				entered(1, 1, span(0, 100), span(500, 501)), entered(2, 2, span(0, 200), span(500, 501)), entered(3, 3, span(0, 300), span(500, 501)),
			}}, []string{"I6"},
		},
		"the third came when one of two may have been gone": {
			&audit.History{Capacity: 2, Places: []audit.Place{
				entered(1, 1, span(0, 100), span(250, 251)), entered(2, 2, span(0, 200), span(500, 501)), entered(3, 3, span(240, 300), span(500, 501)),
			}}, nil,
		},
		"the third came when one of two was looked at for the last time": {
			&audit.History{Capacity: 2, Places: []audit.Place{
				entered(1, 1, span(0, 100), span(290, 310)), entered(2, 2, span(0, 200), span(500, 501)), entered(3, 3, span(240, 300), span(500, 501)),
			}}, nil,
		},
		"the third came when one of two had begun to leave": {
			&audit.History{Capacity: 2, Places: []audit.Place{
				left(entered(1, 1, span(0, 100), span(500, 501)), span(250, 600), audit.Unknown),
				entered(2, 2, span(0, 200), span(500, 501)), entered(3, 3, span(240, 300), span(500, 501)),
			}}, nil,
		},

		"a place was let in again after its visit": {
			places(again(left(entered(1, 1, span(10, 20), span(30, 40)), span(50, 60), audit.Done), span(61, 70))), []string{"I9"},
		},
		"a place was let in again while its visit was being ended": {
			places(again(left(entered(1, 1, span(10, 20), span(30, 40)), span(50, 60), audit.Done), span(55, 70))), nil,
		},
		"a place was let in again after a visit that may not have ended": {
			places(again(left(entered(1, 1, span(10, 20), span(30, 40)), span(50, 60), audit.Unknown), span(61, 70))), nil,
		},
		"a place was admitted twice": {
			places(again(entered(1, 1, span(10, 20), span(30, 40)), span(61, 70), audit.Redemption{Span: span(71, 72), Outcome: audit.Done, Admitted: 1_001})),
			[]string{"I9"},
		},
		"a place logged in twice in one visit": {
			places(again(entered(1, 1, span(10, 20), span(30, 40)), span(61, 70), audit.Redemption{Span: span(71, 72), Outcome: audit.Done, Admitted: 1_000})), nil,
		},

		"a secret stood in a URL":        {&audit.History{Faults: []audit.Fault{{Invariant: "I7", Visitor: 1, Says: "the session cookie"}}}, []string{"I7"}},
		"an answer was of no known form": {&audit.History{Faults: []audit.Fault{{Invariant: "I8", Visitor: 1, Says: "no JSON"}}}, []string{"I8"}},
	} {
		t.Run(name, func(t *testing.T) {
			verdict := audit.Judge(test.history)
			if diff := cmp.Diff(test.want, broken(verdict)); diff != "" {
				t.Errorf("invariants broken (-want +got):\n%s%s", diff, sentences(verdict))
			}
			for _, b := range verdict.Breaches {
				if b.Says == "" || len(b.History) == 0 {
					t.Errorf("a breach of %s has no sentence or no history: %+v", b.Invariant, b)
				}
			}
		})
	}
}

// broken returns the names of the invariants that were broken.
func broken(v *audit.Verdict) (list []string) {
	for _, c := range v.Checks {
		if c.Breaches > 0 {
			list = append(list, c.Invariant)
		}
	}
	return list
}

func sentences(v *audit.Verdict) string {
	var b strings.Builder
	for _, breach := range v.Breaches {
		fmt.Fprintf(&b, "%s: %s\n", breach.Invariant, breach.Says)
		for _, e := range breach.History {
			fmt.Fprintf(&b, "  %v–%v %s\n", e.Span.Invoked, e.Span.Completed, e.Says)
		}
	}
	return b.String()
}

func TestAFallOfTheCounterIsNotedAndNoBreach(t *testing.T) {
	verdict := audit.Judge(seen([]audit.Reading{
		{Serving: 2, First: ms(100), Last: ms(9_000)}, {Serving: 3, First: ms(3_900), Last: ms(5_000)},
	}))
	if len(verdict.Notes) != 1 || !strings.Contains(verdict.Notes[0], "fall") {
		t.Errorf("the notes are %q", verdict.Notes)
	}
}

func TestManyBreachesAreCountedAndTheFirstAreTold(t *testing.T) {
	h := &audit.History{}
	for i := range 1_000 {
		h.Places = append(h.Places, stood(i, 1))
	}
	verdict := audit.Judge(h)
	if verdict.Broken() != 999 || len(verdict.Breaches) != 10 {
		t.Errorf("%d breaches, %d told; want 999 and 10", verdict.Broken(), len(verdict.Breaches))
	}
	if n := verdict.Broken("I1"); n != 0 {
		t.Errorf("%d breaches but for those of I1, want 0", n)
	}
}

// Among hundreds of visits that a store forgot, a place that it lost used to be counted
// and not told.
func TestALostPlaceIsToldBeforeForgottenVisits(t *testing.T) {
	h := &audit.History{}
	for i := range 100 {
		p := entered(i, int64(i), span(10, 20), span(30, 40))
		p.Visit.Forgotten = []audit.Span{span(100, 110)}
		h.Places = append(h.Places, p)
	}
	lost := stood(100, 100)
	lost.Losses = []audit.Span{span(100, 110)}
	h.Places = append(h.Places, lost)
	verdict := audit.Judge(h)
	if len(verdict.Breaches) == 0 || verdict.Breaches[0].Says != "the place of visitor 100 was lost" {
		t.Errorf("the verdict tells of %+v first", verdict.Breaches[:min(1, len(verdict.Breaches))])
	}
}
