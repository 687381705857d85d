package awsapi

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Texts of errors that the original's clients may know.
const (
	textInvalidEvent     = "Invalid event ID"
	textInvalidRequestID = "Invalid event or request ID"
	textNotFound         = "Request ID not found"
	textInvalidBody      = "Invalid request body"
	textTooMany          = "Too Many Requests"
)

// Values of header fields. All answers share them, so they are never changed.
var (
	asJSON    = []string{"application/json"}
	noSniff   = []string{"nosniff"}
	anyOrigin = []string{"*"}
)

// Values of Cache-Control, shared likewise.
var (
	cacheNever = []string{"no-store"}
	// cacheCounter lets a content delivery network answer a crowd's polls.
	cacheCounter = []string{"public, max-age=5"}
	// cachePosition keeps an answer with the one who asked, because the
	// address holds the request ID, and keeps it for no longer than a visitor
	// may take to notice that the room was reset.
	cachePosition = []string{"private, max-age=60"}
)

// openToScripts lets scripts of any origin read the answer, by the Fetch
// standard's CORS protocol. Credentials are never allowed; the APIs know no
// cookies.
func openToScripts(w http.ResponseWriter) {
	w.Header()["Access-Control-Allow-Origin"] = anyOrigin
}

// takes reports whether a request has the endpoint's method. If it hasn't, takes
// answers: a preflight with what it asks for, anything else with 405.
func takes(w http.ResponseWriter, r *http.Request, method string) bool {
	if r.Method == method {
		return true
	}
	allow := "OPTIONS, POST"
	if method == http.MethodGet {
		if r.Method == http.MethodHead {
			return true
		}
		allow = "GET, HEAD, OPTIONS"
	}
	header := w.Header()
	header.Set("Allow", allow)
	if r.Method != http.MethodOptions {
		// RFC 9110 §15.5.6: a 405 says which methods there are.
		fail(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return false
	}
	header.Set("Access-Control-Allow-Methods", allow)
	header.Set("Access-Control-Allow-Headers", "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token")
	header.Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusOK) // The original's status; 204 would do as well.
	return false
}

// answer sends a JSON body.
func answer(w http.ResponseWriter, status int, cache []string, body []byte) {
	header := w.Header()
	header["Content-Type"], header["Cache-Control"], header["X-Content-Type-Options"] = asJSON, cache, noSniff
	w.WriteHeader(status)
	// An error here means that the caller has gone.
	_, _ = w.Write(body)
}

// fail sends an error.
func fail(w http.ResponseWriter, status int, text string) {
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		panic(err) // Strings always marshal.
	}
	answer(w, status, cacheNever, body)
}

// failLater sends an error that says when to come again, rounded up to whole
// seconds.
func failLater(w http.ResponseWriter, status int, text string, after time.Duration) {
	seconds := max(1, int64((after+time.Second-1)/time.Second))
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	// Fetch standard, CORS: a script sees a header beyond the safelisted ones
	// only if it is named here.
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	fail(w, status, text)
}

// spread returns up to 5 s, so that those who were turned away together don't
// all come back in the same second.
func spread() time.Duration {
	return rand.N(5 * time.Second) //nolint:gosec // Jitter is no secret.
}

// unavailable answers what the room could not do for reasons of its own. The
// engine logs, once, that a store doesn't answer; a line for each visitor would
// not make that clearer. Any other cause is news.
func (a *API) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, waitingroom.ErrUnavailable) && r.Context().Err() == nil {
		a.log.ErrorContext(r.Context(), "a request of the JSON API went wrong", "path", r.URL.Path, "error", err)
	}
	failLater(w, http.StatusServiceUnavailable, "Service Unavailable", time.Second+spread())
}
