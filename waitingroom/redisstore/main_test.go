package redisstore_test

import (
	"flag"
	"log/slog"
	"os"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// TestMain lets four tests run at a time where the command line says nothing else:
// those that may run in parallel wait for failovers most of the time.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	redisstore.LogTo(slog.Default()) // At level debug, which it leaves out.
	os.Exit(m.Run())
}
