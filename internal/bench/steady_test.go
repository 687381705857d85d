package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestArrivalsComeAtTheirRate(t *testing.T) {
	const n, rate = 100_000, 5_000
	draw := func() []time.Duration { return arrivals(rand.New(rand.NewPCG(1, 1)), n, rate) }
	due := draw()
	if !slices.IsSorted(due) {
		t.Error("somebody comes before the one before")
	}
	if got, want := due[n-1].Seconds(), float64(n)/rate; got < 0.98*want || got > 1.02*want {
		t.Errorf("the last one of %d comes after %.2f s, want about %.0f", n, got, want)
	}
	// Of a Poisson process, a share of 1/e of the gaps is longer than the mean.
	long := 0
	for i := 1; i < n; i++ {
		if due[i]-due[i-1] > time.Second/rate {
			long++
		}
	}
	if share := float64(long) / n; share < 0.36 || share > 0.375 {
		t.Errorf("%.3f of the gaps are longer than the mean, want 0.368", share)
	}
	if !slices.Equal(due, draw()) {
		t.Error("another run has other arrivals")
	}
}

// A request that had to wait for a connection, or for a generator that was busy, is
// as late for its visitor as one that the server was slow to answer. Counted from
// when it was sent, a server that stands still would look fast.
func TestARequestTakesFromWhenItWasDue(t *testing.T) {
	a := arrival{request: []byte("x"), due: time.Now().Add(-time.Minute)}
	if request, err := a.next(nil); string(request) != "x" || err != nil {
		t.Fatalf("got %q, %v, want the request", request, err)
	}
	if request, err := a.next([]byte("HTTP/1.1 200 OK\r\n\r\n")); request != nil || err != nil {
		t.Fatalf("got %q, %v, want the end", request, err)
	}
	if a.took < time.Minute {
		t.Errorf("it took %s, want at least the minute that it was late", a.took)
	}
	if _, err := a.next([]byte("HTTP/1.1 503 Service Unavailable\r\n\r\n")); err == nil {
		t.Error("a refusal is no error")
	}
}

func TestQuantiles(t *testing.T) {
	var took []time.Duration
	for n := range 1000 {
		took = append(took, time.Duration(n+1)*time.Millisecond)
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := quantile(took, q); got != want {
			t.Errorf("quantile %v: got %v ms, want %v", q, got, want)
		}
	}
}
