package server

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/anteroom-dev/anteroom/keys"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// newMetrics returns the collectors of one server. Values are read from the
// engine when they are asked for: counting twice is how counts come to differ.
func newMetrics(s *web, version string) []prometheus.Collector {
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "anteroom_build_info", Help: "Always 1; the labels tell the version.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
	pages := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "anteroom_wait_pages_total", Help: "Loads of the waiting page.",
	}, func() float64 { pages, _ := s.page.Loads(); return float64(pages) })
	polls := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "anteroom_wait_polls_total", Help: "Polls by the waiting page's script.",
	}, func() float64 { _, polls := s.page.Loads(); return float64(polls) })
	key := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "anteroom_signing_key_timestamp_seconds",
		Help: "Since when the oldest key that signs does so, in Unix seconds; 0 while there is none.",
	}, func() float64 { return oldestKey(s.ring) })
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build, pages, polls, key, newRoomMetrics(s.engine),
	}
	for side, pair := range s.certificates {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "anteroom_certificate_expiry_timestamp_seconds", Help: "Until when the listener's certificate is valid, in Unix seconds.",
			ConstLabels: prometheus.Labels{"side": side},
		}, func() float64 { return float64(pair.Expires().Unix()) }))
	}
	return all
}

// oldestKey returns since when the oldest active key signs, in Unix seconds.
func oldestKey(ring *keys.Ring) float64 {
	var oldest int64
	for _, key := range ring.Keys() {
		if key.State == keys.StateActive && !key.SignsFrom.IsZero() && (oldest == 0 || key.SignsFrom.Unix() < oldest) {
			oldest = key.SignsFrom.Unix()
		}
	}
	return float64(oldest)
}

// roomMetrics collects the counters of all rooms.
type roomMetrics struct {
	engine *waitingroom.Engine
	series []roomSeries
}

type roomSeries struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*waitingroom.Room, waitingroom.Counters) float64
}

func newRoomMetrics(e *waitingroom.Engine) *roomMetrics {
	m := &roomMetrics{engine: e}
	add := func(name, help string, kind prometheus.ValueType, value func(*waitingroom.Room, waitingroom.Counters) float64) {
		m.series = append(m.series, roomSeries{
			desc: prometheus.NewDesc("anteroom_room_"+name, help, []string{"room"}, nil), kind: kind, value: value,
		})
	}
	count := func(pick func(waitingroom.Counters) int64) func(*waitingroom.Room, waitingroom.Counters) float64 {
		return func(_ *waitingroom.Room, c waitingroom.Counters) float64 { return float64(pick(c)) }
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	add("generation", "The room's life; it changes with each reset.", gauge, count(func(c waitingroom.Counters) int64 { return c.Generation }))
	add("dealt_total", "Positions dealt in this generation.", counter, count(func(c waitingroom.Counters) int64 { return c.Dealt }))
	add("serving", "The serving counter: each position at or below it may enter.", gauge, count(func(c waitingroom.Counters) int64 { return c.Serving }))
	add("waiting", "Positions above the serving counter.", gauge, count(waitingroom.Counters.Waiting))
	add("unclaimed", "Positions that may enter and have not.", gauge, count(func(c waitingroom.Counters) int64 { return c.Unclaimed }))
	add("sessions", "Sessions that are alive.", gauge, count(func(c waitingroom.Counters) int64 { return c.Alive }))
	add("admitted_total", "Sessions created in this generation.", counter, count(func(c waitingroom.Counters) int64 { return c.Admitted }))
	add("missed_total", "Places that nobody claimed in time in this generation.", counter, count(func(c waitingroom.Counters) int64 { return c.Missed }))
	add("store_up", "1 while the store answers this room.", gauge, func(r *waitingroom.Room, _ waitingroom.Counters) float64 {
		if r.Healthy() != nil {
			return 0
		}
		return 1
	})
	return m
}

// Describe implements [prometheus.Collector].
func (m *roomMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, s := range m.series {
		out <- s.desc
	}
}

// Collect implements [prometheus.Collector].
func (m *roomMetrics) Collect(out chan<- prometheus.Metric) {
	for _, room := range m.engine.Rooms() {
		c := room.Counters()
		for _, s := range m.series {
			out <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(room, c), room.Config().ID)
		}
	}
}
