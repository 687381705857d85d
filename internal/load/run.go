package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
	"github.com/anteroom-dev/anteroom/internal/load/report"
)

// grace is how long requests in flight may take once the rehearsal ends early.
const grace = 2 * time.Second

// Why a rehearsal ends.
const (
	endedDone        = "everybody was done"
	endedTime        = "its time was up"
	endedInterrupted = "it was interrupted"
)

// A run is one rehearsal.
type run struct {
	options  *Options
	clock    clock
	wire     *wire
	party    *party
	meter    *meter
	witness  *witness
	tally    *tally
	agenda   *agenda
	operator *operator
	present  atomic.Int64 // Visitors who have not gone.
}

// Run rehearses a crowd until everybody is done, the time is up or ctx ends, and
// reports what it found. An error means that it could not begin.
func Run(ctx context.Context, o Options) (*report.Report, error) {
	if faults := o.Faults(); len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "\n"))
	}
	r := &run{
		options: &o, clock: clock{time.Now()}, party: newParty(&o), meter: newMeter(), witness: newWitness(),
		tally: &tally{}, agenda: newAgenda(),
	}
	r.operator = &operator{options: &o, clock: r.clock, witness: r.witness}
	var err error
	if r.wire, err = newWire(&o, r.clock, r.meter); err != nil {
		return nil, err
	}
	defer r.wire.http.CloseIdleConnections()
	if err := r.operator.prepare(ctx); err != nil {
		return nil, err
	}
	ended := r.rehearse(ctx)
	r.operator.finish(ctx)
	return r.report(ended), nil
}

// rehearse lets the crowd come, and returns why it ended.
func (r *run) rehearse(ctx context.Context) string {
	timed, cancel := context.WithTimeout(ctx, r.options.For)
	defer cancel()
	// Requests outlive the rehearsal a little, so that most of what has begun is
	// known to the audit.
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stopCut := context.AfterFunc(timed, func() { time.AfterFunc(grace, cut) })
	defer stopCut()

	watching, stopWatching := context.WithCancel(sending)
	var others sync.WaitGroup
	others.Go(func() { r.operator.work(watching) })
	others.Go(func() { r.tell(watching) })

	busy := make(chan *visitor)
	var workers sync.WaitGroup
	for range r.options.Connections {
		workers.Go(func() {
			for v := range busy {
				r.do(sending, v)
				if v.stage == stageGone {
					r.present.Add(-1)
				} else {
					r.agenda.add(v)
				}
			}
		})
	}
	done := r.dispatch(timed, busy)
	close(busy)
	workers.Wait()
	stopWatching()
	others.Wait()
	switch {
	case done:
		return endedDone
	case ctx.Err() != nil:
		return endedInterrupted
	}
	return endedTime
}

// idle bounds how long the dispatcher rests, as it is not woken when the last visitor
// goes.
const idle = 50 * time.Millisecond

// dispatch hands whoever is due to a worker, until everybody has gone or ctx ends. It
// reports the former.
func (r *run) dispatch(ctx context.Context, busy chan<- *visitor) bool {
	next := r.options.Arrivals.times(r.options.Visitors, r.options.Over, rand.New(rand.NewPCG(r.options.Seed, 0))) //nolint:gosec // To be repeated.
	began, number := r.clock.now(), 0
	arrives, more := next()
	for more || r.present.Load() > 0 {
		now := r.clock.now()
		first := now // Of those who are due, whoever is due first.
		if more {
			first = min(now, began+arrives)
		}
		v, due := r.agenda.take(first)
		switch {
		case v != nil:
		case more && began+arrives <= now:
			number++
			v = newVisitor(r.options, number, began+arrives)
			arrives, more = next()
			r.present.Add(1)
			r.tally.arrive()
			r.meter.arrived(now)
		default:
			if more {
				due = min(due, began+arrives)
			}
			if !r.agenda.rest(ctx, min(due-now, idle)) {
				return false
			}
			continue
		}
		select {
		case busy <- v:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// report judges and tells all that was found.
func (r *run) report(ended string) *report.Report {
	out := &report.Report{
		Started: r.clock.began, Seconds: r.clock.now().Seconds(), Ended: ended, Settings: r.options.settings(), Crowd: r.tally.crowd(),
	}
	r.meter.tell(out)
	history := r.witness.history(r.options)
	note := r.operator.testify(history)
	verdict := audit.Judge(history)
	if note != "" {
		verdict.Notes = append(verdict.Notes, note)
	}
	out.Audit = told(verdict, r.options.Tolerate)
	return out
}

// told returns a verdict in the words of the report.
func told(v *audit.Verdict, tolerate []string) report.Audit {
	out := report.Audit{Tolerated: slices.Clone(tolerate), Notes: v.Notes}
	judged := 0
	for _, c := range v.Checks {
		if c.Invariant != "I7" && c.Invariant != "I8" { // Errors have a URL and a form, too.
			judged += c.Looked
		}
		out.Checks = append(out.Checks, report.Check{Invariant: c.Invariant, Asks: c.Asks, Looked: c.Looked, Left: c.Left, Breaches: c.Breaches})
	}
	for _, b := range v.Breaches {
		breach := report.Breach{Invariant: b.Invariant, Says: b.Says}
		for _, e := range b.History {
			breach.History = append(breach.History, report.Event{
				Invoked: e.Span.Invoked.Seconds(), Completed: e.Span.Completed.Seconds(), Says: e.Says,
			})
		}
		out.Breaches = append(out.Breaches, breach)
	}
	out.Passed = judged > 0 && v.Broken(tolerate...) == 0
	return out
}

// settings returns what was chosen, without secrets.
func (o *Options) settings() []report.Setting {
	list := []report.Setting{
		{Name: "issuer", Value: o.Issuer},
		{Name: "via", Value: strings.Join(o.Via, ", ")},
		{Name: "client", Value: o.Client},
		{Name: "room", Value: o.Room},
		{Name: "visitors", Value: fmt.Sprintf("%d over %v, %s", o.Visitors, o.Over, o.Arrivals)},
		{Name: "patience", Value: o.Patience.String()},
		{Name: "stay", Value: o.Stay.String()},
		{Name: "shares", Value: fmt.Sprintf("no-show %s, API %s, refresh %s, replay %s, return %s", &o.NoShow, &o.API, &o.Refresh, &o.Replay, &o.Return)},
		{Name: "serve", Value: o.Serve.String()},
		{Name: "capacity", Value: fmt.Sprint(o.Capacity)},
		{Name: "connections", Value: fmt.Sprint(o.Connections)},
		{Name: "limits", Value: fmt.Sprintf("%v in all, %v a request", o.For, o.Timeout)},
		{Name: "seed", Value: fmt.Sprint(o.Seed)},
	}
	return slices.DeleteFunc(list, func(s report.Setting) bool { return s.Value == "" || s.Name == "capacity" && s.Value == "0" })
}
