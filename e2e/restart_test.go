//go:build e2e

package e2e_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

const (
	crowdSize = 300
	// insideSize is how many of the crowd are let in before the server ends.
	insideSize = 40
	// maxHole is the most that a crash may leave out: one block of positions,
	// which at the pace of this test is about a second of joins.
	maxHole = 1024
)

// A crowd is visitors who came to one shop.
type crowd struct {
	t        *testing.T
	shop     *shop
	visitors []*visitor
	known    map[int64]bool // positions seen
}

// together calls do for each of the visitors, many at a time.
func together(visitors []*visitor, do func(*visitor) error) error {
	const atOnce = 16
	var wait sync.WaitGroup
	slots, errs := make(chan struct{}, atOnce), make([]error, len(visitors))
	for i, v := range visitors {
		slots <- struct{}{}
		wait.Go(func() {
			errs[i] = do(v)
			<-slots
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// Grow lets n more visitors come, and checks that each gets a position of its
// own, above all positions seen before.
func (c *crowd) Grow(n int) (lowest, highest int64) {
	c.t.Helper()
	come := make([]*visitor, n)
	for i := range come {
		come[i] = newVisitor(c.t, c.shop)
	}
	if err := together(come, (*visitor).Come); err != nil {
		c.t.Fatal(err)
	}
	top := c.Top()
	lowest, highest = come[0].Position, come[0].Position
	for _, v := range come {
		if v.Position <= top || c.known[v.Position] {
			c.t.Errorf("a newcomer has position %d, after %d were dealt", v.Position, top)
		}
		c.known[v.Position] = true
		lowest, highest = min(lowest, v.Position), max(highest, v.Position)
	}
	c.visitors = append(c.visitors, come...)
	return lowest, highest
}

// Top returns the highest position seen.
func (c *crowd) Top() (top int64) {
	for position := range c.known {
		top = max(top, position)
	}
	return top
}

// Enter takes up the turns of all who have been served. The door may hold some
// of them back for a moment.
func (c *crowd) Enter(served int64) {
	c.t.Helper()
	eventually(c.t, "all who have been served get in", func() bool {
		missing := slices.DeleteFunc(slices.Clone(c.visitors), func(v *visitor) bool {
			return v.Position > served || v.Inside != nil
		})
		if err := together(missing, (*visitor).Look); err != nil {
			c.t.Fatal(err)
		}
		return len(missing) == 0
	})
	for _, v := range c.visitors {
		if v.Inside != nil && v.Inside["queue_position"] != float64(v.Position) {
			c.t.Errorf("the visitor at position %d got in at %v", v.Position, v.Inside["queue_position"])
		}
	}
}

// Check checks that each visitor who waits still has the same position, and that
// each who is inside is known without a page being shown.
func (c *crowd) Check() {
	c.t.Helper()
	err := together(c.visitors, func(v *visitor) error {
		before, inside := v.Position, v.Inside
		if inside != nil {
			v.Inside = nil
			if err := v.load(c.shop.URL + "/login?prompt=none"); err != nil {
				return err
			}
			if v.Inside == nil || v.Inside["sub"] != inside["sub"] || v.Inside["auth_time"] != inside["auth_time"] {
				return errors.New("an admitted visitor is not known any more")
			}
			return nil
		}
		if err := v.Look(); err != nil {
			return err
		}
		if v.Inside != nil || v.Position != before {
			return errors.New("a waiting visitor has another position")
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}

// The invariants I1, I2 and I5: a stop and a crash lose no place and no session,
// and no position is dealt twice.
func TestCrowdOutlivesAStopAndACrashOfTheServer(t *testing.T) {
	server, shop := openShop(t, "inlet: {kind: manual}")
	c := &crowd{t: t, shop: shop, known: make(map[int64]bool)}
	if low, high := c.Grow(crowdSize); low != 1 || high != crowdSize {
		t.Errorf("got positions from %d to %d, want from 1 to %d", low, high, crowdSize)
	}
	c.Enter(server.Serve(insideSize))

	server.Restart()
	c.Check()
	if low, high := c.Grow(10); low != crowdSize+1 || high != crowdSize+10 {
		t.Errorf("after a stop newcomers got positions from %d to %d, want from %d to %d", low, high, crowdSize+1, crowdSize+10)
	}

	top := c.Top()
	server.Kill()
	server.Restart()
	c.Check()
	low, _ := c.Grow(10)
	if hole := low - top - 1; hole < 0 || hole > maxHole {
		t.Errorf("the crash left %d positions out, want at most %d", hole, maxHole)
	}
	if got := shop.Alive(); got < insideSize {
		t.Errorf("got %d sessions alive, want at least %d", got, insideSize)
	}
	if got := server.Metric(`anteroom_room_admitted_total{room="sale"}`); got != insideSize {
		t.Errorf("got %d admitted, want %d", got, insideSize)
	}
	c.Enter(server.Serve(10))
}

// A crash in the middle of a rush must not deal a position twice, though the
// last ones dealt were on no disk yet.
func TestCrashInARushDealsNoPositionTwice(t *testing.T) {
	server, shop := openShop(t, "inlet: {kind: manual}")
	c := &crowd{t: t, shop: shop, known: make(map[int64]bool)}
	for range 3 {
		rush := make([]*visitor, crowdSize/3)
		for i := range rush {
			rush[i] = newVisitor(t, shop)
		}
		done := make(chan struct{})
		dealt := server.Metric(`anteroom_room_dealt_total{room="sale"}`)
		go func() {
			defer close(done)
			// Those who come too late find no server, and come again below.
			_ = together(rush, (*visitor).Come)
		}()
		eventually(t, "the rush begins", func() bool {
			return server.Metric(`anteroom_room_dealt_total{room="sale"}`) >= dealt+20
		})
		server.Kill()
		<-done
		server.Restart()
		before := make(map[*visitor]int64)
		for _, v := range rush {
			before[v] = v.Position
		}
		if err := together(rush, (*visitor).Come); err != nil {
			t.Fatal(err)
		}
		for _, v := range rush {
			if before[v] != 0 && before[v] != v.Position {
				t.Errorf("a visitor with position %d has now %d", before[v], v.Position)
			}
			if c.known[v.Position] {
				t.Errorf("position %d was dealt twice", v.Position)
			}
			c.known[v.Position] = true
		}
		c.visitors = append(c.visitors, rush...)
	}
	c.Check()
}
