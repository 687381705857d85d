package admin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func TestRoomsTellsHowTheRoomsStand(t *testing.T) {
	engine := startEngine(t)
	join(t, engine, "sale", 3)
	room, err := engine.Room("sale")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Serve(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	client := admin.Client{URL: serve(t, management(engine)), Token: token}
	got, err := client.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		// The time of an answer is the store's, carried on by a real clock.
		if d := got[i].Now.Sub(now); d < 0 || d > 5e9 {
			t.Errorf("room %s: now is %v, want about %v", got[i].ID, got[i].Now, now)
		}
		got[i].Now = now
	}
	want := []admin.Room{
		{
			ID: "sale", Name: "Spring sale", Inlet: "manual", Dealt: 3, Serving: 2, Frontier: 2,
			Waiting: 1, Unclaimed: 2, Phase: "open", Now: now, Healthy: true,
		},
		{ID: "early", Name: "early", Inlet: "periodic", Phase: "before", Now: now, Healthy: true},
		{ID: "late", Name: "late", Inlet: "periodic", Phase: "after", Now: now, Healthy: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
}

func TestRoomsAnswersOddRequests(t *testing.T) {
	h := management(startEngine(t))
	for _, test := range []struct {
		name, method, path string
		status             int
		body               string
	}{
		{"an unknown room", "GET", "/admin/api/rooms/nowhere", 404, `{"error":"unknown room"}`},
		{"a room without a name", "GET", "/admin/api/rooms/", 404, `{"error":"unknown room"}`},
		{"a path below a room", "GET", "/admin/api/rooms/sale/", 404, `{"error":"unknown room"}`},
		{"a path beside it", "GET", "/admin/api/roomsale", 404, `{"error":"not found"}`},
		{"an order", "POST", "/admin/api/rooms", 405, `{"error":"method not allowed"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Header.Set("Authorization", "Bearer "+token)
			h.ServeHTTP(w, r)
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, test.status, test.body)
			}
			if got, want := w.Header().Get("Cache-Control"), "no-store"; got != want {
				t.Errorf("Cache-Control: got %q, want %q", got, want)
			}
			if got := w.Header().Get("Allow"); w.Code == http.StatusMethodNotAllowed && got != "GET, HEAD" {
				t.Errorf("Allow: got %q, want GET, HEAD", got)
			}
		})
	}
}
