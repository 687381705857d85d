//go:build e2e

package e2e_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/anteroom-dev/anteroom/static"
	"github.com/anteroom-dev/anteroom/templates"
)

// The waiting page is worded twice, by the server and by its script. Whoever
// watches it must not see the words change while the numbers don't.
func TestScriptWordsTheLineAsTheServerDoes(t *testing.T) {
	t.Parallel()
	aheads := []int64{0, 1, 2, 999, 1000, 12345, 1234567}
	var answers []templates.Waiting
	for i, r := range estimates() {
		answers = append(answers, view(int64(i+1), aheads[i%len(aheads)], r))
	}
	site := newWordedSite(t)
	b := newBrowser(t)
	// A day of polls in a second.
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `(function (slow) { window.setTimeout = function (f, delay) { return slow(f, delay / 50); }; }(window.setTimeout));`,
	})
	site.show(view(0, 7, nil))
	b.Goes(site.URL+"/", inLine)
	for _, answer := range answers {
		site.show(answer)
		served := site.words()
		b.Until(fmt.Sprintf(`document.getElementById("serving").textContent.replace(/,/g, "") === "%d"`, answer.Serving))
		for _, id := range []string{"wait", "ahead", "people", "position", "serving"} {
			if got := b.Text("#" + id); got != served[id] {
				t.Errorf("%s with %+v ahead %d: the script says %q, the server %q", id, answer.Wait, answer.Ahead, got, served[id])
			}
		}
		if got := get(b, chromedp.Title()); got != served["title"] {
			t.Errorf("title with %d ahead: the script says %q, the server %q", answer.Ahead, got, served["title"])
		}
	}
}

// estimates are ranges in seconds, at and around the bounds at which the words
// change; nil is no estimate.
func estimates() [][]int64 {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	return [][]int64{
		nil,
		{0, 0},
		{0, 1},
		{30, 59},
		{0, 60},
		{59, 60},
		{60, 60},
		{60, 61},
		{61, 119},
		{60, 120},
		{0, 120},
		{4 * minute, 7 * minute},
		{4*minute + 59, 6*minute + 1},
		{59 * minute, hour},
		{88 * minute, 90*minute - 1},
		{0, 90 * minute},
		{hour - 1, 90 * minute},
		{hour, 90 * minute},
		{2 * hour, 2 * hour},
		{2 * hour, 2*hour + 1},
		{20 * hour, 48*hour - 1},
		{hour, 48 * hour},
		{day, 48 * hour},
		{2 * day, 2 * day},
		{3 * day, 10 * day},
		{0, 5000 * day},
	}
}

// view is a waiting page with an estimate in seconds. What is now served tells one
// view from the next.
func view(serving, ahead int64, estimate []int64) templates.Waiting {
	w := templates.Waiting{
		Room: "Spring sale", Position: serving + ahead + 1, Serving: serving, Ahead: ahead,
		PageURL: "/", StatusURL: "/status", PollAfter: time.Second, RefreshAfter: time.Hour,
	}
	if estimate != nil {
		w.Wait = &templates.Estimate{
			Low: time.Duration(estimate[0]) * time.Second, High: time.Duration(estimate[1]) * time.Second,
		}
	}
	return w
}

// A wordedSite shows one view of the waiting page, at / as the server renders it
// and at /status as it tells the script.
type wordedSite struct {
	*httptest.Server
	t     *testing.T
	pages *templates.Pages

	mu  sync.Mutex
	now templates.Waiting
}

func newWordedSite(t *testing.T) *wordedSite {
	t.Helper()
	assets, err := static.New("")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := templates.New(templates.Options{Static: assets})
	if err != nil {
		t.Fatal(err)
	}
	s := &wordedSite{t: t, pages: pages}
	mux := http.NewServeMux()
	mux.Handle("/static/", assets.Handler())
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { pages.Waiting(w, s.view()) })
	mux.HandleFunc("/status", s.status)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *wordedSite) show(w templates.Waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = w
}

func (s *wordedSite) view() templates.Waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// status answers the script's poll.
func (s *wordedSite) status(w http.ResponseWriter, _ *http.Request) {
	v, eta := s.view(), "null"
	if v.Wait != nil {
		eta = fmt.Sprintf("[%d,%d]", v.Wait.Low/time.Second, v.Wait.High/time.Second)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"state":"waiting","position":%d,"serving":%d,"ahead":%d,"eta_seconds":%s,"poll_after_ms":1000,"enter_after_ms":0,"message":""}`,
		v.Position, v.Serving, v.Ahead, eta)
}

var textOnPage = regexp.MustCompile(`<(?:dd|span|strong) id="(\w+)">([^<]*)<|<(title)>([^<]*)<`)

// words returns what the server writes, by the id of the element.
func (s *wordedSite) words() map[string]string {
	s.t.Helper()
	resp, err := http.Get(s.URL + "/")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	words := make(map[string]string)
	for _, m := range textOnPage.FindAllStringSubmatch(string(body), -1) {
		words[m[1]+m[3]] = strings.TrimSpace(html.UnescapeString(m[2] + m[4]))
	}
	return words
}
