package awsapi_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

const jsonType = "application/json"

func TestAVisitorJoinsAndWatchesTheLine(t *testing.T) {
	f := start(t, newStore(), nil)
	first, second := join(t, f.public, "sale"), join(t, f.public, "sale")
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(first) {
		t.Errorf("request ID %q has not the form of a UUID", first)
	}
	for i, id := range []string{first, second} {
		w := get(f.public, http.MethodGet, "/public/queue_num?event_id=sale&request_id="+id)
		expect(t, w, http.StatusOK,
			fmt.Sprintf(`{"queue_number":%d,"entry_time":%d,"event_id":"sale","status":1}`, i+1, now.Unix()))
		if got, want := w.Header().Get("Cache-Control"), "private, max-age=60"; got != want {
			t.Errorf("Cache-Control: got %q, want %q", got, want)
		}
	}
	expect(t, get(f.public, http.MethodGet, "/public/serving_num?event_id=sale"), http.StatusOK, `{"serving_counter":"0"}`)
	expect(t, post(f.private, "/private/increment_serving_counter", jsonType, `{"event_id":"sale","increment_by":5}`),
		http.StatusOK, `{"serving_num":5}`)
	w := get(f.public, http.MethodGet, "/public/serving_num?event_id=sale")
	expect(t, w, http.StatusOK, `{"serving_counter":"5"}`)
	if got, want := w.Header().Get("Cache-Control"), "public, max-age=5"; got != want {
		t.Errorf("Cache-Control: got %q, want %q", got, want)
	}
}

func TestAssignQueueNumAnswersBadInput(t *testing.T) {
	f := start(t, newStore(), nil)
	const invalidBody, invalidEvent = `{"error":"Invalid request body"}`, `{"error":"Invalid event ID"}`
	for _, test := range []struct {
		name        string
		contentType string
		body        string
		status      int
		want        string
	}{
		{"a room that does not exist is an invalid event", jsonType, `{"event_id":"nowhere"}`, 400, invalidEvent},
		{"a room without public API is an invalid event", jsonType, `{"event_id":"hidden"}`, 400, invalidEvent},
		{"an empty event is invalid", jsonType, `{"event_id":""}`, 400, invalidEvent},
		{"an event in another case is invalid", jsonType, `{"event_id":"SALE"}`, 400, invalidEvent},
		{"a missing event is an invalid body", jsonType, `{}`, 400, invalidBody},
		{"a null event is an invalid body", jsonType, `{"event_id":null}`, 400, invalidBody},
		{"an event that is a number is an invalid body", jsonType, `{"event_id":5}`, 400, invalidBody},
		{"an array is an invalid body", jsonType, `["sale"]`, 400, invalidBody},
		{"null is an invalid body", jsonType, `null`, 400, invalidBody},
		{"no body at all is an invalid body", jsonType, ``, 400, invalidBody},
		{"a body that is cut off is an invalid body", jsonType, `{"event_id":"sa`, 400, invalidBody},
		{"two values in a row are an invalid body", jsonType, `{"event_id":"sale"}{"event_id":"sale"}`, 400, invalidBody},
		{"a form is an unsupported type", "application/x-www-form-urlencoded", `event_id=sale`, 415, `{"error":"Unsupported Media Type"}`},
		{"plain text is an unsupported type", "text/plain", `{"event_id":"sale"}`, 415, `{"error":"Unsupported Media Type"}`},
		{"a broken type is an unsupported type", "application/json; =", `{"event_id":"sale"}`, 415, `{"error":"Unsupported Media Type"}`},
		{"a body over 64 KiB is too large", jsonType, `{"event_id":"sale"` + strings.Repeat(" ", 64<<10) + `}`, 413, `{"error":"Request Entity Too Large"}`},
		{"deep nesting is an invalid body", jsonType, strings.Repeat("[", 60_000), 400, invalidBody},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, post(f.public, "/public/assign_queue_num", test.contentType, test.body), test.status, test.want)
		})
	}
	sale, err := f.engine.Room("sale")
	if err != nil {
		t.Fatal(err)
	}
	if dealt := sale.Counters().Dealt; dealt != 0 {
		t.Errorf("bad input took %d places, want none", dealt)
	}
}

func TestAssignQueueNumTakesEveryFormOfABody(t *testing.T) {
	f := start(t, newStore(), nil)
	for _, test := range []struct{ name, contentType, body string }{
		{"as a browser writes it", jsonType, `{"event_id":"sale"}`},
		{"as Python writes it", jsonType, `{"event_id": "sale"}`},
		{"with a charset", "application/json; charset=utf-8", `{"event_id":"sale"}`},
		{"with a type in upper case", "Application/JSON", `{"event_id":"sale"}`},
		{"without a type, which the original took for JSON", "", `{"event_id":"sale"}`},
		{"over several lines", jsonType, "\n{\n\t\"event_id\" : \"sale\"\n}\n"},
		{"with escapes", jsonType, `{"event_id":"\u0073ale"}`},
		{"with a field that is not known", jsonType, `{"event_id":"sale","color":{"a":[1]}}`},
		{"with the field twice, where the last counts", jsonType, `{"event_id":"nowhere","event_id":"sale"}`},
		{"with 64 KiB exactly", jsonType, `{"event_id":"sale"` + strings.Repeat(" ", 64<<10-len(`{"event_id":"sale"}`)) + `}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := post(f.public, "/public/assign_queue_num", test.contentType, test.body)
			if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), `{"api_request_id":"`) {
				t.Errorf("got %d %s, want a request ID", w.Code, w.Body)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: got %q, want no-store", got)
			}
		})
	}
}

func TestClosedRoomsDealNoPlaces(t *testing.T) {
	f := start(t, newStore(), nil)
	w := post(f.public, "/public/assign_queue_num", jsonType, `{"event_id":"early"}`)
	expect(t, w, http.StatusServiceUnavailable, `{"error":"Event has not started yet"}`)
	// The room opens in ten minutes; up to 5 s are added so that not everybody
	// comes in the second in which it does.
	if s, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || s < 590 || s > 606 {
		t.Errorf("Retry-After: got %q, want about 600", w.Header().Get("Retry-After"))
	}
	expect(t, post(f.public, "/public/assign_queue_num", jsonType, `{"event_id":"late"}`),
		http.StatusGone, `{"error":"Event has ended"}`)
	// A room that is closed still says how the line stands.
	expect(t, get(f.public, http.MethodGet, "/public/serving_num?event_id=late"), http.StatusOK, `{"serving_counter":"0"}`)
}

func TestOneAddressCannotTakeThePlacesOfEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, newStore(), func(o *awsapi.Options) {
			o.Client = func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }
		})
		for range 500 {
			join(t, f.public, "sale")
		}
		w := post(f.public, "/public/assign_queue_num", jsonType, `{"event_id":"sale"}`)
		expect(t, w, http.StatusTooManyRequests, `{"error":"Too Many Requests"}`)
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After: got %q, want 1", got)
		}
		f.engine.Stop()
	})
}

func TestAStoreThatDoesNotAnswerMeansComeAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		logged bool
	}{
		{"that the store is away is the engine's to log, once", waitingroom.ErrUnavailable, false},
		{"any other cause is logged here", errDisk, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			store := newStore()
			// Another node's visitor, whose position this node has not heard of.
			id := join(t, start(t, store, nil).public, "sale")
			f := start(t, refusing{Store: newStore(), err: test.err}, func(o *awsapi.Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			for target, w := range map[string]*httptest.ResponseRecorder{
				"assign_queue_num": post(f.public, "/public/assign_queue_num", jsonType, `{"event_id":"sale"}`),
				"queue_num":        get(f.public, http.MethodGet, "/public/queue_num?event_id=sale&request_id="+id),
				"increment":        post(f.private, "/private/increment_serving_counter", jsonType, `{"event_id":"sale","increment_by":1}`),
				"reset":            post(f.private, "/private/reset_initial_state", jsonType, `{"event_id":"sale"}`),
			} {
				expect(t, w, http.StatusServiceUnavailable, `{"error":"Service Unavailable"}`)
				if s, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || s < 1 || s > 6 {
					t.Errorf("%s: Retry-After: got %q, want 1 to 6", target, w.Header().Get("Retry-After"))
				}
			}
			if got := log.Len() > 0; got != test.logged {
				t.Errorf("logged: got %v, want %v: %s", got, test.logged, &log)
			}
			if strings.Contains(log.String(), id) {
				t.Error("the log holds a request ID, which is a bearer value")
			}
		})
	}
}

func TestQueueNumAnswersBadInput(t *testing.T) {
	f := start(t, newStore(), nil)
	sale, other := join(t, f.public, "sale"), join(t, f.public, "other")
	room, err := f.engine.Room("sale")
	if err != nil {
		t.Fatal(err)
	}
	browser, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneBrowser})
	if err != nil {
		t.Fatal(err)
	}
	const notFound, invalid = `{"error":"Request ID not found"}`, `{"error":"Invalid event or request ID"}`
	for _, test := range []struct {
		name, query string
		status      int
		want        string
	}{
		{"an ID that was never dealt is not found", "event_id=sale&request_id=01234567-89ab-cdef-0123-456789abcdef", 202, notFound},
		{"an ID of another room is not found", "event_id=sale&request_id=" + other, 202, notFound},
		// The sub of every token is a browser's ID; here it must be worth nothing.
		{"an ID of the waiting page is not found", "event_id=sale&request_id=" + browser.ID.String(), 202, notFound},
		{"an ID that is cut off is invalid", "event_id=sale&request_id=" + sale[:35], 400, invalid},
		{"an ID with something after it is invalid", "event_id=sale&request_id=" + sale + "0", 400, invalid},
		{"an ID in upper case is invalid", "event_id=sale&request_id=" + "01234567-89AB-CDEF-0123-456789ABCDEF", 400, invalid},
		{"an unknown room is an invalid event", "event_id=nowhere&request_id=" + sale, 400, `{"error":"Invalid event ID"}`},
		{"a room without public API is an invalid event", "event_id=hidden&request_id=" + sale, 400, `{"error":"Invalid event ID"}`},
		{"a missing room is named", "request_id=" + sale, 400, `{"error":"Missing required request parameters: [event_id]"}`},
		{"a missing ID is named", "event_id=sale", 400, `{"error":"Missing required request parameters: [request_id]"}`},
		{"both are named", "", 400, `{"error":"Missing required request parameters: [event_id, request_id]"}`},
		{"a broken escape is like nothing", "event_id=sale&request_id=%zz", 400, `{"error":"Missing required request parameters: [request_id]"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, get(f.public, http.MethodGet, "/public/queue_num?"+test.query), test.status, test.want)
		})
	}
}

// An old number would keep its holder waiting for a turn that never comes.
func TestAResetForgetsTheNumbersOfTheLineBefore(t *testing.T) {
	f := start(t, newStore(), nil)
	id := join(t, f.public, "sale")
	if w := post(f.private, "/private/reset_initial_state", jsonType, `{"event_id":"sale"}`); w.Code != http.StatusOK {
		t.Fatalf("reset: got %d %s", w.Code, w.Body)
	}
	expect(t, get(f.public, http.MethodGet, "/public/queue_num?event_id=sale&request_id="+id),
		http.StatusAccepted, `{"error":"Request ID not found"}`)
	next := get(f.public, http.MethodGet, "/public/queue_num?event_id=sale&request_id="+join(t, f.public, "sale"))
	if want := `{"queue_number":1,`; !strings.HasPrefix(next.Body.String(), want) {
		t.Errorf("the first after the reset: got %s, want %s…", next.Body, want)
	}
}

func TestServingNumAnswersBadInput(t *testing.T) {
	f := start(t, newStore(), nil)
	for _, test := range []struct{ name, query, want string }{
		{"an unknown room is an invalid event", "event_id=nowhere", `{"error":"Invalid event ID"}`},
		{"a room without public API is an invalid event", "event_id=hidden", `{"error":"Invalid event ID"}`},
		{"a missing room is named", "", `{"error":"Missing required request parameters: [event_id]"}`},
		{"another parameter is no room", "xevent_id=sale", `{"error":"Missing required request parameters: [event_id]"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, get(f.public, http.MethodGet, "/public/serving_num?"+test.query), http.StatusBadRequest, test.want)
		})
	}
}

func TestPathsAndMethods(t *testing.T) {
	f := start(t, newStore(), nil)
	for _, test := range []struct {
		name           string
		method, target string
		status         int
		allow, body    string
	}{
		{"a path that nobody knows", "GET", "/public/nothing", 404, "", `{"error":"Not Found"}`},
		{"the root of the API", "GET", "/public/", 404, "", `{"error":"Not Found"}`},
		{"an endpoint without its prefix", "GET", "/serving_num?event_id=sale", 404, "", `{"error":"Not Found"}`},
		{"an endpoint with a slash at its end", "GET", "/public/serving_num/?event_id=sale", 404, "", `{"error":"Not Found"}`},
		{"an operator's endpoint is not public", "POST", "/public/reset_initial_state", 404, "", `{"error":"Not Found"}`},
		{"nor is its own path", "POST", "/private/reset_initial_state", 404, "", `{"error":"Not Found"}`},
		{"reading a place into being", "GET", "/public/assign_queue_num", 405, "OPTIONS, POST", `{"error":"Method Not Allowed"}`},
		{"a probe takes no place", "HEAD", "/public/assign_queue_num", 405, "OPTIONS, POST", `{"error":"Method Not Allowed"}`},
		{"posting to the counter", "POST", "/public/serving_num", 405, "GET, HEAD, OPTIONS", `{"error":"Method Not Allowed"}`},
		{"deleting a number", "DELETE", "/public/queue_num", 405, "GET, HEAD, OPTIONS", `{"error":"Method Not Allowed"}`},
		{"a probe of the counter", "HEAD", "/public/serving_num?event_id=sale", 200, "", `{"serving_counter":"0"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := get(f.public, test.method, test.target)
			expect(t, w, test.status, test.body)
			if got := w.Header().Get("Allow"); got != test.allow {
				t.Errorf("Allow: got %q, want %q", got, test.allow)
			}
		})
	}
}

func TestPreflightsAreAnswered(t *testing.T) {
	f := start(t, newStore(), nil)
	for _, test := range []struct {
		handler         http.Handler
		target, methods string
	}{
		{f.public, "/public/assign_queue_num", "OPTIONS, POST"},
		{f.public, "/public/queue_num", "GET, HEAD, OPTIONS"},
		{f.public, "/public/serving_num", "GET, HEAD, OPTIONS"},
		{f.private, "/private/increment_serving_counter", "OPTIONS, POST"},
		{f.private, "/private/reset_initial_state", "OPTIONS, POST"},
	} {
		t.Run(test.target, func(t *testing.T) {
			w := get(test.handler, http.MethodOptions, test.target)
			if w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Errorf("got %d %q, want 200 and no body", w.Code, w.Body)
			}
			for header, want := range map[string]string{
				"Access-Control-Allow-Origin":      "*",
				"Access-Control-Allow-Methods":     test.methods,
				"Access-Control-Allow-Headers":     "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token",
				"Access-Control-Allow-Credentials": "",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: got %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestThePublicAPIStandsBelowTheIssuersPath(t *testing.T) {
	f := start(t, newStore(), func(o *awsapi.Options) { o.PublicPath = "/tickets/public" })
	expect(t, get(f.public, http.MethodGet, "/tickets/public/serving_num?event_id=sale"), http.StatusOK, `{"serving_counter":"0"}`)
	expect(t, get(f.public, http.MethodGet, "/public/serving_num?event_id=sale"), http.StatusNotFound, `{"error":"Not Found"}`)
}

func TestOptionsMayBeLeftOut(t *testing.T) {
	f := start(t, newStore(), func(o *awsapi.Options) { *o = awsapi.Options{Engine: o.Engine} })
	join(t, f.public, "hidden")
	if got, want := serving(f.public, "hidden"), `{"serving_counter":"0"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
