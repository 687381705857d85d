package templates_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/templates"
)

// TestFirstLoadIsSmall holds the waiting page and all that it loads under the
// bound. The page itself goes out uncompressed, the other files compressed.
func TestFirstLoadIsSmall(t *testing.T) {
	const bound = 20 << 10
	p, files := newPages(t), newFiles(t)
	w := httptest.NewRecorder()
	p.Waiting(w, line)
	total := w.Body.Len()
	t.Logf("waiting page: %d bytes", total)
	for _, name := range []string{"page.css", "wait.js", "mark.svg"} {
		r := httptest.NewRequest(http.MethodGet, files.URL(name), nil)
		r.Header.Set("Accept-Encoding", "gzip")
		asset := httptest.NewRecorder()
		files.Handler().ServeHTTP(asset, r)
		if asset.Code != http.StatusOK {
			t.Fatalf("%s: status %d", name, asset.Code)
		}
		t.Logf("%s: %d bytes compressed", name, asset.Body.Len())
		total += asset.Body.Len()
	}
	if total >= bound {
		t.Errorf("first load is %d bytes, want less than %d", total, bound)
	}
}

func TestWaitingText(t *testing.T) {
	estimate := func(low, high time.Duration) *templates.Estimate {
		return &templates.Estimate{Low: low, High: high}
	}
	tests := []struct {
		name  string
		ahead int64
		wait  *templates.Estimate
		title string
		want  []string
	}{
		{"many ahead", 1_234_567, nil, "1,234,567 ahead – Spring sale", []string{">1,234,567<", ">people ahead of you<", ">we cannot say yet<"}},
		{"one ahead", 1, estimate(0, 59*time.Second), "1 ahead – Spring sale", []string{">person ahead of you<", ">less than a minute<"}},
		{"nobody ahead", 0, estimate(0, time.Minute), "You are next – Spring sale", []string{">0<", ">people ahead of you<", ">up to 1 minute<"}},
		{"a range of minutes", 5, estimate(61*time.Second, 400*time.Second), "5 ahead – Spring sale", []string{">about 1 to 7 minutes<"}},
		{"one minute", 5, estimate(time.Minute, time.Minute), "5 ahead – Spring sale", []string{">about 1 minute<"}},
		{"up to some minutes", 5, estimate(10*time.Second, 61*time.Second), "5 ahead – Spring sale", []string{">up to 2 minutes<"}},
		{"minutes up to an hour and a half", 5, estimate(0, 90*time.Minute-time.Second), "5 ahead – Spring sale", []string{">up to 90 minutes<"}},
		{"a range of hours", 5, estimate(90*time.Minute, 90*time.Minute), "5 ahead – Spring sale", []string{">about 1 to 2 hours<"}},
		{"two hours", 5, estimate(2*time.Hour, 2*time.Hour), "5 ahead – Spring sale", []string{">about 2 hours<"}},
		{"days", 5, estimate(96*time.Hour, 999_999*time.Second), "5 ahead – Spring sale", []string{">about 4 to 12 days<"}},
		{"a bound below zero", 5, estimate(-time.Hour, 5*time.Minute), "5 ahead – Spring sale", []string{">up to 5 minutes<"}},
	}
	p := newPages(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := line
			d.Ahead, d.Wait = test.ahead, test.wait
			w := httptest.NewRecorder()
			p.Waiting(w, d)
			for _, want := range append(test.want, "<title>"+test.title+"</title>") {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("page lacks %q", want)
				}
			}
		})
	}
}

func TestRefreshHintHasPlural(t *testing.T) {
	p := newPages(t)
	for after, want := range map[time.Duration]string{
		time.Second:      "refreshes itself every second.",
		20 * time.Second: "refreshes itself every 20 seconds.",
	} {
		d := line
		d.RefreshAfter = after
		w := httptest.NewRecorder()
		p.Waiting(w, d)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("page with Refresh of %v lacks %q", after, want)
		}
	}
}

// TestScriptFindsWhatItNeeds compares what wait.js asks of the page with what
// the page has: element ids, data attributes and sentences. A name that was
// changed on one side only would break the script without a sound.
func TestScriptFindsWhatItNeeds(t *testing.T) {
	w := httptest.NewRecorder()
	newPages(t).Waiting(w, line)
	page := w.Body.String()
	script := asset(t, "wait.js")

	words := regexp.MustCompile(`data-words="([^"]*)"`).FindStringSubmatch(page)
	if words == nil {
		t.Fatal("the page carries no words")
	}
	var sentences map[string]any
	if err := json.Unmarshal([]byte(html.UnescapeString(words[1])), &sentences); err != nil {
		t.Fatalf("words: %v", err)
	}
	for _, check := range []struct {
		what, pattern string
		has           func(name string) bool
	}{
		{"element", `(?:element|setText|setShown|setNote)\('([^']+)'`, func(name string) bool {
			return strings.Contains(page, `id="`+name+`"`)
		}},
		{"attribute", `main\.getAttribute\('([^']+)'\)`, func(name string) bool {
			return strings.Contains(page, " "+name+`="`)
		}},
		{"sentence", `\bwords\.(\w+)`, func(name string) bool {
			return sentences[name] != nil
		}},
	} {
		found := regexp.MustCompile(check.pattern).FindAllStringSubmatch(script, -1)
		if len(found) == 0 {
			t.Errorf("the script names no %s; is the pattern still right?", check.what)
		}
		for _, match := range found {
			if !check.has(match[1]) {
				t.Errorf("the script needs %s %q, which the page lacks", check.what, match[1])
			}
		}
	}
}

// asset returns the text of a static file.
func asset(t *testing.T, name string) string {
	t.Helper()
	files := newFiles(t)
	w := httptest.NewRecorder()
	files.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, files.URL(name), nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d", name, w.Code)
	}
	return w.Body.String()
}
