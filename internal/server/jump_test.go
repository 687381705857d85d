package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// jumpSize is how many visitors are served at once, unless jumpVariable says
	// otherwise: `ANTEROOM_JUMP=10000 go test -run Jump ./internal/server`.
	jumpSize     = 2000
	jumpVariable = "ANTEROOM_JUMP"
	// jumpWorkers is how many requests are under way at a time. The visitors are
	// more: each polls when it was told to.
	jumpWorkers = 64
)

// A jumper is one of the crowd: a browser, and the relying party where it logs in.
type jumper struct {
	*browser
	page     page
	position int64
	earliest time.Time     // When the door lets it in, had the answer come as soon as it was asked for.
	due      time.Time     // When the door lets it in at the latest.
	entered  time.Time     // When its code came.
	token    time.Duration // How long the token endpoint took.
}

// crowd runs do for all, jumpWorkers at a time, and returns the failures.
func crowd(all []*jumper, do func(*jumper) error) (failures []error) {
	var (
		wg sync.WaitGroup
		mu sync.Mutex // Guards failures.
		at atomic.Int64
	)
	for range jumpWorkers {
		wg.Go(func() {
			for i := at.Add(1) - 1; i < int64(len(all)); i = at.Add(1) - 1 {
				if err := do(all[i]); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failures
}

// The door: a counter that jumps over everybody in line lets them in one after
// the other, in order, with no answer of 5xx and no token that takes long.
func TestACounterThatJumpsLetsTheWholeCrowdInInOrder(t *testing.T) {
	n := jumpSize
	if text := os.Getenv(jumpVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		t.Skip("takes seconds")
	}
	s := newSite(t, bolt(t), "{kind: manual}")
	shared := s.browser().http.Transport.(*http.Transport)
	shared.MaxIdleConnsPerHost = jumpWorkers
	all := make([]*jumper, n)
	for i := range all {
		all[i] = &jumper{browser: s.browser()}
		all[i].http.Transport = shared
	}
	check := func(what string, failures []error) {
		t.Helper()
		for _, err := range failures[:min(5, len(failures))] {
			t.Errorf("%s: %v", what, err)
		}
		if len(failures) > 0 {
			t.Fatalf("%s: %d of %d failed", what, len(failures), n)
		}
	}
	check("come", crowd(all, (*jumper).come))
	slices.SortFunc(all, func(a, b *jumper) int { return int(a.position - b.position) })
	for i, j := range all {
		if j.position != int64(i)+1 {
			t.Fatalf("visitor %d has position %d", i+1, j.position)
		}
	}

	body := fmt.Sprintf(`{"event_id":"sale","increment_by":%d}`, n)
	if status := s.manage(http.MethodPost, "/private/increment_serving_counter", body, nil); status != http.StatusOK {
		t.Fatalf("the jump answers %d", status)
	}
	check("poll", crowd(all, (*jumper).ask))
	for i, j := range all[1:] {
		// On a busy machine an answer says less of when it was given.
		if j.due.Before(all[i].earliest.Add(-300 * time.Millisecond)) {
			t.Errorf("the door lets position %d in %v before %d", j.position, all[i].earliest.Sub(j.due), all[i].position)
		}
	}
	slices.SortFunc(all, func(a, b *jumper) int { return a.due.Compare(b.due) })
	check("enter", crowd(all, (*jumper).enter))

	took := make([]time.Duration, n)
	for i, j := range all {
		took[i] = j.token
	}
	slices.Sort(took)
	t.Logf("%d visitors entered within %v; /token p50 %v, p99 %v", n, all[n-1].entered.Sub(all[0].entered).Round(time.Millisecond),
		took[n/2].Round(time.Millisecond/10), took[n*99/100].Round(time.Millisecond/10))
	var room struct{ Admitted int64 }
	s.manage(http.MethodGet, "/admin/api/rooms/sale", "", &room)
	if room.Admitted != int64(n) {
		t.Errorf("%d were admitted, want %d", room.Admitted, n)
	}
}

// come logs in and notes the place.
func (j *jumper) come() error {
	j.page = j.login()
	if j.page.StatusCode != http.StatusOK {
		return fmt.Errorf("a newcomer gets %d", j.page.StatusCode)
	}
	at := j.poll(j.page)
	if j.position = at.Position; at.status != http.StatusOK || at.State != "waiting" {
		return fmt.Errorf("a newcomer polls and gets %+v", at)
	}
	return nil
}

// ask polls until the counter has come, and notes when to enter.
func (j *jumper) ask() error {
	for range 100 {
		asked := time.Now()
		at := j.poll(j.page)
		if at.status != http.StatusOK || at.Position != j.position {
			return fmt.Errorf("position %d polls and gets %+v", j.position, at)
		}
		if at.State == "served" {
			after := time.Duration(at.EnterAfter) * time.Millisecond
			j.earliest, j.due = asked.Add(after), time.Now().Add(after)
			return nil
		}
		time.Sleep(10 * time.Millisecond) // The snapshot is at most 250 ms old.
	}
	return fmt.Errorf("position %d is still not served", j.position)
}

// enter waits for the door, as the page does, and logs in.
func (j *jumper) enter() error {
	time.Sleep(time.Until(j.due))
	var p page
	for range 100 {
		p = j.get(j.page.Request.URL.String())
		if p.StatusCode != http.StatusOK {
			break
		}
		time.Sleep(20 * time.Millisecond) // A moment too early for the door.
	}
	at, err := p.Location()
	if err != nil {
		return fmt.Errorf("position %d gets %d: %w", j.position, p.StatusCode, err)
	}
	j.entered = time.Now()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {"shop"}, "client_secret": {secret},
	}
	answer := j.do(http.MethodPost, "/token", form, nil)
	j.token = time.Since(j.entered)
	if answer.StatusCode != http.StatusOK || !strings.Contains(answer.text, `"id_token"`) {
		return fmt.Errorf("position %d: the token endpoint answers %d %s", j.position, answer.StatusCode, answer.text)
	}
	return nil
}
