//go:build e2e && linux

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// probeEvery is how often a prober joins, and probeLimit how long it waits for an
	// answer.
	probeEvery = 50 * time.Millisecond
	probeLimit = 5 * time.Second
)

// A prober takes one place after the other by the JSON API, to see when joining
// works and when not, and that the places last.
type prober struct {
	issuer string
	http   *http.Client
	failed atomic.Int64 // How many joins got no place.

	mu       sync.Mutex // Guards the rest.
	dealt    []dealt
	readings []reading
}

// reading is a serving counter that a prober was shown.
type reading struct {
	serving   int64
	completed time.Time
}

// dealt is a place that a prober was given.
type dealt struct {
	*bearer
	invoked, completed time.Time
}

func newProber(issuer string) *prober {
	return &prober{issuer: issuer, http: &http.Client{Timeout: probeLimit, Transport: &http.Transport{}}}
}

// work joins until ctx ends. Several at a time would not wait for one that hangs.
func (p *prober) work(ctx context.Context) {
	var probes sync.WaitGroup
	defer probes.Wait()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			probes.Go(func() {
				_ = p.join(p.issuer) // Whether it works is what is to be seen.
				p.read()
			})
		}
	}
}

// join takes a place at an address, which may be a single node's.
func (p *prober) join(address string) error {
	invoked := time.Now()
	b, err := joinAPI(p.http, address)
	if err != nil {
		p.failed.Add(1)
		return err
	}
	completed := time.Now()
	_ = b.Look(p.http, address) // If that fails now, there is another look in the end.
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dealt = append(p.dealt, dealt{b, invoked, completed})
	return nil
}

// rush takes n places at an address, many at a time, until one is not given, and returns
// how many were.
func (p *prober) rush(address string, n int) int {
	var given, asked atomic.Int64
	var refused atomic.Bool
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for asked.Add(1) <= int64(n) && !refused.Load() {
				if err := p.join(address); err != nil {
					refused.Store(true)
				} else {
					given.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return int(given.Load())
}

// read asks for the serving counter.
func (p *prober) read() {
	r, err := http.NewRequest(http.MethodGet, p.issuer+"/public/serving_num?event_id=sale", nil)
	if err != nil {
		return
	}
	resp, err := answers(p.http, r)
	var got struct {
		Serving *json.Number `json:"serving_counter"`
	}
	if err != nil || json.Unmarshal([]byte(resp.body), &got) != nil || got.Serving == nil {
		return
	}
	serving, err := got.Serving.Int64()
	if err != nil {
		return
	}
	completed := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readings = append(p.readings, reading{serving, completed})
}

// between returns how many places were both asked for and given between two moments.
func (p *prober) between(from, to time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.dealt {
		if d.invoked.After(from) && d.completed.Before(to) {
			n++
		}
	}
	return n
}

// outage returns the longest time, from a moment on, in which nobody was given a
// place.
func (p *prober) outage(from time.Time) (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortFunc(p.dealt, func(a, b dealt) int { return a.completed.Compare(b.completed) })
	for _, d := range p.dealt {
		if d.completed.After(from) {
			longest, from = max(longest, d.completed.Sub(from)), d.completed
		}
	}
	return longest
}

// recovers waits until somebody who came after a moment has been given a place, and
// reports whether that happened.
func (p *prober) recovers(after time.Time, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(probeEvery) {
		p.mu.Lock()
		for _, d := range p.dealt {
			if d.invoked.After(after) {
				p.mu.Unlock()
				return true
			}
		}
		p.mu.Unlock()
	}
	return false
}

// audit looks at all places that were asked for after a moment. It returns pairs that
// hold one position, and a fault for each place that is unknown or has moved.
func (p *prober) audit(after time.Time) (twice [][2]dealt, faults []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owners := make(map[int64]dealt)
	for _, d := range p.dealt {
		if d.invoked.Before(after) {
			continue
		}
		if err := d.Look(p.http, p.issuer); err != nil {
			faults = append(faults, fmt.Errorf("the place dealt at %s: %w", d.completed.Format("15:04:05.000"), err))
			continue
		}
		if owner, ok := owners[d.position]; ok {
			twice = append(twice, [2]dealt{owner, d})
		}
		owners[d.position] = d
	}
	return twice, faults
}

// ended looks at places that were dealt before a reset was asked for, and returns an
// error for one that is still good.
func (p *prober) ended(reset time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.dealt {
		if !d.completed.Before(reset) {
			continue
		}
		switch err := d.Look(p.http, p.issuer); {
		case err == nil:
			return fmt.Errorf("the place at %d outlived the reset", d.position)
		case !errors.Is(err, errNoPlace):
			return fmt.Errorf("a place from before the reset: %w", err)
		}
	}
	return nil
}
