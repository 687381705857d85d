package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// A signing key counted as kept before a replica had it: a failover lost it, with all
// tokens that it had signed.
func TestWhatIsKeptIsConfirmedByReplicas(t *testing.T) {
	server := redistest.Start(t) // It has no replica.
	store, err := redisstore.New(server.Client(), redisstore.Options{Acks: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct {
		name string
		call func() error
	}{
		{"Keep", func() error {
			_, err := store.Keep(t.Context(), "key", []byte("value"), 0)
			return err
		}},
		{"Keep of what is kept already", func() error {
			_, err := store.Keep(t.Context(), "key", []byte("value"), 0)
			return err
		}},
		{"Swap", func() error {
			_, err := store.Swap(t.Context(), "key", []byte("value"), []byte("other"))
			return err
		}},
	} {
		if err := call.call(); !errors.Is(err, waitingroom.ErrUnavailable) {
			t.Errorf("%s gives %v, want ErrUnavailable", call.name, err)
		}
	}
	if kept, err := store.Kept(t.Context(), "key"); err != nil || string(kept) != "other" {
		t.Errorf("Kept gives %q, %v", kept, err)
	}
}

// Anybody can have a long authorization request kept. The script began with a deletion,
// after which Redis refuses nothing: it grew beyond its maxmemory.
func TestAFullStoreKeepsNothingMore(t *testing.T) {
	server := redistest.Start(t, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
	a := fresh(t, server)
	value := []byte(strings.Repeat("x", 1<<20))
	for i := range 20 {
		if _, err := a.Keep(t.Context(), string(rune('a'+i)), value, time.Hour); errors.Is(err, waitingroom.ErrUnavailable) {
			return
		}
	}
	t.Error("kept 20 MiB in 8")
}
