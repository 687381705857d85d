package wait

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestABrowserThatIsAloneWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, here, there := newGreetings(), Whence{1, 7: 1}, Whence{1, 7: 2}
		for range 3 {
			time.Sleep(besides + time.Millisecond)
			g.note(here)
			g.note(there)
			if g.returned(here) || g.returned(there) {
				t.Error("two places are taken for one, or a browser for a tab of one that came before")
			}
		}
	})
}

func TestTabsWaitUntilAllHaveComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, here := newGreetings(), Whence{1}
		for range 3 {
			g.note(here)
		}
		for range 2 {
			if !g.returned(here) || g.settled(here) {
				t.Error("a tab doesn't wait for the others")
			}
		}
		if !g.returned(here) || g.settled(here) {
			t.Error("the last tab doesn't wait for more to come")
		}
		time.Sleep(quiet)
		if !g.settled(here) {
			t.Error("the tabs wait for nobody")
		}
	})
}

// A tab that never comes back keeps the others for a second at most.
func TestTabsThatAreClosedAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, here := newGreetings(), Whence{1}
		g.note(here)
		g.note(here)
		g.returned(here)
		time.Sleep(besides)
		if g.settled(here) {
			t.Error("settled too early")
		}
		time.Sleep(time.Millisecond)
		if !g.settled(here) || g.recent(here) || g.returned(here) {
			t.Error("not forgotten")
		}
	})
}

// Browsers that were made up, by the user agent, must not fill a node with requests
// that rest.
func TestOnlySoManyTabsRestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, here := newGreetings(), Whence{1}
		settled := func() bool { return g.settled(here) }
		for n := range maxResting {
			from := Whence{1, byte(n), 7: byte(n)}
			g.note(from)
			g.note(from)
			go g.rest(t.Context(), func() bool { return g.settled(from) })
		}
		synctest.Wait()
		g.note(here)
		g.note(here)
		began := time.Now()
		if g.rest(t.Context(), settled) || time.Since(began) > 0 {
			t.Errorf("one tab more rests, for %v", time.Since(began))
		}
		time.Sleep(settleMost)
		synctest.Wait()
		if !g.rest(t.Context(), settled) {
			t.Error("nobody rests any more")
		}
	})
}

// Hundreds of people behind one address aren't kept waiting for each other.
func TestACrowdBehindOneAddressIsNotOneBrowser(t *testing.T) {
	g, here := newGreetings(), Whence{1}
	for range 500 {
		g.note(here)
	}
	if g.returned(here) || !g.settled(here) {
		t.Error("a crowd is taken for the tabs of one browser")
	}
}

func TestGreetingsFitIntoTheirSlots(t *testing.T) {
	for _, want := range []greeting{
		{},
		{hash: 1<<hashBits - 1},
		{row: maxCount},
		{away: maxCount},
		{beside: 1},
		{at: 1<<timeBits - 1},
		{hash: 5, row: 6, away: 7, beside: 1, at: 8},
	} {
		if got := unpack(pack(want)); got != want {
			t.Errorf("%+v comes back as %+v", want, got)
		}
	}
}
