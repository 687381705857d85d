package load

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

// Hooks for the external tests.

// Times returns when n visitors arrive.
func (a Arrivals) Times(n int, over time.Duration) (list []time.Duration) {
	next := a.times(n, over, rand.New(rand.NewPCG(1, 2)))
	for t, ok := next(); ok; t, ok = next() {
		list = append(list, t)
	}
	return list
}

// Draw returns n visitors' times.
func (s *Span) Draw(n int) (list []time.Duration) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		list = append(list, s.draw(rng))
	}
	return list
}

// Local is what a wire of an issuer makes of an address.
func Local(issuer, address string) (string, bool) {
	w, err := newWire(&Options{Issuer: issuer}, clock{}, nil)
	if err != nil {
		panic(err)
	}
	return w.local(address)
}

// Cookies returns what a browser sends after answers that set cookies.
func Cookies(sets ...string) (c string) {
	for _, set := range sets {
		c = string(cookies(c).with(http.Header{"Set-Cookie": {set}}))
	}
	return c
}

// MainTag is what is read of a waiting page.
func MainTag(page []byte) map[string]string { return mainTag(page) }

// A Crowd is visitors that wait.
type Crowd struct {
	agenda  *agenda
	witness *witness
}

// Wait adds visitors who wait with cookies and a query of these lengths, as a run
// keeps them.
func (c *Crowd) Wait(n, cookieSize, querySize int) {
	c.agenda, c.witness = newAgenda(), newWitness()
	for i := range n {
		v := newVisitor(&Options{Patience: Always(Never), Stay: Always(time.Second)}, i, 0)
		v.cookies, v.query = cookies(make([]byte, cookieSize)), string(make([]byte, querySize))
		v.place = c.witness.place(i)
		sight(v.place, int64(i), audit.Span{})
		c.agenda.add(v)
	}
}
