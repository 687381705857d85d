//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// waitLimit bounds how long a test waits for what should come by itself. It is
// no promise of speed: a busy machine under test may be slow.
const waitLimit = 60 * time.Second

// eventually calls ready again and again until it is true, and fails the test
// if that takes too long.
func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(waitLimit)
	for !ready() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited %v in vain: %s", waitLimit, what)
		}
	}
}

// Serve moves the serving counter of the room sale by n and returns it.
func (s *server) Serve(n int) int64 {
	s.t.Helper()
	var answer struct {
		Serving int64 `json:"serving_num"`
	}
	body := s.manage(http.MethodPost, "/private/increment_serving_counter", fmt.Sprintf(`{"event_id":"sale","increment_by":%d}`, n))
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		s.t.Fatalf("increment_serving_counter answered %s: %v", body, err)
	}
	return answer.Serving
}

// Serving returns the serving counter of the room sale, from the store itself, or an
// error while that is away.
func (s *server) Serving() (int64, error) {
	var answer struct {
		Serving int64 `json:"serving_num"`
	}
	body, err := s.ask(http.MethodPost, "/private/increment_serving_counter", `{"event_id":"sale","increment_by":0}`)
	if err == nil {
		err = json.Unmarshal([]byte(body), &answer)
	}
	return answer.Serving, err
}

// Reset begins the next generation of the room sale.
func (s *server) Reset() {
	s.t.Helper()
	s.manage(http.MethodPost, "/private/reset_initial_state", `{"event_id":"sale"}`)
}

// Metric returns a metric: its name, and its labels if it has any.
func (s *server) Metric(name string) int64 {
	s.t.Helper()
	lines := bufio.NewScanner(strings.NewReader(s.manage(http.MethodGet, "/metrics", "")))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				s.t.Fatalf("metric %s: %v", name, err)
			}
			return int64(value)
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}

// manage sends a request to the management listener and returns the answer's
// body.
func (s *server) manage(method, path, body string) string {
	s.t.Helper()
	text, err := s.ask(method, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// ask does the same, and returns an error for any answer but 200.
func (s *server) ask(method, path, body string) (string, error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.Management+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.AdminToken)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s answered %d: %s", method, path, resp.StatusCode, text)
	}
	return string(text), nil
}
