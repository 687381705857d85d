package load_test

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/load"
)

func TestArrivals(t *testing.T) {
	for kind, half := range map[load.Arrivals]float64{load.Step: 0.5, load.Ramp: 0.25, load.Poisson: 0.5} {
		times := kind.Times(10_000, 100*time.Second)
		if len(times) != 10_000 || !slices.IsSorted(times) || times[0] < 0 {
			t.Fatalf("%s: %d arrivals, sorted: %v", kind, len(times), slices.IsSorted(times))
		}
		by := slices.IndexFunc(times, func(d time.Duration) bool { return d >= 50*time.Second })
		if got := float64(by) / 10_000; math.Abs(got-half) > 0.03 {
			t.Errorf("%s: by half of the time %.2f have arrived, want about %.2f", kind, got, half)
		}
	}
	if times := load.Step.Times(3, 0); !slices.Equal(times, make([]time.Duration, 3)) {
		t.Errorf("over no time they arrive at %v", times)
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]struct{ low, mean, high time.Duration }{
		"5s":      {5 * time.Second, 5 * time.Second, 5 * time.Second},
		"0s":      {},
		"10s-20s": {10 * time.Second, 15 * time.Second, 20 * time.Second},
		"never":   {load.Never, load.Never, load.Never},
		"exp:10s": {0, 10 * time.Second, 200 * time.Second},
	} {
		var s load.Span
		if err := s.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s.String() != text {
			t.Errorf("%s is written as %s", text, &s)
		}
		drawn := s.Draw(2_000)
		sum := 0.0
		for _, d := range drawn {
			sum += float64(d)
		}
		if mean := sum / 2_000; slices.Min(drawn) < want.low || slices.Max(drawn) > want.high || math.Abs(mean-float64(want.mean)) > 0.1*float64(want.mean) {
			t.Errorf("%s gives %v to %v, in the mean %v", text, slices.Min(drawn), slices.Max(drawn), time.Duration(mean))
		}
	}
	for _, text := range []string{"", "5", "-5s", "20s-10s", "exp:", "exp:1s-2s", "1s-", "soon"} {
		if err := new(load.Span).Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestShareAndRate(t *testing.T) {
	for text, want := range map[string]load.Share{"0%": 0, "5%": 0.05, "100%": 1, "0.5%": 0.005} {
		var s load.Share
		if err := s.Set(text); err != nil || math.Abs(float64(s-want)) > 1e-9 || s.String() != text {
			t.Errorf("%s is read as %v (%s), error %v", text, float64(s), &s, err)
		}
	}
	for _, text := range []string{"", "5", "-1%", "101%", "NaN%", "%"} {
		if err := new(load.Share).Set(text); err == nil {
			t.Errorf("the share %q is taken", text)
		}
	}
	for text, want := range map[string]load.Rate{"50/s": {N: 50, Every: time.Second}, "3/m": {N: 3, Every: time.Minute}, "5/250ms": {N: 5, Every: 250 * time.Millisecond}} {
		var r load.Rate
		if err := r.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "50", "0/s", "-1/s", "1.5/s", "5/0s", "5/1ms", "5/week"} {
		if err := new(load.Rate).Set(text); err == nil {
			t.Errorf("the rate %q is taken", text)
		}
	}
}

// A hundred thousand visitors have to fit a laptop.
func TestAWaitingVisitorIsSmall(t *testing.T) {
	const n, bound = 20_000, 1_600 // Bytes.
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var crowd load.Crowd
	before := heap()
	crowd.Wait(n, 140, 620) // As long as they are with a client of usual names.
	each := int64(heap()-before) / n
	runtime.KeepAlive(&crowd)
	if t.Logf("%d bytes for each waiting visitor", each); each > bound {
		t.Errorf("a waiting visitor takes %d bytes, want at most %d", each, bound)
	}
}
