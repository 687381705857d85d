package awsapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

const (
	textInvalidIncrement = "Invalid increment_by: must be an integer between -4294967296 and 4294967296"
	textReset            = "The waiting room has been reset. All earlier places and sessions have ended, " +
		"and the next visitor gets queue number 1."
	textForbidden  = "This token does not allow that for this event"
	textResetTwice = "The waiting room was reset by somebody else at the same moment"
)

// incrementServingCounter moves the serving counter and answers with its new
// value.
func (a *API) incrementServingCounter(w http.ResponseWriter, r *http.Request) {
	o, room, ok := a.order(w, r, Serve)
	if !ok {
		return
	}
	n, err := parseIncrement(o.IncrementBy)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidIncrement)
		return
	}
	before := room.Counters().Serving
	after, err := room.Serve(r.Context(), n)
	if err != nil {
		a.unavailable(w, r, err)
		return
	}
	if n != 0 { // Adding nothing only asks for the counter.
		a.record(r, room, Serve, before, after.Serving)
	}
	b := make([]byte, 0, 32)
	b = append(b, `{"serving_num":`...)
	b = strconv.AppendInt(b, after.Serving, 10)
	b = append(b, '}')
	answer(w, http.StatusOK, cacheNever, b)
}

// resetInitialState empties the room and starts its next generation. It is done
// when it answers.
func (a *API) resetInitialState(w http.ResponseWriter, r *http.Request) {
	_, room, ok := a.order(w, r, Reset)
	if !ok {
		return
	}
	before := room.Counters().Generation
	after, err := room.Reset(r.Context())
	if errors.Is(err, waitingroom.ErrConflict) {
		fail(w, http.StatusConflict, textResetTwice)
		return
	}
	if err != nil {
		a.unavailable(w, r, err)
		return
	}
	a.record(r, room, Reset, before, after.Generation)
	body, err := json.Marshal(map[string]string{"message": textReset})
	if err != nil {
		panic(err) // Strings always marshal.
	}
	answer(w, http.StatusOK, cacheNever, body)
}

// record logs what an operator has done. What was before is what this node knew
// last, up to a quarter of a second earlier.
func (a *API) record(r *http.Request, room *waitingroom.Room, what Action, before, after int64) {
	a.log.InfoContext(r.Context(), "operator's order", "name", a.who(r), "room", room.Config().ID, "what", string(what),
		"before", before, "after", after)
}

// order reads the body of an operator's POST and finds its room, or answers why
// not. A room that is not for this operator is refused whether it exists or not. Whatever the body is declared to be, it has to be JSON: the original's
// control panel sends text/plain.
func (a *API) order(w http.ResponseWriter, r *http.Request, what Action) (order, *waitingroom.Room, bool) {
	body, ok := readBody(w, r)
	if !ok {
		return order{}, nil, false
	}
	o, err := parseOrder(body)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidBody)
		return order{}, nil, false
	}
	if !a.allow(r, *o.EventID, what) {
		fail(w, http.StatusForbidden, textForbidden)
		return order{}, nil, false
	}
	room, err := a.engine.Room(*o.EventID)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidEvent)
		return order{}, nil, false
	}
	return o, room, true
}
