package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A verdict says whether a bound was held.
type verdict string

// The verdicts. They stand in the table as they are.
const (
	held   verdict = "ok"
	missed verdict = "MISSED"
	noted  verdict = "" // There is no bound.
)

func judge(ok bool) verdict {
	if ok {
		return held
	}
	return missed
}

// A line is a line of the table.
type line struct {
	what     string
	measured string
	spread   string // Lowest to highest, or "".
	bound    string // Or "".
	verdict  verdict
}

// A summary is the median of some numbers and how far they spread.
type summary struct{ median, lowest, highest float64 }

// summarize sums up at least one number. Of an even number of them the median
// is the mean of the two in the middle.
func summarize(numbers []float64) summary {
	sorted := slices.Sorted(slices.Values(numbers))
	n := len(sorted)
	return summary{
		median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
		lowest: sorted[0], highest: sorted[n-1],
	}
}

func (s summary) spread(format string) string {
	return fmt.Sprintf(format+"–"+format, s.lowest, s.highest)
}

// table renders lines as a table of Markdown whose columns are aligned in plain
// text too.
func table(lines []line) string {
	rows := [][]string{{"what", "measured (median)", "spread", "bound", ""}}
	for _, l := range lines {
		rows = append(rows, []string{l.what, l.measured, l.spread, l.bound, string(l.verdict)})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, width := range widths {
			b.WriteString("|" + strings.Repeat("-", width+2))
		}
		b.WriteString("|\n")
	}
	return b.String()
}
