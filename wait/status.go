package wait

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Values of header fields, which all answers to polls share. They are never changed.
var (
	asJSON  = []string{"application/json"}
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// statusSize is more than an answer to a poll ever takes.
const statusSize = 256

// Status serves the poll of the page's script.
func (h *Handler) Status(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.polls.Add(1)
	name, bound, err := h.Logins.Peek(r.Context(), sealed(r))
	switch {
	case errors.Is(err, ErrBadLogin), errors.Is(err, ErrLoginExpired):
		answer(w, http.StatusBadRequest, []byte(`{"state":"invalid"}`))
		return
	case err != nil:
		unavailable(w)
		return
	}
	room, err := h.Engine.Room(name)
	if err != nil {
		answer(w, http.StatusBadRequest, []byte(`{"state":"invalid"}`))
		return
	}
	browser, ok := h.Cookies.Browser(r)
	if !ok || browser != bound {
		unknown(w)
		return
	}
	h.status(w, r, room)
}

func (h *Handler) status(w http.ResponseWriter, r *http.Request, room *waitingroom.Room) {
	proof, ok := h.Cookies.place(r, room.Config().ID)
	if !ok {
		unknown(w)
		return
	}
	ticket, _, err := room.Verify(r.Context(), proof)
	switch {
	case errors.Is(err, waitingroom.ErrLineEnded):
		answer(w, http.StatusOK, []byte(`{"state":"expired"}`))
		return
	case errors.Is(err, waitingroom.ErrBrokenProof), errors.Is(err, waitingroom.ErrUnknownTicket):
		unknown(w)
		return
	case err != nil:
		unavailable(w)
		return
	}
	standing, err := room.Standing(r.Context(), ticket)
	if err != nil {
		unavailable(w)
		return
	}
	pace := room.Pace(ticket)
	rest(w, pace.PollAfter)
	sheet, ok := h.sheets.Get().(*[statusSize]byte)
	if !ok {
		sheet = new([statusSize]byte)
	}
	answer(w, http.StatusOK, appendStatus(sheet[:0], shown(standing.State, room.Phase()), ticket, room.Counters(), pace))
	h.sheets.Put(sheet) // A writer keeps nothing of what it was given.
}

// shown returns the state that the script is told.
func shown(s waitingroom.State, phase waitingroom.Phase) string {
	switch {
	case s == waitingroom.StateWaiting && phase != waitingroom.PhaseOpen:
		return "closed"
	case s == waitingroom.StateActive:
		// To the browser that polls, entering and entering again are the same.
		return string(waitingroom.StateServed)
	}
	return string(s)
}

// appendStatus writes the answer by hand: it is the most frequent one of all,
// and consists of numbers.
func appendStatus(b []byte, state string, t waitingroom.Ticket, c waitingroom.Counters, p waitingroom.Pace) []byte {
	b = append(b, `{"state":"`...)
	b = append(b, state...)
	b = append(b, `","position":`...)
	b = strconv.AppendInt(b, t.Position, 10)
	b = append(b, `,"serving":`...)
	b = strconv.AppendInt(b, c.Serving, 10)
	b = append(b, `,"ahead":`...)
	b = strconv.AppendInt(b, p.Ahead, 10)
	b = append(b, `,"eta_seconds":`...)
	if p.Low < 0 || p.PollAfter == 0 {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(p.Low/time.Second), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64((p.High+time.Second-1)/time.Second), 10)
		b = append(b, ']')
	}
	b = append(b, `,"poll_after_ms":`...)
	b = strconv.AppendInt(b, p.PollAfter.Milliseconds(), 10)
	b = append(b, `,"enter_after_ms":`...)
	b = strconv.AppendInt(b, p.EnterAfter.Milliseconds(), 10)
	return append(b, `,"message":""}`...)
}

// unknown answers a browser without a place.
func unknown(w http.ResponseWriter) {
	// RFC 9110 §15.5.2: a 401 names what would do. There is no registered name for
	// cookies, and browsers leave a scheme alone that they don't know.
	w.Header().Set("WWW-Authenticate", "Cookie")
	answer(w, http.StatusUnauthorized, []byte(`{"state":"unknown"}`))
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "3")
	answer(w, http.StatusServiceUnavailable, []byte(`{"state":"waiting"}`))
}

func answer(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"], header["Cache-Control"], header["X-Content-Type-Options"] = asJSON, noStore, noSniff
	w.WriteHeader(status)
	// An error here means that the visitor has gone.
	_, _ = w.Write(body)
}
