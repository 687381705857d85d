package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/load/report"
)

func example() *report.Report {
	return &report.Report{
		Started: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), Seconds: 3.5, Ended: "everybody was done",
		Settings: []report.Setting{{Name: "issuer", Value: "http://localhost:8080/?<script>"}},
		Crowd:    report.Crowd{Arrived: 12, Queued: 12, Admitted: 11, Left: 11, NoShow: 1},
		Waits:    report.Spread{Count: 11, P50: 1500, P90: 2000, P99: 2500, P999: 2500, Max: 2500},
		Requests: []report.Requests{{
			Kind: "poll", Count: 40, Latency: report.Spread{Count: 40, P50: 0.5, P90: 12.34, P99: 345.6, P999: 1234, Max: 123456},
			Service: report.Spread{Count: 40, P99: 3}, Errors: map[string]int64{"timeout": 1, "503": 2},
		}},
		Timeline: []report.Moment{
			{Seconds: 1, Arrived: 12, Requests: 20, Waiting: 12, P50: 0.5, P99: 2},
			{Seconds: 2, Admitted: 11, Requests: 30, Errors: 3, OnSite: 11, Serving: 12, P50: 0.6, P99: 345.6, WaitP50: 1500},
			{Seconds: 3},
		},
		Audit: report.Audit{
			Tolerated: []string{"I5"},
			Checks: []report.Check{
				{Invariant: "I1", Asks: "no two visitors hold the same position", Looked: 12, Breaches: 1},
				{Invariant: "I5", Asks: "no place and no visit is forgotten", Looked: 11, Left: 1, Breaches: 2},
			},
			Breaches: []report.Breach{{Invariant: "I1", Says: "visitors 1 and 2 hold position 7", History: []report.Event{
				{Invoked: 0.1, Completed: 0.25, Says: "visitor 1 was shown position 7 <b>"},
			}}},
			Notes: []string{"the serving counter was seen to fall"},
		},
	}
}

func TestTheTextSaysWhatThereIsToSay(t *testing.T) {
	var b bytes.Buffer
	if err := example().Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"The rehearsal took 3.5 s; everybody was done.\n", "\narrived                   12\n", "\ndid not claim their turn   1\n",
		"0.50 ms", "12.3 ms", "346 ms", "1.23 s", "123 s", "2 503, 1 timeout",
		"I5: no place and no visit is forgotten       11          1          2\n",
		"\nbreach of I1: visitors 1 and 2 hold position 7\n      0.100 – 0.250 s  visitor 1 was shown position 7 <b>\n",
		"\nnote: the serving counter was seen to fall\n",
		"\nThe audit failed: breaches: 1. Tolerated: 2, of I5.\n",
	} {
		if !strings.Contains(squeezed(b.String()), squeezed(want)) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "lost patience") {
		t.Error("the text tells of what did not happen")
	}
}

// squeezed returns the text with each run of spaces as one, as columns are as wide as
// they have to be.
func squeezed(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

func TestTheJSONIsTheReport(t *testing.T) {
	var b bytes.Buffer
	if err := example().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got report.Report
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), &got); diff != "" {
		t.Errorf("read again, it differs (-want +got):\n%s", diff)
	}
}

func TestThePageIsWellFormedAndLoadsNothing(t *testing.T) {
	for name, r := range map[string]*report.Report{"a report": example(), "an empty report": {}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := r.HTML(&b); err != nil {
				t.Fatal(err)
			}
			page := b.String()
			for _, loads := range []string{"src=", "href=", "url(", "@import", "<script", "http-equiv", "NaN", "Inf"} {
				if strings.Contains(page, loads) {
					t.Errorf("the page holds %q", loads)
				}
			}
			decoder := xml.NewDecoder(strings.NewReader(page))
			decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
			svgs, tables := 0, 0
			for {
				token, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if start, ok := token.(xml.StartElement); ok && start.Name.Local == "figure" {
					svgs++
				} else if ok && start.Name.Local == "summary" {
					tables++
				}
			}
			if svgs != 6 || tables != 6 {
				t.Errorf("%d charts and %d tables beside them, want 6 of each", svgs, tables)
			}
		})
	}
}

func TestThePageShowsEachBreachWithItsHistory(t *testing.T) {
	var b bytes.Buffer
	if err := example().HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"The audit failed: breaches: 1.", "visitors 1 and 2 hold position 7", "0.250", "position 7 &lt;b&gt;", "&lt;script&gt;",
		`aria-label="Latency of all requests over time, in milliseconds: p50, at most 0.6; p99, at most 346."`,
		"requests, in each second</li>",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
