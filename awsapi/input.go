package awsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// maxBody bounds the body of a request, in bytes.
	maxBody = 64 << 10
	// shortBody is the length up to which a declared length is believed.
	shortBody = 256
	// maxIncrement bounds how far one order moves the serving counter: past
	// every position that there can be.
	maxIncrement = 1 << 32
)

// errMissing says that a body has no event_id.
var errMissing = errors.New("event_id is missing")

// readBody returns the body of a request, or answers why not.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if n := r.ContentLength; n >= 0 && n <= shortBody {
		// Nearly all: room for the body and nothing else.
		body := make([]byte, n)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			fail(w, http.StatusBadRequest, textInvalidBody)
			return nil, false
		}
		return body, true
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		fail(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return nil, false
	}
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidBody)
		return nil, false
	}
	return body, true
}

// isJSON reports whether a request's body is declared to be JSON. One that is
// declared to be nothing is taken for JSON, as the original's gateway did.
func isJSON(r *http.Request) bool {
	declared := r.Header.Get("Content-Type")
	if declared == "application/json" || declared == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(declared)
	return err == nil && media == "application/json"
}

// order is the body of every POST; not every endpoint looks at all of it.
type order struct {
	EventID     *string         `json:"event_id"`
	IncrementBy json.RawMessage `json:"increment_by"`
}

// parseOrder reads a body. Fields that it doesn't know are ignored, and of a
// field that is there twice the last counts.
func parseOrder(body []byte) (order, error) {
	var o order
	if err := json.Unmarshal(body, &o); err != nil {
		return order{}, fmt.Errorf("read the body: %w", err)
	}
	if o.EventID == nil {
		return order{}, errMissing
	}
	return o, nil
}

// parseEventID returns the event_id of a body.
func parseEventID(body []byte) (string, error) {
	if id, ok := plainEventID(body); ok {
		return id, nil
	}
	o, err := parseOrder(body)
	if err != nil {
		return "", err
	}
	return *o.EventID, nil
}

// plainEventID reads a body in the one form in which nearly all come,
// {"event_id":"…"} with or without a space after the colon. It takes only what
// can stand in a room's ID, where JSON and its text are the same.
func plainEventID(body []byte) (string, bool) {
	rest, ok := bytes.CutPrefix(body, []byte(`{"event_id":`))
	if !ok {
		return "", false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimPrefix(rest, []byte(" ")), []byte(`"`))
	if !ok {
		return "", false
	}
	id, ok := bytes.CutSuffix(rest, []byte(`"}`))
	if !ok {
		return "", false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "", false
		}
	}
	return string(id), true
}

// parseIncrement reads increment_by: a whole number, or one in a string, as the
// original took it.
func parseIncrement(raw json.RawMessage) (int64, error) {
	digits := string(raw)
	if strings.HasPrefix(digits, `"`) {
		if err := json.Unmarshal(raw, &digits); err != nil {
			return 0, fmt.Errorf("read increment_by: %w", err)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read increment_by: %w", err)
	}
	if n < -maxIncrement || n > maxIncrement {
		return 0, fmt.Errorf("increment_by is beyond ±%d", int64(maxIncrement))
	}
	return n, nil
}

// parameter returns the first value of a query parameter, or "". A query
// without escapes is read in place; what is left over for the standard library
// is what it reads differently.
func parameter(query, name string) string {
	if strings.ContainsAny(query, "%+;") {
		// An error stands for what couldn't be read, and the rest is there.
		values, _ := url.ParseQuery(query)
		return values.Get(name)
	}
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}
