package awsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// now is the store's time in all tests; nothing depends on its moving on.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// fixture is the two APIs over running rooms.
type fixture struct {
	public, private http.Handler
	engine          *waitingroom.Engine
}

// start runs the rooms sale, other, hidden (not public), early (not yet open)
// and late (closed for good) over a store.
func start(t testing.TB, store waitingroom.Store, change func(*awsapi.Options)) fixture {
	t.Helper()
	secrets, err := waitingroom.NewSecrets([]byte(strings.Repeat("s", waitingroom.MinSecretSize)))
	if err != nil {
		t.Fatal(err)
	}
	settings := waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour, SessionMax: 4 * time.Hour}
	early := waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 1, Every: time.Second, Start: now.Add(10 * time.Minute)}
	late := waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 1, Every: time.Second, End: now.Add(-time.Minute)}
	engine, err := waitingroom.New(waitingroom.Options{
		Store: store, Secrets: secrets, Revision: 1,
		Rooms: []waitingroom.RoomConfig{
			{ID: "sale", Settings: settings},
			{ID: "other", Settings: settings},
			{ID: "hidden", Settings: settings},
			{ID: "early", Settings: settings, Inlet: early},
			{ID: "late", Settings: settings, Inlet: late},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Stop)
	options := awsapi.Options{
		Engine:     engine,
		PublicRoom: func(id string) bool { return id != "hidden" },
		Client:     func(*http.Request) netip.Addr { return netip.MustParseAddr("127.0.0.1") },
	}
	if change != nil {
		change(&options)
	}
	api := awsapi.New(options)
	return fixture{public: api.Public(), private: api.Private(), engine: engine}
}

func newStore() waitingroom.Store { return memstore.New(func() time.Time { return now }) }

// get asks a handler.
func get(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// post sends a body of a type; an empty type sends no Content-Type.
func post(h http.Handler, target, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// join takes a place and returns its request ID.
func join(t testing.TB, h http.Handler, room string) string {
	t.Helper()
	w := post(h, "/public/assign_queue_num", "application/json", `{"event_id":"`+room+`"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("join %s: got %d %s", room, w.Code, w.Body)
	}
	var answer struct {
		ID string `json:"api_request_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.ID
}

// expect compares status and body, and checks what holds for every answer.
func expect(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, body)
	}
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin: got %q, want *", got)
	}
	if got := w.Header().Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("Access-Control-Allow-Credentials: got %q, want none", got)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q, want application/json", got)
	}
	if status != http.StatusOK {
		if got := w.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control of an error: got %q, want no-store", got)
		}
	}
}

// serving returns the serving counter of a room, as text.
func serving(h http.Handler, room string) string {
	return get(h, http.MethodGet, "/public/serving_num?event_id="+room).Body.String()
}

// refusing is a store that deals no positions and moves no counter.
type refusing struct {
	waitingroom.Store
	err error
}

func (s refusing) Advance(context.Context, string, waitingroom.Advance) (int64, waitingroom.Counters, error) {
	return 0, waitingroom.Counters{}, s.err
}

func (s refusing) Serve(context.Context, string, waitingroom.Serve) (waitingroom.Counters, error) {
	return waitingroom.Counters{}, s.err
}

func (s refusing) Reset(context.Context, string, waitingroom.OpID, int64) (waitingroom.Counters, error) {
	return waitingroom.Counters{}, s.err
}

func (s refusing) Settle(context.Context, string, waitingroom.Floors) (waitingroom.Counters, error) {
	return waitingroom.Counters{}, s.err
}

var errDisk = errors.New("disk is on fire")
