//go:build e2e

package e2e_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// crashRounds is how often the server is killed unless roundsVariable says
	// otherwise; docs/reliability.md tells of 100.
	crashRounds    = 10
	roundsVariable = "ANTEROOM_CRASH_ROUNDS"
	// crashWorkers come, log in and refresh at the same time.
	crashWorkers = 8
	// sampled is how many places, and how many guests, are looked at after each
	// crash. All of them are after the last.
	sampled = 40
	// maxBlock is the most positions that one crash may leave out.
	maxBlock = 65_536
)

// A worker is a share of the load, and what it was told by the server. Only what
// was told counts: it must be true after the crash.
type worker struct {
	issuer  string
	http    *http.Client
	bearers []*bearer
	guests  []*guest

	refreshes, replays int
	faults             []error
}

// work does one thing after the other until the server has gone.
func (w *worker) work(top *atomic.Int64) {
	for {
		err := w.step(top)
		if _, gone := errors.AsType[unanswered](err); gone {
			return
		}
		if err != nil {
			w.faults = append(w.faults, err)
			return
		}
	}
}

func (w *worker) step(top *atomic.Int64) error {
	switch rand.IntN(6) {
	case 0, 1:
		b, err := joinAPI(w.http, w.issuer)
		if err != nil {
			return err
		}
		w.bearers = append(w.bearers, b)
		err = b.Look(w.http, w.issuer)
		raise(top, b.position)
		return err
	case 2:
		g := newGuest(w.issuer, w.http.Transport)
		err := g.Come("")
		if g.position == 0 && !g.inside {
			return err // Nobody told this guest of a place.
		}
		w.guests = append(w.guests, g)
		raise(top, g.position)
		return err
	}
	if len(w.guests) == 0 {
		return nil
	}
	// Those who came last are the most likely to be in the middle of something.
	recent := min(len(w.guests), 50)
	return w.goOn(w.guests[len(w.guests)-1-rand.IntN(recent)])
}

// goOn lets a guest do what comes next.
func (w *worker) goOn(g *guest) error {
	switch {
	case g.code != "":
		return g.settle()
	case !g.inside:
		return g.Look()
	case g.replayed:
		return g.Come("none")
	}
	w.refreshes++
	return g.Refresh()
}

// settle redeems a code that a guest holds. If an earlier redemption was not
// answered, it may have been the one that counts; then the guest asks for
// another code, without waiting again.
func (g *guest) settle() error {
	err := g.Redeem()
	if !errors.Is(err, errInvalidGrant) {
		return err
	}
	if err := g.Come("none"); err != nil {
		return err
	}
	return g.Redeem()
}

func raise(top *atomic.Int64, to int64) {
	for last := top.Load(); last < to && !top.CompareAndSwap(last, to); last = top.Load() {
	}
}

// A crashLoop is a server that is killed again and again, and all that it ever
// said.
type crashLoop struct {
	*testing.T
	server  *server
	http    *http.Client
	workers []*worker
	top     atomic.Int64 // The highest position that anybody was told.
	served  atomic.Int64 // The highest serving counter that the operator was told.

	largestHole, holes int64
}

// The invariants I1, I2, I4, I5: whenever the server is killed, under load and
// without warning, no position is dealt twice, no place changes, no acknowledged
// session is lost, no code is good twice, and each crash leaves out no more
// positions than one block.
//
// The rounds can be set: ANTEROOM_CRASH_ROUNDS=100.
func TestCrashLoopLosesNothingThatWasAcknowledged(t *testing.T) {
	rounds := crashRounds
	if text := os.Getenv(roundsVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("%s is %q, not a number of rounds", roundsVariable, text)
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * crashWorkers}
	t.Cleanup(transport.CloseIdleConnections)
	l := &crashLoop{T: t, http: &http.Client{Transport: transport, Timeout: actionLimit}}
	l.server = startServer(t, "rooms: [{id: sale, inlet: {kind: manual}, position_ttl: 12h, session_ttl: 12h}]\n"+
		fmt.Sprintf(guestClient, sha256.Sum256([]byte(guestSecret))))
	for range crashWorkers {
		l.workers = append(l.workers, &worker{issuer: l.server.Issuer, http: l.http})
	}
	began := time.Now()
	for round := range rounds {
		l.crash()
		l.server.Restart()
		transport.CloseIdleConnections()
		l.look(sampled)
		if t.Failed() {
			t.Fatalf("round %d of %d failed", round+1, rounds)
		}
	}
	l.look(1 << 30)
	l.check()
	l.Logf("%d rounds in %v", rounds, time.Since(began).Round(time.Second))
}

// crash kills the server in the middle of a rush.
func (l *crashLoop) crash() {
	l.Helper()
	var load sync.WaitGroup
	for _, w := range l.workers {
		load.Go(func() { w.work(&l.top) })
	}
	load.Go(l.operate)
	time.Sleep(time.Duration(150+rand.IntN(350)) * time.Millisecond) // The moment of the crash.
	l.server.Kill()
	load.Wait()
	for _, w := range l.workers {
		l.report(w)
	}
}

// operate lets in all who came but the last few until the server has gone. An
// order whose answer was lost may have been carried out.
func (l *crashLoop) operate() {
	const tail = 30
	for {
		serving, err := l.order(max(0, l.top.Load()-tail-l.served.Load()))
		if err != nil {
			return
		}
		raise(&l.served, serving)
		time.Sleep(5 * time.Millisecond)
	}
}

// order moves the serving counter and returns it.
func (l *crashLoop) order(by int64) (int64, error) {
	r, err := http.NewRequest(http.MethodPost, l.server.Management+"/private/increment_serving_counter",
		strings.NewReader(fmt.Sprintf(`{"event_id":"sale","increment_by":%d}`, by)))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+l.server.AdminToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := answers(l.http, r)
	if err != nil {
		return 0, err
	}
	var got struct {
		Serving int64 `json:"serving_num"`
	}
	return got.Serving, json.Unmarshal([]byte(answer.body), &got)
}

// look is the audit after a crash: of the first newcomer's position, of those
// who were in the middle of something, and of some others.
func (l *crashLoop) look(some int) {
	l.Helper()
	top := l.top.Load()
	first, err := joinAPI(l.http, l.server.Issuer)
	if err == nil {
		err = first.Look(l.http, l.server.Issuer)
	}
	if err != nil {
		l.Fatal(err)
	}
	hole := first.position - top - 1
	if hole < 0 || hole > maxBlock {
		l.Errorf("the first newcomer is at %d, after %d were told", first.position, top)
	}
	l.holes, l.largestHole = l.holes+hole, max(l.largestHole, hole)
	l.workers[0].bearers = append(l.workers[0].bearers, first)
	raise(&l.top, first.position)

	var audit sync.WaitGroup
	for _, w := range l.workers {
		audit.Go(func() { w.audit(some / len(l.workers)) })
	}
	audit.Wait()
	for _, w := range l.workers {
		l.report(w)
	}
}

// report fails the test for what a worker found wrong.
func (l *crashLoop) report(w *worker) {
	l.Helper()
	for _, fault := range w.faults {
		l.Error(fault)
	}
	w.faults = nil
}

// audit compares what a worker was told with what the server says now. The one
// whose request was cut off is the first to come back.
func (w *worker) audit(some int) {
	for _, g := range w.guests {
		switch {
		case g.code != "":
			w.note(g.settle())
		case g.unsure:
			w.note(g.Refresh())
		}
	}
	for _, i := range rand.Perm(len(w.bearers))[:min(some, len(w.bearers))] {
		w.note(w.bearers[i].Look(w.http, w.issuer))
	}
	for _, i := range rand.Perm(len(w.guests))[:min(some, len(w.guests))] {
		g := w.guests[i]
		if !g.inside {
			w.note(g.Look()) // May take up a turn that has come.
			continue
		}
		if g.sub != "" && !g.replayed {
			w.note(g.Known())
		}
		w.note(g.Come("none")) // The session cookie is good, whatever became of the tokens.
		g.code = ""            // Not needed: a code may be left unused.
		if i%4 == 0 && g.redeemed != "" {
			w.note(g.Replay())
			w.replays++
		}
	}
}

func (w *worker) note(err error) {
	if err != nil {
		w.faults = append(w.faults, err)
	}
}

// check compares all positions, and the server's own count of sessions.
func (l *crashLoop) check() {
	l.Helper()
	owners := make(map[int64]bool)
	own := func(position int64) {
		if position == 0 {
			return // Nobody was told.
		}
		if owners[position] {
			l.Errorf("position %d was dealt twice", position)
		}
		owners[position] = true
	}
	var sessions, waiting, bearers, replays, refreshes, asked int
	for _, w := range l.workers {
		for _, b := range w.bearers {
			own(b.position)
		}
		for _, g := range w.guests {
			own(g.position)
			asked += g.asked
			if g.inside {
				sessions++
			} else {
				waiting++
			}
		}
		bearers, replays, refreshes = bearers+len(w.bearers), replays+w.replays, refreshes+w.refreshes
	}
	if admitted := l.server.Metric(`anteroom_room_admitted_total{room="sale"}`); admitted < int64(sessions) {
		l.Errorf("the server counts %d sessions, %d were acknowledged", admitted, sessions)
	}
	l.Logf("%d places by the API, %d guests in line, %d sessions; %d refreshes, %d replays refused, "+
		"%d asked to continue; %d positions left out in all, at most %d by one crash; the line ends at %d",
		bearers, waiting, sessions, refreshes, replays, asked, l.holes, l.largestHole, l.top.Load())
}
