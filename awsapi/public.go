package awsapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// longestClosed bounds how far ahead a room that hasn't opened yet sends its
// visitors: the start may be moved in the meantime.
const longestClosed = time.Hour

// assignQueueNum deals a place and answers with its request ID.
func (a *API) assignQueueNum(w http.ResponseWriter, r *http.Request) {
	if !isJSON(r) {
		fail(w, http.StatusUnsupportedMediaType, "Unsupported Media Type")
		return
	}
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	id, err := parseEventID(body)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidBody)
		return
	}
	room := a.public[id]
	if room == nil {
		fail(w, http.StatusBadRequest, textInvalidEvent)
		return
	}
	ticket, err := room.Join(r.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI, From: a.client(r)})
	if err != nil {
		a.refuseJoin(w, r, room, err)
		return
	}
	b := make([]byte, 0, 64)
	b = append(b, `{"api_request_id":"`...)
	b = append(b, ticket.ID.String()...)
	b = append(b, `"}`...)
	answer(w, http.StatusOK, cacheNever, b)
}

// refuseJoin answers a join that took no place.
func (a *API) refuseJoin(w http.ResponseWriter, r *http.Request, room *waitingroom.Room, err error) {
	if flood, ok := errors.AsType[*waitingroom.FloodError](err); ok {
		failLater(w, http.StatusTooManyRequests, textTooMany, flood.RetryAfter)
		return
	}
	if !errors.Is(err, waitingroom.ErrClosed) {
		a.unavailable(w, r, err)
		return
	}
	if room.Phase() == waitingroom.PhaseAfter {
		fail(w, http.StatusGone, "Event has ended")
		return
	}
	opens := max(0, room.Config().Inlet.Start.Sub(room.Now()))
	failLater(w, http.StatusServiceUnavailable, "Event has not started yet", min(opens, longestClosed)+spread())
}

// queueNum answers with the position behind a request ID.
func (a *API) queueNum(w http.ResponseWriter, r *http.Request) {
	event := parameter(r.URL.RawQuery, "event_id")
	request := parameter(r.URL.RawQuery, "request_id")
	switch {
	case event == "" && request == "":
		failMissing(w, "event_id, request_id")
		return
	case event == "":
		failMissing(w, "event_id")
		return
	case request == "":
		failMissing(w, "request_id")
		return
	}
	room := a.public[event]
	if room == nil {
		fail(w, http.StatusBadRequest, textInvalidEvent)
		return
	}
	id, err := waitingroom.ParseRequestID(request)
	if err != nil {
		fail(w, http.StatusBadRequest, textInvalidRequestID)
		return
	}
	ticket, err := room.Ticket(r.Context(), id, waitingroom.LaneAPI)
	if errors.Is(err, waitingroom.ErrUnknownTicket) {
		fail(w, http.StatusAccepted, textNotFound)
		return
	}
	if err != nil {
		a.unavailable(w, r, err)
		return
	}
	b := make([]byte, 0, 160)
	b = append(b, `{"queue_number":`...)
	b = strconv.AppendInt(b, ticket.Position, 10)
	b = append(b, `,"entry_time":`...)
	b = strconv.AppendInt(b, ticket.Entered.Unix(), 10)
	b = append(b, `,"event_id":"`...)
	b = append(b, room.Config().ID...) // It has nothing to escape.
	b = append(b, `","status":1}`...)
	answer(w, http.StatusOK, cachePosition, b)
}

// servingNum answers with the serving counter, as a string: the original sent
// what its database held, and its clients parse that.
func (a *API) servingNum(w http.ResponseWriter, r *http.Request) {
	event := parameter(r.URL.RawQuery, "event_id")
	room := a.public[event]
	switch {
	case room != nil:
		b := make([]byte, 0, 48)
		b = append(b, `{"serving_counter":"`...)
		b = strconv.AppendInt(b, room.Counters().Serving, 10)
		b = append(b, `"}`...)
		answer(w, http.StatusOK, cacheCounter, b)
	case event == "":
		failMissing(w, "event_id")
	default:
		fail(w, http.StatusBadRequest, textInvalidEvent)
	}
}

// failMissing answers a query that lacks parameters, in the words of the
// original's gateway.
func failMissing(w http.ResponseWriter, names string) {
	fail(w, http.StatusBadRequest, "Missing required request parameters: ["+names+"]")
}
