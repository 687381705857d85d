package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// The size of a chart, in its own units, and of the margins around its lines.
const (
	chartWidth, chartHeight = 460.0, 200.0
	marginLeft, marginTop   = 54.0, 12.0
	marginRight, marginLow  = 26.0, 28.0
)

// A chart is one or more values over time.
type chart struct {
	Title, Unit string
	Says        string // What there is to see, in a sentence.
	Series      []series
	Times       []float64 // Seconds.
}

// A series is one line of a chart.
type series struct {
	Name   string
	Values []float64 // NaN is a gap.
}

// charts returns the charts of a report.
func (r *Report) charts() []chart {
	var times []float64
	pick := func(value func(m *Moment) float64) []float64 {
		list := make([]float64, len(r.Timeline))
		for i := range r.Timeline {
			list[i] = value(&r.Timeline[i])
		}
		return list
	}
	for _, m := range r.Timeline {
		times = append(times, m.Seconds)
	}
	each := "in " + width(times)
	all := []chart{
		{Title: "The line", Unit: "visitors", Series: []series{
			{"waiting", pick(func(m *Moment) float64 { return float64(m.Waiting) })},
			{"on the site", pick(func(m *Moment) float64 { return float64(m.OnSite) })},
		}},
		{Title: "Arrivals and admissions", Unit: "visitors " + each, Series: []series{
			{"arrived", pick(func(m *Moment) float64 { return float64(m.Arrived) })},
			{"got onto the site", pick(func(m *Moment) float64 { return float64(m.Admitted) })},
		}},
		{Title: "Serving counter", Unit: "position", Series: []series{
			{"served up to", pick(func(m *Moment) float64 { return float64(m.Serving) })},
		}},
		{Title: "Wait of those who got onto the site", Unit: "seconds", Series: []series{
			{"median", pick(func(m *Moment) float64 {
				if m.Admitted == 0 {
					return math.NaN()
				}
				return m.WaitP50 / 1000
			})},
		}},
		{Title: "Latency of all requests", Unit: "milliseconds", Series: []series{
			{"p50", pick(func(m *Moment) float64 { return m.P50 })},
			{"p99", pick(func(m *Moment) float64 { return m.P99 })},
		}},
		{Title: "Requests", Unit: each, Series: []series{
			{"requests", pick(func(m *Moment) float64 { return float64(m.Requests) })},
			{"errors", pick(func(m *Moment) float64 { return float64(m.Errors) })},
		}},
	}
	for i := range all {
		all[i].Times = times
		all[i].Says = all[i].sentence()
	}
	return all
}

// width returns how long a step of the timeline is, in words. All but the last are
// of the same length.
func width(times []float64) string {
	if len(times) == 0 || times[0] == 1 {
		return "each second"
	}
	return "each " + short(times[0]) + " seconds"
}

// sentence says what a chart shows, for those who don't see it.
func (c *chart) sentence() string {
	parts := make([]string, len(c.Series))
	for i, s := range c.Series {
		parts[i] = fmt.Sprintf("%s, at most %s", s.Name, short(highest(s.Values)))
	}
	return fmt.Sprintf("%s over time, in %s: %s.", c.Title, c.Unit, strings.Join(parts, "; "))
}

// highest returns the highest value, or 0.
func highest(values []float64) (top float64) {
	for _, v := range values {
		if v > top {
			top = v
		}
	}
	return top
}

// SVG draws the chart. Colors come from the page's style sheet.
func (c chart) SVG() template.HTML {
	top := 0.0
	for _, s := range c.Series {
		top = max(top, highest(s.Values))
	}
	top, stride := scale(top)
	end := 1.0
	if n := len(c.Times); n > 0 {
		end = max(c.Times[n-1], 1e-9)
	}
	x := func(seconds float64) float64 { return marginLeft + seconds/end*(chartWidth-marginLeft-marginRight) }
	y := func(value float64) float64 {
		return chartHeight - marginLow - value/top*(chartHeight-marginTop-marginLow)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(c.Says))
	for value := 0.0; value <= top*1.001; value += stride {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fH%.1f"/><text class="value" x="%.1f" y="%.1f">%s</text>`,
			marginLeft, y(value), chartWidth-marginRight, marginLeft-8, y(value)+4, short(value))
	}
	_, step := scale(end)
	for seconds := 0.0; seconds <= end*1.001; seconds += step {
		fmt.Fprintf(&b, `<text class="time" x="%.1f" y="%.1f">%s s</text>`, x(seconds), chartHeight-8, short(seconds))
	}
	for i, s := range c.Series {
		fmt.Fprintf(&b, `<path class="line line%d" d="`, i+1)
		verb := "M"
		for j, value := range s.Values {
			if math.IsNaN(value) {
				verb = "M"
				continue
			}
			// A line to where it begins shows a value that has no neighbor.
			fmt.Fprintf(&b, "%s%.1f %.1f", verb, x(c.Times[j]), y(value))
			if verb == "M" {
				b.WriteString("h0")
			}
			verb = "L"
		}
		b.WriteString(`"/>`)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // All that is not a number here is ours, and escaped.
}

// scale returns a round number at or above top, and a round stride of which it is
// four to eight.
func scale(top float64) (roundTop, stride float64) {
	if !(top > 0) {
		return 1, 1
	}
	stride = math.Pow(10, math.Floor(math.Log10(top/4)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if top/(stride*factor) <= 6 {
			stride *= factor
			break
		}
	}
	return math.Ceil(top/stride) * stride, stride
}

// short returns a number in few characters.
func short(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	if v >= 1000 || v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
