package waitingroom

import (
	"net/netip"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func TestAPeriodicInletComputesWhatItOwes(t *testing.T) {
	fifty := Inlet{Kind: InletPeriodic, Add: 50, Every: time.Second}
	rare := Inlet{Kind: InletPeriodic, Add: 3, Every: time.Minute}
	for name, test := range map[string]struct {
		inlet    Inlet
		since    time.Duration
		want     int64
		leftOver time.Duration // How far the next anchor lies before now.
	}{
		"nothing when no time has passed":      {fifty, 0, 0, 0},
		"a tenth of a second's worth":          {fifty, 100 * time.Millisecond, 5, 0},
		"the fraction is kept for later":       {fifty, 119 * time.Millisecond, 5, 19 * time.Millisecond},
		"missed ticks are made good":           {fifty, 3 * time.Second, 150, 0},
		"but no more than five seconds' worth": {fifty, time.Hour, 250, 0},
		"a rare place comes when it is due":    {rare, 20 * time.Second, 1, 0},
		"and not before":                       {rare, 19 * time.Second, 0, 19 * time.Second},
		"a clock that went back owes nothing":  {fifty, -time.Second, 0, -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got, next := test.inlet.due(noon, noon.Add(test.since))
			if got != test.want {
				t.Errorf("owes %d, want %d", got, test.want)
			}
			if left := noon.Add(test.since).Sub(next); left != test.leftOver {
				t.Errorf("%v is left over, want %v", left, test.leftOver)
			}
		})
	}
}

func TestAPeriodicInletOfTheLargestSizeDoesNotOverflow(t *testing.T) {
	in := Inlet{Kind: InletPeriodic, Add: maxAdd, Every: 24 * time.Hour}
	if got, _ := in.due(noon, noon.Add(5*time.Second)); got != 57 {
		t.Errorf("five seconds of a million a day are %d, want 57", got)
	}
}

func TestEstimate(t *testing.T) {
	for name, test := range map[string]struct {
		position, serving, dealt int64
		slow, fast               float64
		want                     Pace
	}{
		"the next in line has nobody ahead":       {11, 10, 20, 1, 1, Pace{0, time.Second, time.Second, minPoll, 0}},
		"a range where the speed varies":          {110, 10, 200, 1, 2, Pace{99, 50 * time.Second, 100 * time.Second, 5 * time.Second, 0}},
		"nobody can say while nothing moves":      {110, 10, 200, 0, 0, Pace{99, -1, -1, unknownPoll, 0}},
		"nor for how long after it stopped":       {110, 10, 200, 0, 2, Pace{99, -1, -1, 5 * time.Second, 0}},
		"polls are at most a minute apart":        {100_010, 10, 100_010, 1, 1, Pace{99_999, 100_000 * time.Second, 100_000 * time.Second, maxPoll, 0}},
		"a served place waits for nothing":        {10, 10, 20, 1, 1, Pace{}},
		"a place far below the counter as little": {1, 10, 20, 1, 1, Pace{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := estimate(test.position, Counters{Serving: test.serving, Dealt: test.dealt}, rates{slow: test.slow, fast: test.fast}, 1)
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestACrowdIsStretchedToTheBudgetAndItsFrontStillHearsFirst(t *testing.T) {
	const budget = 10_000
	for name, test := range map[string]struct {
		waiting   int64
		fast      float64
		stretched bool
	}{
		"a hundred":                        {100, 1, false},
		"a line that doesn't move":         {10_000, 0, false},
		"a crowd that doesn't move":        {1_000_000, 0, true},
		"a crowd that moves at a walk":     {1_000_000, 10, true},
		"a crowd that moves fast":          {1_000_000, 1000, true},
		"ten million":                      {10_000_000, 1000, true},
		"a crowd that is through in a jot": {1_000_000, 1e6, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := Counters{Now: noon, Dealt: test.waiting}
			p := pace{at: []time.Time{noon.Add(-time.Minute)}, served: []int64{int64(-60 * test.fast)}}
			p.observe(c, Inlet{}, budget)
			after := func(position int64) time.Duration { return estimate(position, c, p.now(), 1).PollAfter }
			var polls float64 // A second, of one visitor in ten.
			for at := int64(1); at <= test.waiting; at += 10 {
				polls += 10 / after(at).Seconds()
			}
			if stretched := p.now().stretch > 1; stretched != test.stretched {
				t.Errorf("stretched by %.2f", p.now().stretch)
			}
			if polls > 1.01*budget || test.stretched && polls < 0.99*budget {
				t.Errorf("%.0f polls a second, where the nodes answer %d", polls, budget)
			}
			if first, last := after(1), after(test.waiting); test.fast > 0 && test.fast < 1e5 && test.waiting > 10_000 && first > last/10 {
				t.Errorf("the first polls every %v, the last every %v", first, last)
			}
		})
	}
}

// frontierAt returns what tells the door how far a room has come.
func frontierAt(frontier int64, now time.Time) func() Counters {
	return func() Counters { return Counters{Now: now, Dealt: frontier, Serving: frontier} }
}

func TestTheDoorSpreadsThoseServedTogether(t *testing.T) {
	d := door{limit: time.Minute}
	d.pace(10)
	d.observe(frontierAt(100, noon))
	if wait := d.delay(100, noon); wait != 0 {
		t.Errorf("who was served before the node looked waits %v", wait)
	}
	d.observe(frontierAt(200, noon))
	d.observe(frontierAt(300, noon.Add(time.Second))) // Comes before the first hundred are through.
	for position, want := range map[int64]time.Duration{
		101: 0, 111: time.Second, 200: 9900 * time.Millisecond,
		201: 10 * time.Second, 300: 19900 * time.Millisecond,
	} {
		if wait := d.delay(position, noon); wait != want {
			t.Errorf("position %d waits %v, want %v", position, wait, want)
		}
	}
	if wait := d.delay(200, noon.Add(time.Hour)); wait != 0 {
		t.Errorf("an hour later position 200 still waits %v", wait)
	}
	d.observe(frontierAt(0, noon)) // A reset.
	if wait := d.delay(200, noon); wait != 0 {
		t.Errorf("after a reset position 200 waits %v", wait)
	}
}

func TestTheDoorHoldsNobodyBackForMoreThanHalfTheWindow(t *testing.T) {
	d := door{limit: time.Minute}
	d.pace(1)
	d.observe(frontierAt(0, noon))
	d.observe(frontierAt(10_000, noon))
	if wait := d.delay(10_000, noon); wait != time.Minute {
		t.Errorf("the last waits %v, want %v", wait, time.Minute)
	}
}

func TestTheFloodLimitRecovers(t *testing.T) {
	var f flood
	from := netip.MustParseAddr("203.0.113.9")
	for i := range floodBurst {
		if _, ok := f.allow(from, noon); !ok {
			t.Fatalf("join %d is refused", i)
		}
	}
	wait, ok := f.allow(from, noon)
	if ok || wait != floodEvery {
		t.Errorf("join %d gives %v, %v, want a refusal for %v", floodBurst, wait, ok, floodEvery)
	}
	if _, ok := f.allow(from, noon.Add(wait)); !ok {
		t.Error("coming again when told is refused")
	}
}

func TestTheFloodLimitsMemoryIsBounded(t *testing.T) {
	var f flood
	for i := range floodTracked + 1000 {
		f.allow(netip.AddrFrom4([4]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}), noon)
	}
	if len(f.whole) > floodTracked {
		t.Errorf("%d addresses are tracked, the most is %d", len(f.whole), floodTracked)
	}
}

// Visitors of an open room never see the page while the node keeps up; they
// did, because those served since the last look were taken to have come at once.
func TestTheDoorLetsASteadyFlowThrough(t *testing.T) {
	var d door
	d.pace(600)
	d.observe(frontierAt(0, noon))
	for look := range int64(50) {
		now := noon.Add(time.Duration(look+1) * snapshotEvery)
		d.observe(frontierAt((look+1)*60, now)) // 300 a second.
		for position := look*60 + 1; position <= (look+1)*60; position++ {
			if wait := d.delay(position, now); wait > 0 {
				t.Fatalf("position %d is held back for %v", position, wait)
			}
		}
	}
}

// Replies overtake each other. A visitor of an open room was shown the waiting
// page because the reply to somebody's claim, which knew of fewer positions,
// came after the reply to the join.
func TestASnapshotForgetsNoPositionThatWasDealt(t *testing.T) {
	join := Counters{Now: noon, Sequence: 5, Dealt: 7, Serving: 7}
	claim := Counters{Now: noon, Sequence: 6, Dealt: 6, Serving: 6, Alive: 1}
	for name, replies := range map[string][]Counters{
		"the claim's reply comes last": {join, claim}, "the join's reply comes last": {claim, join},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Room{config: RoomConfig{Settings: Settings{Open: true}}}
			r.latest.Store(&snapshot{})
			for _, c := range replies {
				r.note(c)
			}
			if c := r.Counters(); c.Dealt != 7 || c.Serving != 7 || c.Alive != 1 || c.Sequence != 6 {
				t.Errorf("the snapshot is %+v", c)
			}
		})
	}
	r := &Room{}
	r.latest.Store(&snapshot{Counters: join})
	r.note(Counters{Now: noon, Generation: 1, Sequence: 7})
	if c := r.Counters(); c.Dealt != 0 {
		t.Errorf("after a reset %d positions are still dealt", c.Dealt)
	}
}
