package report

import (
	_ "embed" // The page.
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html
var page string

// HTML writes the report as one page that loads nothing else.
func (r *Report) HTML(w io.Writer) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"millis": millis, "seconds": seconds, "short": short, "errors": (*Requests).errors,
		"when": func(s float64) string { return fmt.Sprintf("%.3f", s) },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("read the page of the report: %w", err)
	}
	err = parsed.Execute(w, struct {
		*Report
		Facts  []fact
		Charts []chart
	}{r, r.Crowd.facts(), r.charts()})
	if err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}
