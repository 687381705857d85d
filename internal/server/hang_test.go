package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/server"
)

// hangingDisk is a disk that can be made to answer nothing for a while.
type hangingDisk struct {
	mu sync.RWMutex // Locked while the disk hangs.
}

func (d *hangingDisk) around(commit func() error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return commit()
}

// slowSite is newSite with a disk of the test's making.
func slowSite(t *testing.T, around func(commit func() error) error) *site {
	t.Helper()
	s := newSite(t, bolt(t), "{kind: manual}")
	s.stop() // The same again, with the disk.
	s.run(server.Options{AroundCommit: around})
	return s
}

// A disk that hangs must not keep visitors hanging: a claim that waited for the
// disk until the listener gave up ended without an answer. Polls need no disk.
func TestAStoreThatHangsAnswersLaterAndRecovers(t *testing.T) {
	disk := &hangingDisk{}
	s := slowSite(t, disk.around)
	next, waiting := s.browser(), s.browser()
	p, w := next.login(), waiting.login()
	s.serveOne()

	disk.mu.Lock()
	began := time.Now()
	got := next.get(p.Request.URL.String())
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("a claim answers %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the claim took %v", took)
	}
	if at := waiting.poll(w); at.status != http.StatusOK || at.State != "waiting" || at.Position != 2 {
		t.Errorf("a poll of somebody who waits answers %+v", at)
	}
	if at := waiting.waits(waiting.get(w.Request.URL.String())); at.Position != 2 {
		t.Errorf("the page of somebody who waits says position %d, want 2", at.Position)
	}
	s.until("not ready", func() bool {
		return s.manage(http.MethodGet, "/readyz", "", nil) == http.StatusServiceUnavailable
	})
	disk.mu.Unlock()

	s.until("ready again", func() bool { return s.manage(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
	// The claim that wasn't answered may have had its effect; then a button asks.
	if got = next.get(p.Request.URL.String()); strings.Contains(got.text, `value="continue"`) {
		next.do(http.MethodPost, p.Request.URL.String(), map[string][]string{"action": {"continue"}}, nil)
		got = next.login()
	}
	if _, status := next.redeem("shop", next.code(got)); status != http.StatusOK {
		t.Errorf("after the recovery redeeming answers %d", status)
	}
}
