package awsapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

func TestIncrementServingCounter(t *testing.T) {
	const invalid = `{"error":"Invalid increment_by: must be an integer between -4294967296 and 4294967296"}`
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"a number is added", `{"event_id":"sale","increment_by":7}`, 200, `{"serving_num":17}`},
		{"zero tells the counter", `{"event_id":"sale","increment_by":0}`, 200, `{"serving_num":10}`},
		{"a negative number takes back", `{"event_id":"sale","increment_by":-4}`, 200, `{"serving_num":6}`},
		{"the counter stops at zero", `{"event_id":"sale","increment_by":-400}`, 200, `{"serving_num":0}`},
		{"the counter stops at the last position", `{"event_id":"sale","increment_by":4294967296}`, 200, `{"serving_num":4294967295}`},
		{"a number in a string counts", `{"event_id":"sale","increment_by":"5"}`, 200, `{"serving_num":15}`},
		{"a room without public API is an operator's too", `{"event_id":"hidden","increment_by":1}`, 200, `{"serving_num":1}`},
		{"half a place is none", `{"event_id":"sale","increment_by":1.5}`, 400, invalid},
		{"an exponent is not whole", `{"event_id":"sale","increment_by":1e3}`, 400, invalid},
		{"a word is no number", `{"event_id":"sale","increment_by":"many"}`, 400, invalid},
		{"an empty string is no number", `{"event_id":"sale","increment_by":""}`, 400, invalid},
		{"true is no number", `{"event_id":"sale","increment_by":true}`, 400, invalid},
		{"null is no number", `{"event_id":"sale","increment_by":null}`, 400, invalid},
		{"nothing is no number", `{"event_id":"sale"}`, 400, invalid},
		{"more than there can be is refused", `{"event_id":"sale","increment_by":4294967297}`, 400, invalid},
		{"less than there can be is refused", `{"event_id":"sale","increment_by":-4294967297}`, 400, invalid},
		{"more than 64 bits is refused", `{"event_id":"sale","increment_by":99999999999999999999}`, 400, invalid},
		{"an unknown room is an invalid event", `{"event_id":"nowhere","increment_by":1}`, 400, `{"error":"Invalid event ID"}`},
		{"a missing room is an invalid body", `{"increment_by":1}`, 400, `{"error":"Invalid request body"}`},
		{"no JSON is an invalid body", `event_id=sale`, 400, `{"error":"Invalid request body"}`},
		{"a body over 64 KiB is too large", strings.Repeat(" ", 64<<10+1), 413, `{"error":"Request Entity Too Large"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, newStore(), nil)
			post(f.private, "/private/increment_serving_counter", jsonType, `{"event_id":"sale","increment_by":10}`)
			expect(t, post(f.private, "/private/increment_serving_counter", jsonType, test.body), test.status, test.want)
			if test.status != http.StatusOK {
				if got, want := serving(f.public, "sale"), `{"serving_counter":"10"}`; got != want {
					t.Errorf("a refused order moved the counter: got %s, want %s", got, want)
				}
			}
		})
	}
}

// The original's control panel signs its requests with a library that sends
// JSON as plain text.
func TestOperatorsMaySendJSONAsPlainText(t *testing.T) {
	f := start(t, newStore(), nil)
	expect(t, post(f.private, "/private/increment_serving_counter", "text/plain;charset=UTF-8", `{"event_id":"sale","increment_by":3}`),
		http.StatusOK, `{"serving_num":3}`)
}

func TestResetEmptiesTheRoomAtOnce(t *testing.T) {
	f := start(t, newStore(), nil)
	join(t, f.public, "sale")
	post(f.private, "/private/increment_serving_counter", jsonType, `{"event_id":"sale","increment_by":3}`)
	expect(t, post(f.private, "/private/reset_initial_state", "text/plain", `{"event_id":"sale"}`), http.StatusOK,
		`{"message":"The waiting room has been reset. All earlier places and sessions have ended, and the next visitor gets queue number 1."}`)
	expect(t, get(f.public, http.MethodGet, "/public/serving_num?event_id=sale"), http.StatusOK, `{"serving_counter":"0"}`)
	expect(t, post(f.private, "/private/reset_initial_state", jsonType, `{"event_id":"nowhere"}`),
		http.StatusBadRequest, `{"error":"Invalid event ID"}`)
	expect(t, post(f.private, "/private/reset_initial_state", jsonType, ``),
		http.StatusBadRequest, `{"error":"Invalid request body"}`)
}

func TestTwoResetsAtOnceAreOne(t *testing.T) {
	f := start(t, refusing{Store: newStore(), err: waitingroom.ErrConflict}, nil)
	expect(t, post(f.private, "/private/reset_initial_state", jsonType, `{"event_id":"sale"}`),
		http.StatusConflict, `{"error":"The waiting room was reset by somebody else at the same moment"}`)
}

func TestAnOrderIsRefusedWhereItIsNotAllowed(t *testing.T) {
	var asked []string
	f := start(t, newStore(), func(o *awsapi.Options) {
		o.Allow = func(_ *http.Request, room string, what awsapi.Action) bool {
			asked = append(asked, room+" "+string(what))
			return room == "sale" && what == awsapi.Serve
		}
	})
	const forbidden = `{"error":"This token does not allow that for this event"}`
	for _, test := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/private/increment_serving_counter", `{"event_id":"sale","increment_by":3}`, http.StatusOK, `{"serving_num":3}`},
		{"/private/increment_serving_counter", `{"event_id":"other","increment_by":3}`, http.StatusForbidden, forbidden},
		// Refused like a room that exists, so that nobody learns which do.
		{"/private/increment_serving_counter", `{"event_id":"nowhere","increment_by":3}`, http.StatusForbidden, forbidden},
		{"/private/reset_initial_state", `{"event_id":"sale"}`, http.StatusForbidden, forbidden},
	} {
		expect(t, post(f.private, test.path, jsonType, test.body), test.status, test.want)
	}
	if want := []string{"sale serve", "other serve", "nowhere serve", "sale reset"}; !slices.Equal(asked, want) {
		t.Errorf("asked: got %q, want %q", asked, want)
	}
	if got, want := serving(f.public, "other"), `{"serving_counter":"0"}`; got != want {
		t.Errorf("a refused order moved the counter: got %s, want %s", got, want)
	}
}

func TestPrivatePathsAndMethods(t *testing.T) {
	f := start(t, newStore(), nil)
	expect(t, get(f.private, http.MethodGet, "/private/nothing"), http.StatusNotFound, `{"error":"Not Found"}`)
	expect(t, get(f.private, http.MethodGet, "/public/serving_num?event_id=sale"), http.StatusNotFound, `{"error":"Not Found"}`)
	for _, target := range []string{"/private/increment_serving_counter", "/private/reset_initial_state"} {
		w := get(f.private, http.MethodGet, target)
		expect(t, w, http.StatusMethodNotAllowed, `{"error":"Method Not Allowed"}`)
		if got, want := w.Header().Get("Allow"), "OPTIONS, POST"; got != want {
			t.Errorf("Allow: got %q, want %q", got, want)
		}
	}
}
