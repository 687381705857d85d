package load

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// apiPace is how often an API visitor asks for the serving counter, give or take a
// fifth. The API has no pace of its own.
const apiPace = 5 * time.Second

// assign takes a place without a browser.
func (r *run) assign(ctx context.Context, v *visitor) {
	order, err := json.Marshal(map[string]string{"event_id": r.options.Room})
	if err != nil {
		panic(err) // Strings always marshal.
	}
	a := r.wire.send(ctx, request{kind: kindAssign, due: v.due, method: http.MethodPost, path: "/public/assign_queue_num", json: string(order)})
	var got struct {
		ID string `json:"api_request_id"`
	}
	if !r.understood(v, a, &got) {
		return
	}
	if got.ID == "" {
		r.malformed(v, a, "the answer of assign_queue_num has no request ID")
		r.ends(v, failed)
		return
	}
	r.placeOf(v)
	v.query = url.Values{"event_id": {r.options.Room}, "request_id": {got.ID}}.Encode()
	r.next(v, stageAsk, 0)
}

// ask asks for the position of the place: after it was dealt, and again when it is
// served.
func (r *run) ask(ctx context.Context, v *visitor) {
	a := r.wire.send(ctx, request{
		kind: kindPosition, due: v.due, path: "/public/queue_num?" + v.query, fine: []int{http.StatusAccepted},
	})
	if a.status == http.StatusAccepted { // Not found, in the words of the original.
		v.place.Losses = append(v.place.Losses, a.span)
		r.ends(v, failed)
		return
	}
	var got struct {
		Position int64 `json:"queue_number"`
	}
	if !r.understood(v, a, &got) {
		return
	}
	if got.Position <= 0 {
		r.malformed(v, a, "the answer of queue_num has no position")
		r.ends(v, failed)
		return
	}
	r.shown(v, got.Position, a)
	if v.served {
		r.ends(v, served)
		return
	}
	r.next(v, stageWatch, 0)
}

// watch looks at the serving counter.
func (r *run) watch(ctx context.Context, v *visitor) {
	query := url.Values{"event_id": {r.options.Room}}
	a := r.wire.send(ctx, request{kind: kindServing, due: v.due, path: "/public/serving_num?" + query.Encode()})
	var got struct {
		Serving string `json:"serving_counter"`
	}
	if !r.understood(v, a, &got) {
		return
	}
	serving, err := strconv.ParseInt(got.Serving, 10, 64)
	if err != nil {
		r.malformed(v, a, "the answer of serving_num has no counter")
		r.ends(v, failed)
		return
	}
	r.witness.counter(serving, a.span)
	if serving >= v.place.Position() {
		v.served = true
		r.next(v, stageAsk, 0)
		return
	}
	v.pace = time.Duration((0.8 + 0.4*rand.Float64()) * float64(apiPace)) //nolint:gosec // Jitter is no secret.
	r.next(v, stageWatch, v.pace)
}

// understood reads an answer in JSON into out. If there is none, it has the visitor
// try again or give up.
func (r *run) understood(v *visitor, a *answer, out any) bool {
	switch {
	case a.status == 0 || a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError:
		r.later(v, a)
		return false
	case a.status != http.StatusOK:
		r.ends(v, failed)
		return false
	}
	r.witness.answers.Add(1)
	if err := json.Unmarshal(a.body, out); err != nil {
		r.malformed(v, a, "an answer of the API is not the JSON that it should be")
		r.ends(v, failed)
		return false
	}
	v.failures = 0
	return true
}
