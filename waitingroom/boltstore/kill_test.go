package boltstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
)

// victimFile is the environment variable by which this test's binary is told to
// be the process that is killed, and with which store.
const victimFile = "BOLTSTORE_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimFile); path != "" {
		if err := beVictim(context.Background(), path, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// beVictim deals, serves and claims from several nodes at once, and says what
// was acknowledged, until it is killed.
func beVictim(ctx context.Context, path string, out io.Writer) error {
	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return err
	}
	if _, err := store.Configure(ctx, room, 1, rules()); err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // Guards out.
		errs = make(chan error, 1)
	)
	for range 4 {
		wg.Go(func() {
			if err := deal(ctx, store, func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				_, _ = fmt.Fprintf(out, format, args...)
			}); err != nil {
				errs <- err
			}
		})
	}
	return <-errs
}

// deal is one node of the victim.
func deal(ctx context.Context, store *boltstore.Store, acknowledge func(format string, args ...any)) error {
	node := randomOp()
	for seq := uint64(1); ; seq++ {
		n := 1 + rand.IntN(20)
		first, _, err := store.Advance(ctx, room, waitingroom.Advance{Node: node, Seq: seq, N: n})
		if err != nil {
			return err
		}
		acknowledge("dealt %d %d\n", first, n)
		to := first + int64(n) - 1
		c, err := store.Counters(ctx, room)
		if err != nil {
			return err
		}
		if c.Serving < to {
			c, err = store.Serve(ctx, room, waitingroom.Serve{By: to - c.Serving, Op: randomOp()})
			if err != nil {
				return err
			}
			acknowledge("served %d 0\n", c.Serving)
		}
		session, _, err := store.Claim(ctx, room, waitingroom.Claim{Ticket: ticket(first)})
		if err != nil {
			return err
		}
		acknowledge("claimed %d 0\n", session.Position)
	}
}

func randomOp() waitingroom.OpID {
	var op waitingroom.OpID
	for i := range op {
		op[i] = byte(rand.Uint32())
	}
	return op
}

// acknowledged is what the victims said before they died.
type acknowledged struct {
	dealt   int64          // The last position.
	owner   map[int64]bool // Positions dealt.
	serving int64
	claimed []int64
}

// TestAKilledProcessLosesNothingThatItAcknowledged checks invariants I1 and I5
// by killing a process again and again in the middle of its work.
func TestAKilledProcessLosesNothingThatItAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	known := &acknowledged{owner: make(map[int64]bool)}
	for round := range 10 {
		before := known.dealt
		killOne(t, path, 50+rand.IntN(1000), known)
		if t.Failed() {
			t.Fatalf("round %d, in which %d to %d were dealt", round, before+1, known.dealt)
		}
		checkSurvivor(t, path, known)
	}
	t.Logf("%d positions dealt, %d claimed", len(known.owner), len(known.claimed))
}

// killOne starts a victim, reads what it acknowledges, and kills it after some
// lines.
func killOne(t *testing.T, path string, lines int, known *acknowledged) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	victim := exec.CommandContext(ctx, os.Args[0])
	victim.Env = append(os.Environ(), victimFile+"="+path)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ { // Also what it said before it died.
		if n == lines {
			if err := victim.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		known.read(t, scanner.Text())
	}
	if err := victim.Wait(); err == nil || ctx.Err() != nil {
		t.Fatalf("the victim ended by itself: %v, %v", err, ctx.Err())
	}
}

func (a *acknowledged) read(t *testing.T, line string) {
	t.Helper()
	var (
		what     string
		value, n int64
	)
	if _, err := fmt.Sscanf(line, "%s %d %d", &what, &value, &n); err != nil {
		return // The line during which it died.
	}
	switch what {
	case "dealt":
		for position := value; position < value+n; position++ {
			if a.owner[position] {
				t.Errorf("position %d was dealt twice", position)
			}
			a.owner[position] = true
			a.dealt = max(a.dealt, position)
		}
	case "served":
		a.serving = max(a.serving, value)
	case "claimed":
		a.claimed = append(a.claimed, value)
	default:
		t.Errorf("the victim says %q", line)
	}
}

// checkSurvivor opens the store as the next start does, and stops it cleanly.
func checkSurvivor(t *testing.T, path string, known *acknowledged) {
	t.Helper()
	store := mustOpen(t, path, boltstore.Options{})
	c, err := store.Counters(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	// Calls of four nodes may have been on their way, and the ceiling is at
	// most the largest block above them.
	const onTheirWay, largest = 4 * 20, 65_536
	if c.Dealt < known.dealt || c.Dealt > known.dealt+onTheirWay+largest {
		t.Errorf("dealing resumes at %d, where %d was dealt last", c.Dealt, known.dealt)
	}
	if c.Serving < known.serving {
		t.Errorf("got serving counter %d, where %d was acknowledged", c.Serving, known.serving)
	}
	if c.Admitted < int64(len(known.claimed)) {
		t.Errorf("%d admitted, where %d were acknowledged", c.Admitted, len(known.claimed))
	}
	for _, position := range known.claimed {
		if standing, _, err := store.Lookup(t.Context(), room, ticket(position)); err != nil || standing.State != waitingroom.StateActive {
			t.Errorf("position %d was claimed, and is %s now, error %v", position, standing.State, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
