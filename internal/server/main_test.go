package server_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// TestMain keeps what libraries say off the screen, as serve does: a failure
// would be lost between the routes of the provider and the dials of the store.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	redisstore.LogTo(slog.Default())
	os.Exit(m.Run())
}
