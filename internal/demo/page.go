package demo

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"time"
)

//go:embed shop.html
var shopHTML string

//go:embed shop.css
var shopCSS []byte

// pages are the pages of the shop, parsed once.
var pages = template.Must(template.New("shop").Parse(shopHTML))

// claims are those of an ID token, by name, as they came.
type claims map[string]json.RawMessage

// A row is one claim in words.
type row struct {
	Name, Value, Meaning string
}

// Position is the place that the visitor had in the line, or 0.
func (c claims) Position() (position int64) {
	// A claim that isn't a number is as good as none.
	_ = json.Unmarshal(c["queue_position"], &position)
	return position
}

// Rows returns the claims in the order of their names.
func (c claims) Rows() []row {
	meanings := map[string]string{
		"amr":            "how you were admitted",
		"at_hash":        "ties this token to the access token",
		"aud":            "for whom it was made: the shop",
		"auth_time":      "when you were admitted",
		"exp":            "until when it may be used",
		"iat":            "when it was made",
		"iss":            "who made it: the waiting room",
		"nonce":          "ties it to the login that the shop began",
		"queue_position": "your position in the line",
		"sid":            "your session, for logging out",
		"sub":            "who you are: a name for this visit alone",
	}
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(c)) {
		rows = append(rows, row{name, c.value(name), meanings[name]})
	}
	return rows
}

// value returns a claim as a person reads it.
func (c claims) value(name string) string {
	switch name {
	case "auth_time", "exp", "iat":
		var seconds int64
		if json.Unmarshal(c[name], &seconds) == nil {
			return fmt.Sprintf("%d (%s)", seconds, time.Unix(seconds, 0).Format(time.TimeOnly))
		}
	}
	var text string
	if json.Unmarshal(c[name], &text) == nil {
		return text
	}
	return string(c[name])
}

// page shows one of the pages.
func (s *shop) page(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, data); err != nil {
		s.logger.Error("cannot render a page of the shop", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	// No form-action: browsers apply it to the redirects behind a form, and that
	// of logging out leads to the waiting room and back.
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // An error means that the browser has gone.
}

// style serves the style sheet.
func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(shopCSS) // An error means that the browser has gone.
}
