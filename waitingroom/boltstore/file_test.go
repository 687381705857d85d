package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
)

func TestAFileInUseIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		mustOpen(t, path, boltstore.Options{})
		_, err := boltstore.Open(path, boltstore.Options{})
		if !errors.Is(err, boltstore.ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("got error %v, want one that names %s and wraps %v", err, path, boltstore.ErrInUse)
		}
	})
}

// TestAFileThatWasReplacedIsNotWrittenTo stops a split line: a process that
// waits for the lock while the one before it compacts the file would get the
// lock of a file that has no name any more.
func TestAFileThatWasReplacedIsNotWrittenTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, other := filepath.Join(dir, "store.db"), filepath.Join(dir, "other.db")
		store := mustOpen(t, other, boltstore.Options{})
		if _, err := advance(t.Context(), store, 1, 7); err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}

		holder, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		opened := make(chan *boltstore.Store)
		go func() { opened <- mustOpen(t, path, boltstore.Options{}) }()
		synctest.Wait() // For the lock.
		if err := errors.Join(os.Rename(other, path), holder.Close()); err != nil {
			t.Fatal(err)
		}
		if got := dealt(t, <-opened); got != 7 {
			t.Errorf("got a store that dealt %d, want the one at the path, which dealt 7", got)
		}
	})
}

func TestWhatIsNotAStoreOfThisVersionIsRefused(t *testing.T) {
	database := func(bucket string, format uint64) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error {
				b, err := tx.CreateBucket([]byte(bucket))
				if err != nil {
					return err
				}
				return b.Put([]byte("format"), binary.BigEndian.AppendUint64(nil, format))
			})
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, write := range map[string]func(t *testing.T, path string){
		"a newer version's": database("meta", 2),
		"another program's": database("users", 1),
		"a text":            func(t *testing.T, path string) { writeFile(t, path, bytes.Repeat([]byte("hello "), 20_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			write(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			store, err := boltstore.Open(path, boltstore.Options{})
			if err == nil {
				t.Error(store.Close())
			}
			if !errors.Is(err, boltstore.ErrFormat) {
				t.Errorf("got error %v, want %v", err, boltstore.ErrFormat)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed, error %v", err)
			}
		})
	}
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAMissingDirectoryIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	_, err := boltstore.Open(filepath.Join(dir, "store.db"), boltstore.Options{})
	if err == nil || !strings.Contains(err.Error(), "directory "+dir+" does not exist") {
		t.Errorf("got error %v, want one that names the directory", err)
	}
}

func TestTheFileIsReadByItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode there")
	}
	path := filepath.Join(t.TempDir(), "store.db")
	mustOpen(t, path, boltstore.Options{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, error %v, want 0600", info.Mode(), err)
	}
}

func TestAFileThatIsMostlyFreeIsCompactedWhenItIsOpened(t *testing.T) {
	for _, row := range []struct {
		name      string
		above     int64
		prepare   func(t *testing.T, path string)
		compacted bool
	}{
		{"a large one", 1 << 18, func(*testing.T, string) {}, true},
		{"one below the threshold", 1 << 30, func(*testing.T, string) {}, false},
		{"beside what an interrupted compaction left", 1 << 18, func(t *testing.T, path string) {
			writeFile(t, path+".compact", []byte("half"))
		}, true},
		{"where no second file can be written", 1 << 18, func(t *testing.T, path string) {
			if err := os.MkdirAll(filepath.Join(path+".compact", "in the way"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			clock := newClock()
			before := writeAndForget(t, path, clock)
			row.prepare(t, path)
			store := mustOpen(t, path, boltstore.Options{Now: clock.now, CompactAbove: row.above})
			after := size(t, path)
			if got := after < before/4; got != row.compacted {
				t.Errorf("the file went from %d to %d bytes; compacted %v, want %v", before, after, got, row.compacted)
			}
			if kept, err := store.Kept(t.Context(), "name"); err != nil || string(kept) != "value" {
				t.Errorf("kept: got %q, error %v", kept, err)
			}
			if got := dealt(t, store); got != 30 {
				t.Errorf("got dealt %d, want 30", got)
			}
			for position, want := range map[int64]waitingroom.State{1: waitingroom.StateActive, 2: waitingroom.StateServed} {
				if standing, _, err := store.Lookup(t.Context(), room, ticket(position)); err != nil || standing.State != want {
					t.Errorf("position %d: got %s, error %v, want %s", position, standing.State, err, want)
				}
			}
			clock.tick(2 * time.Hour) // Reminders have survived, too.
			swept, _, err := store.Sweep(t.Context(), room, 100)
			if err != nil || swept.Sessions != 1 || swept.Places != 9 {
				t.Errorf("got %+v, error %v, want 1 session and 9 places", swept, err)
			}
		})
	}
}

// writeAndForget makes a store with a little in it and much free space, and
// returns the file's size.
func writeAndForget(t *testing.T, path string, clock *clock) int64 {
	t.Helper()
	store := mustOpen(t, path, boltstore.Options{Now: clock.now})
	if _, err := store.Configure(t.Context(), room, 1, rules()); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if _, err := store.Keep(t.Context(), fmt.Sprint("large", i), make([]byte, 1<<16), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Keep(t.Context(), "name", []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	clock.tick(2 * time.Second)
	if _, err := advance(t.Context(), store, 1, 30); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Serve(t.Context(), room, waitingroom.Serve{By: 10, Op: waitingroom.OpID{1}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Claim(t.Context(), room, waitingroom.Claim{Ticket: ticket(1)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Sweep(t.Context(), room, 100); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return size(t, path)
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestWhatAResetLeavesIsDeletedInSlices(t *testing.T) {
	const rows = 100_000
	path := filepath.Join(t.TempDir(), "store.db")
	store := mustOpen(t, path, boltstore.Options{})
	if err := store.Fill(t.Context(), room, rows); err != nil {
		t.Fatal(err)
	}
	for i := range byte(2) { // Two lives are left to be deleted.
		c, err := store.Counters(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Reset(t.Context(), room, waitingroom.OpID{i}, c.Generation); err != nil {
			t.Fatal(err)
		}
		if err := store.Fill(t.Context(), room, 10); err != nil {
			t.Fatal(err)
		}
	}
	left := countRows(t, store)
	if left != 2*rows+40 {
		t.Fatalf("got %d rows and reminders after the resets, want all %d", left, 2*rows+40)
	}
	sweeps := 0
	for ; left > 20; sweeps++ {
		if sweeps == 10 { // The rest is not forgotten over a restart.
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			store = mustOpen(t, path, boltstore.Options{})
		}
		// The limit is for the present life, whose reminders are due.
		if _, _, err := store.Sweep(t.Context(), room, 0); err != nil {
			t.Fatal(err)
		}
		now := countRows(t, store)
		if now >= left || left-now > 2*boltstore.Buried {
			t.Fatalf("a sweep deleted %d rows and reminders, want 1 to %d", left-now, 2*boltstore.Buried)
		}
		left = now
	}
	if least := rows / boltstore.Buried; sweeps > least+3 {
		t.Errorf("it took %d sweeps, want about %d", sweeps, least)
	}
	if left != 20 {
		t.Errorf("%d rows and reminders are left, want the 20 of the present life", left)
	}
}

func countRows(t *testing.T, store *boltstore.Store) int {
	t.Helper()
	n, err := store.CountRows(room)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
