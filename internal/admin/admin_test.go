package admin_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

const token = "an-admin-token-of-some-length"

// now is the store's time in all tests.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// startEngine runs the rooms sale, early (not yet open) and late (closed).
func startEngine(t *testing.T) *waitingroom.Engine {
	t.Helper()
	secrets, err := waitingroom.NewSecrets([]byte(strings.Repeat("s", waitingroom.MinSecretSize)))
	if err != nil {
		t.Fatal(err)
	}
	settings := waitingroom.Settings{PositionTTL: time.Hour, SessionTTL: time.Hour, SessionMax: 4 * time.Hour}
	early := waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 1, Every: time.Second, Start: now.Add(time.Hour)}
	late := waitingroom.Inlet{Kind: waitingroom.InletPeriodic, Add: 1, Every: time.Second, End: now.Add(-time.Hour)}
	engine, err := waitingroom.New(waitingroom.Options{
		Store: memstore.New(func() time.Time { return now }), Secrets: secrets, Revision: 1,
		Rooms: []waitingroom.RoomConfig{
			{ID: "sale", Name: "Spring sale", Settings: settings},
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
	return engine
}

// join takes n places in a room.
func join(t *testing.T, engine *waitingroom.Engine, id string, n int) {
	t.Helper()
	room, err := engine.Room(id)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI}); err != nil {
			t.Fatal(err)
		}
	}
}

// management is the part of a management listener that the client talks to.
func management(engine *waitingroom.Engine) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/admin/api/", admin.Rooms(engine))
	mux.Handle("/private/", awsapi.New(awsapi.Options{Engine: engine}).Private())
	return admin.Auth(func() []admin.Token {
		return []admin.Token{{Hash: sha256.Sum256([]byte(token)), Access: admin.Access{Name: "admin", Role: admin.Admin}}}
	}, mux)
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
