// Package report is what a rehearsal found, and how it is told: as text for a
// terminal, as JSON for programs, and as one HTML page with charts that needs
// nothing but itself.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Report is what a rehearsal found. Durations are in milliseconds, times in seconds
// since the beginning.
type Report struct {
	// Started is when it began, Seconds how long it took.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Ended says why it ended.
	Ended string `json:"ended"`
	// Settings are what was rehearsed, without secrets.
	Settings []Setting `json:"settings"`
	// Crowd is what became of the visitors.
	Crowd Crowd `json:"crowd"`
	// Waits are the times from arrival to the site.
	Waits Spread `json:"wait_ms"`
	// Requests are the requests by kind, in the order of a visit.
	Requests []Requests `json:"requests"`
	// Timeline is how it went, in steps of the same length.
	Timeline []Moment `json:"timeline"`
	// Audit is whether the line was right.
	Audit Audit `json:"audit"`
}

// Setting is one thing that was chosen.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Crowd counts visitors. All who arrived are in one of the other counts but
// Queued, Admitted and SentRound.
type Crowd struct {
	// Arrived is how many came, Queued how many of them were shown a place.
	Arrived int64 `json:"arrived"`
	Queued  int64 `json:"queued"`
	// Admitted is how many got onto the site, SentRound how many had to start the login
	// afresh on the way.
	Admitted  int64 `json:"admitted"`
	SentRound int64 `json:"sent_round"`
	// Waiting and OnSite are how many were there at the end, Left how many had been on
	// the site and had gone, and Served how many API visitors saw their turn.
	Waiting int64 `json:"waiting"`
	OnSite  int64 `json:"on_site"`
	Left    int64 `json:"left"`
	Served  int64 `json:"served"`
	// GaveUp lost patience, NoShow did not claim, TurnedAway were told that there is
	// no place for them, Failed met an error that no visitor gets round.
	GaveUp     int64 `json:"gave_up"`
	NoShow     int64 `json:"no_show"`
	TurnedAway int64 `json:"turned_away"`
	Failed     int64 `json:"failed"`
}

// Spread is how a duration is distributed, in milliseconds.
type Spread struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Requests is how one kind of request went.
type Requests struct {
	Kind  string `json:"kind"`
	Count int64  `json:"count"`
	// Latency counts from when the request was due, Service from when it was sent.
	Latency Spread `json:"latency_ms"`
	Service Spread `json:"service_ms"`
	// Errors counts what came instead of an answer, by its kind.
	Errors map[string]int64 `json:"errors,omitempty"`
}

// Failures returns how many requests got no answer of use.
func (r *Requests) Failures() (n int64) {
	for _, count := range r.Errors {
		n += count
	}
	return n
}

// Moment is one step of the rehearsal.
type Moment struct {
	// Seconds is when the step ended.
	Seconds float64 `json:"seconds"`
	// Arrived, Admitted, Requests and Errors count within the step.
	Arrived  int64 `json:"arrived"`
	Admitted int64 `json:"admitted"`
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"`
	// Waiting and OnSite are how many were there at its end, and Serving is the
	// highest serving counter that had been seen.
	Waiting int64 `json:"waiting"`
	OnSite  int64 `json:"on_site"`
	Serving int64 `json:"serving"`
	// P50 and P99 are latencies of all requests within the step, in milliseconds, and
	// WaitP50 is the median wait of those who got onto the site in it.
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	WaitP50 float64 `json:"wait_p50_ms"`
}

// Audit is whether the line was right.
type Audit struct {
	// Passed is false if an invariant was broken that is not in Tolerated, or if there
	// was nothing to judge the line by.
	Passed    bool     `json:"passed"`
	Tolerated []string `json:"tolerated,omitempty"`
	Checks    []Check  `json:"checks"`
	Breaches  []Breach `json:"breaches,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// Check is how much was looked at for one invariant.
type Check struct {
	Invariant string `json:"invariant"`
	Asks      string `json:"asks"`
	Looked    int    `json:"looked_at"`
	Left      int    `json:"left_out"`
	Breaches  int    `json:"breaches"`
}

// Breach is one proof that an invariant did not hold.
type Breach struct {
	Invariant string  `json:"invariant"`
	Says      string  `json:"says"`
	History   []Event `json:"history"`
}

// Event is something that was seen, between two times in seconds.
type Event struct {
	Invoked   float64 `json:"invoked"`
	Completed float64 `json:"completed"`
	Says      string  `json:"says"`
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}
