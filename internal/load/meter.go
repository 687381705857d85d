package load

import (
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/anteroom-dev/anteroom/internal/load/report"
)

// A kind is a kind of request.
type kind int

// The kinds of requests, in the order of a visit.
const (
	kindAuthorize kind = iota
	kindPage
	kindPoll
	kindEnter
	kindToken
	kindUserinfo
	kindRefresh
	kindReplay
	kindLogout
	kindAssign
	kindPosition
	kindServing
	kinds
)

// String returns what people call the kind.
func (k kind) String() string {
	return [kinds]string{
		"authorize", "waiting page", "poll", "enter", "token", "userinfo", "refresh", "code again", "logout",
		"API join", "API position", "API poll",
	}[k]
}

const (
	// slowest is the longest duration that is told from longer ones.
	slowest = 24 * time.Hour
	// digits is how exact a percentile is, and digitsOverTime how exact one of the
	// timeline is, of which there are many.
	digits, digitsOverTime = 3, 2
	// steps is how many the timeline has at most; then two become one.
	steps = 240
)

// A meter measures requests. It is safe for concurrent use.
type meter struct {
	mu    sync.Mutex // Guards the rest.
	kinds [kinds]*gauge
	waits *hdrhistogram.Histogram
	width time.Duration // Of a step.
	steps []*step
}

// A gauge measures one kind of request.
type gauge struct {
	count            int64
	latency, service *hdrhistogram.Histogram
	errors           map[string]int64
}

// A step is a part of the timeline.
type step struct {
	arrived, admitted, requests, errors int64
	latency, waits                      *hdrhistogram.Histogram // In µs.

	// As it stood when the step was last looked at.
	waiting, onSite, serving int64
	stood                    bool
}

func newMeter() *meter {
	m := &meter{waits: histogram(digits), width: time.Second}
	for k := range m.kinds {
		m.kinds[k] = &gauge{latency: histogram(digits), service: histogram(digits), errors: make(map[string]int64)}
	}
	return m
}

// histogram returns one for durations in µs.
func histogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(1, slowest.Microseconds(), digits)
}

// record puts a duration into a histogram.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	// An error means that the value is out of range.
	_ = h.RecordValue(min(max(d, time.Microsecond), slowest).Microseconds())
}

// at returns the step that a time of the run falls into. The caller holds m.mu.
func (m *meter) at(now time.Duration) *step {
	for int(now/m.width) >= steps {
		m.halve()
	}
	for len(m.steps) <= int(now/m.width) {
		m.steps = append(m.steps, &step{latency: histogram(digitsOverTime), waits: histogram(digitsOverTime)})
	}
	return m.steps[now/m.width]
}

// halve makes one step out of two.
func (m *meter) halve() {
	m.width *= 2
	for i := range (len(m.steps) + 1) / 2 {
		first := m.steps[2*i]
		if 2*i+1 < len(m.steps) {
			first.add(m.steps[2*i+1])
		}
		m.steps[i] = first
	}
	m.steps = m.steps[:(len(m.steps)+1)/2]
}

// add adds the step after s to it.
func (s *step) add(next *step) {
	s.arrived += next.arrived
	s.admitted += next.admitted
	s.requests += next.requests
	s.errors += next.errors
	s.latency.Merge(next.latency)
	s.waits.Merge(next.waits)
	if next.stood {
		s.waiting, s.onSite, s.serving, s.stood = next.waiting, next.onSite, next.serving, true
	}
}

// request notes a request that was due, sent and completed. Fault is what came
// instead of an answer of use, or "".
func (m *meter) request(k kind, due, sent, completed time.Duration, fault string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, s := m.kinds[k], m.at(completed)
	g.count++
	s.requests++
	record(g.latency, completed-due)
	record(g.service, completed-sent)
	record(s.latency, completed-due)
	if fault != "" {
		g.errors[fault]++
		s.errors++
	}
}

// arrived notes an arrival.
func (m *meter) arrived(now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at(now).arrived++
}

// admitted notes that somebody got onto the site.
func (m *meter) admitted(now, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.at(now)
	s.admitted++
	record(s.waits, wait)
	record(m.waits, wait)
}

// stands notes how the line stands.
func (m *meter) stands(now time.Duration, waiting, onSite, serving int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.at(now)
	s.waiting, s.onSite, s.serving, s.stood = waiting, onSite, serving, true
}

// lately returns how many requests there were up to now, how many errors, and the p99
// of the latest full step.
func (m *meter) lately(now time.Duration) (requests, errors int64, p99 time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.steps {
		requests += s.requests
		errors += s.errors
	}
	if i := int(now/m.width) - 1; i >= 0 && i < len(m.steps) {
		p99 = time.Duration(m.steps[i].latency.ValueAtQuantile(99)) * time.Microsecond
	}
	return requests, errors, p99
}

// tell fills the parts of a report that were measured.
func (m *meter) tell(r *report.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Waits = spread(m.waits)
	for k, g := range m.kinds {
		if g.count > 0 {
			r.Requests = append(r.Requests, report.Requests{
				Kind: kind(k).String(), Count: g.count, Latency: spread(g.latency), Service: spread(g.service), Errors: maps.Clone(g.errors),
			})
		}
	}
	var last step
	for i, s := range m.steps {
		if s.stood {
			last = *s
		}
		r.Timeline = append(r.Timeline, report.Moment{
			Seconds: min(m.width.Seconds()*float64(i+1), max(r.Seconds, 0)), Arrived: s.arrived, Admitted: s.admitted,
			Requests: s.requests, Errors: s.errors, Waiting: last.waiting, OnSite: last.onSite, Serving: last.serving,
			P50: millis(s.latency, 50), P99: millis(s.latency, 99), WaitP50: millis(s.waits, 50),
		})
	}
}

// spread returns the percentiles of durations in µs.
func spread(h *hdrhistogram.Histogram) report.Spread {
	if h.TotalCount() == 0 {
		return report.Spread{}
	}
	return report.Spread{
		Count: h.TotalCount(), P50: millis(h, 50), P90: millis(h, 90), P99: millis(h, 99), P999: millis(h, 99.9), Max: float64(h.Max()) / 1e3,
	}
}

// millis returns a percentile in milliseconds.
func millis(h *hdrhistogram.Histogram, percentile float64) float64 {
	return float64(h.ValueAtQuantile(percentile)) / 1e3
}
