package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(out, "The rehearsal took %.1f s; %s.\n\n", r.Seconds, r.Ended)
	for _, fact := range r.Crowd.facts() {
		fmt.Fprintf(out, "%s\t%d\n", fact.Name, fact.Value)
	}
	if r.Waits.Count > 0 {
		fmt.Fprintf(out, "\nwait until on the site\tp50 %s\tp90 %s\tp99 %s\tmax %s\n",
			seconds(r.Waits.P50), seconds(r.Waits.P90), seconds(r.Waits.P99), seconds(r.Waits.Max))
	}
	fmt.Fprint(out, "\nREQUEST\tCOUNT\tP50\tP90\tP99\tP99.9\tMAX\tSERVICE P99\tERRORS\n")
	for _, k := range r.Requests {
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.Kind, k.Count, millis(k.Latency.P50), millis(k.Latency.P90),
			millis(k.Latency.P99), millis(k.Latency.P999), millis(k.Latency.Max), millis(k.Service.P99), k.errors())
	}
	fmt.Fprint(out, "\nINVARIANT\tLOOKED AT\tLEFT OUT\tBREACHES\n")
	for _, c := range r.Audit.Checks {
		fmt.Fprintf(out, "%s: %s\t%d\t%d\t%d\n", c.Invariant, c.Asks, c.Looked, c.Left, c.Breaches)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	var b strings.Builder
	for _, breach := range r.Audit.Breaches {
		fmt.Fprintf(&b, "\nbreach of %s: %s\n", breach.Invariant, breach.Says)
		for _, e := range breach.History {
			fmt.Fprintf(&b, "  %9.3f – %.3f s  %s\n", e.Invoked, e.Completed, e.Says)
		}
	}
	for _, note := range r.Audit.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", note)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Audit.Sentence())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Sentence says how the audit ended.
func (a *Audit) Sentence() string {
	n, tolerated := 0, 0
	for _, c := range a.Checks {
		if slices.Contains(a.Tolerated, c.Invariant) {
			tolerated += c.Breaches
		} else {
			n += c.Breaches
		}
	}
	text := "The audit passed: no breach was seen."
	switch {
	case n == 0 && !a.Passed:
		text = "The audit saw nothing to judge the line by. What came instead is among the errors of the requests."
	case n > 0:
		text = fmt.Sprintf("The audit failed: breaches: %d.", n)
	}
	if tolerated > 0 {
		text += fmt.Sprintf(" Tolerated: %d, of %s.", tolerated, strings.Join(a.Tolerated, ", "))
	}
	return text
}

// fact is a count and its name.
type fact struct {
	Name  string
	Value int64
}

// facts returns the counts that are not zero, and how many arrived.
func (c *Crowd) facts() []fact {
	all := []fact{
		{"arrived", c.Arrived},
		{"shown a place", c.Queued},
		{"got onto the site", c.Admitted},
		{"of them still there", c.OnSite},
		{"of them gone again", c.Left},
		{"sent to start the login afresh", c.SentRound},
		{"API visitors served", c.Served},
		{"waiting at the end", c.Waiting},
		{"lost patience", c.GaveUp},
		{"did not claim their turn", c.NoShow},
		{"turned away", c.TurnedAway},
		{"failed", c.Failed},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == 0 && f.Name != "arrived" })
}

// errors returns the errors in one line, the kinds in order.
func (r *Requests) errors() string {
	if len(r.Errors) == 0 {
		return "0"
	}
	list := make([]string, 0, len(r.Errors))
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		list = append(list, fmt.Sprintf("%d %s", r.Errors[kind], kind))
	}
	return strings.Join(list, ", ")
}

// millis returns milliseconds to three digits or so.
func millis(ms float64) string {
	switch {
	case ms >= 1000:
		return seconds(ms)
	case ms >= 100:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms >= 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
}

// seconds returns milliseconds as seconds.
func seconds(ms float64) string {
	if ms >= 100_000 {
		return strconv.FormatFloat(ms/1000, 'f', 0, 64) + " s"
	}
	return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
}
