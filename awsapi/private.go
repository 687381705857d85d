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
	textResetTwice = "The waiting room was reset by somebody else at the same moment"
)

// incrementServingCounter moves the serving counter and answers with its new
// value.
func (a *API) incrementServingCounter(w http.ResponseWriter, r *http.Request) {
	o, room, ok := a.order(w, r)
	if !ok {
		return
	}
	n, err := parseIncrement(o.IncrementBy)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidIncrement)
		return
	}
	after, err := room.Serve(r.Context(), n)
	if err != nil {
		a.unavailable(w, r, err)
		return
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
	_, room, ok := a.order(w, r)
	if !ok {
		return
	}
	_, err := room.Reset(r.Context())
	if errors.Is(err, waitingroom.ErrConflict) {
		fail(w, http.StatusConflict, textResetTwice)
		return
	}
	if err != nil {
		a.unavailable(w, r, err)
		return
	}
	body, err := json.Marshal(map[string]string{"message": textReset})
	if err != nil {
		panic(err) // Strings always marshal.
	}
	answer(w, http.StatusOK, cacheNever, body)
}

// order reads the body of an operator's POST and finds its room, or answers why
// not. Whatever the body is declared to be, it has to be JSON: the original's
// control panel sends text/plain.
func (a *API) order(w http.ResponseWriter, r *http.Request) (order, *waitingroom.Room, bool) {
	body, ok := readBody(w, r)
	if !ok {
		return order{}, nil, false
	}
	o, err := parseOrder(body)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidBody)
		return order{}, nil, false
	}
	room, err := a.engine.Room(*o.EventID)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidEvent)
		return order{}, nil, false
	}
	return o, room, true
}
