package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// startEngine returns a running engine with one room over a store of its own.
func startEngine(t *testing.T) *waitingroom.Engine {
	t.Helper()
	secrets, err := waitingroom.NewSecrets([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := waitingroom.New(waitingroom.Options{
		Store: memstore.New(time.Now), Secrets: secrets,
		Rooms: []waitingroom.RoomConfig{{ID: "sale", Settings: waitingroom.Settings{SessionTTL: time.Hour, SessionMax: time.Hour}}},
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

func TestANodeThatLostItsStoreAndItsMemoryGoesOnFromItsStateDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floors.json")
	before := startEngine(t)
	room, _ := before.Room("sale")
	for range 3 {
		if _, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := room.Serve(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := (&floors{path: path, engine: before}).write(); err != nil {
		t.Fatal(err)
	}

	after := startEngine(t)
	if err := (&floors{path: path, engine: after}).restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	room, _ = after.Room("sale")
	ticket, err := room.Join(t.Context(), waitingroom.Join{Lane: waitingroom.LaneAPI})
	if err != nil {
		t.Fatal(err)
	}
	if ticket.Position != 4 || room.Counters().Serving != 2 {
		t.Errorf("position %d and serving %d, want 4 and 2", ticket.Position, room.Counters().Serving)
	}
}

func TestAStateFileSaysHowFastALineGrew(t *testing.T) {
	f := &floors{}
	var got []int64
	for _, dealt := range []int64{5, 8, 20, 20, 20} {
		got = append(got, f.grown("sale", waitingroom.Floors{Dealt: dealt}).Growth)
	}
	got = append(got, f.grown("sale", waitingroom.Floors{Generation: 1, Dealt: 2}).Growth)
	if want := []int64{0, 3, 15, 12, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("grew by %v, want %v", got, want)
	}
}

func TestADamagedStateFileStopsTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floors.json")
	f := &floors{path: path, engine: startEngine(t)}
	if err := f.restore(t.Context()); err != nil {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.restore(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
}

// A state_dir that nobody can write to would be missed on the day when the store is lost.
func TestAStateDirThatIsMissingStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := (&floors{path: filepath.Join(dir, "floors.json")}).usable(); err != nil {
		t.Errorf("a directory: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
	missing := filepath.Join(dir, "missing")
	want := "state_dir: there is no directory " + missing + "; make it, and let this user write to it"
	if err := (&floors{path: filepath.Join(missing, "floors.json")}).usable(); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("no directory: got %v, want %s", err, want)
	}
}

func TestTheDirectoryOfASecretIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	want := "make the master secret: there is no directory " + dir
	if _, err := makeSecret(filepath.Join(dir, "master-secret"), "master secret", slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
