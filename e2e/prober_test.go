//go:build e2e && linux

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
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

	mu    sync.Mutex // Guards the rest.
	dealt []dealt
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
			probes.Go(p.join)
		}
	}
}

func (p *prober) join() {
	invoked := time.Now()
	b, err := joinAPI(p.http, p.issuer)
	if err != nil {
		return
	}
	completed := time.Now()
	_ = b.Look(p.http, p.issuer) // If that fails now, there is another look in the end.
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dealt = append(p.dealt, dealt{b, invoked, completed})
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

// audit looks at all places that were asked for after a moment. It returns how many
// positions are held twice, and a fault for each place that is unknown or has moved.
func (p *prober) audit(after time.Time) (twice int, faults []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owners := make(map[int64]bool)
	for _, d := range p.dealt {
		if d.invoked.Before(after) {
			continue
		}
		if err := d.Look(p.http, p.issuer); err != nil {
			faults = append(faults, fmt.Errorf("the place dealt at %s: %w", d.completed.Format("15:04:05.000"), err))
			continue
		}
		if owners[d.position] {
			twice++
		}
		owners[d.position] = true
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
		if err := d.Look(p.http, p.issuer); err == nil {
			return fmt.Errorf("the place at %d outlived the reset", d.position)
		}
	}
	return nil
}
