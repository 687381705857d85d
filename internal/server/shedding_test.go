package server

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
)

// Those who wait can come again; a login that is under way can't.
func TestPollsAreShedBeforeAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release := &web{}, make(chan struct{})
		handler := s.shedding(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		ask := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/wait/status", nil))
			return w
		}
		for range shedAbove * runtime.GOMAXPROCS(0) {
			go ask()
		}
		synctest.Wait()
		if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("one poll too many is answered %d", w.Code)
		}
		close(release)
		synctest.Wait()
		if w := ask(); w.Code != http.StatusOK {
			t.Errorf("a poll after the rush is answered %d", w.Code)
		}
	})
}
