// Command bench measures the bounds that Anteroom promises to hold, prints them
// as a table and writes them to docs/performance.md. `make bench` runs it; it
// takes about four minutes, needs Linux, two cores and redis-server, and ends with
// status 1 if a bound was missed.
//
// # Method
//
// What a request costs is a ratio, because a number of microseconds says more
// about the machine than about the program. Beside the server runs a bare
// handler: net/http with the timeouts that the server has, which sends the bytes
// and headers that the measured endpoint sends and does nothing else. Each is a
// process of its own, pinned to core 0 with GOMAXPROCS=1; the generator is this
// process, pinned to core 1. It keeps connections open over loopback, sends one
// request at a time on each and waits for its answer, without ever sleeping.
//
// A run is a warm-up and then a fixed number of requests. The server's CPU is
// what the scheduler charged to all its threads meanwhile, user and system, to
// the nanosecond (/proc/PID/task/*/schedstat); its background work counts too.
// Runs of the server and of the bare handler alternate, and each pair gives one
// ratio. The table shows the median of the ratios and, beside it, the lowest and
// the highest: if these are far apart, something else was using the machine.
//
// The server is the binary that users run, built by this program. Only a delay of
// the commits, which no setting asks for, needs another: internal/server within
// this program (see child.go).
//
// Nodes that share a Redis are processes on the server's core, all of them. Where
// their CPU is the question, Redis runs beside the generator, and is read from the
// scheduler in the same way. Where a latency is (steady.go), it runs on the server's
// core, so that the generator is never late; where Redis itself is the question
// (verbs.go), there is no server, and it has that core to itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// defaultRuns is how many pairs of runs a ratio is the median of.
	defaultRuns = 5
	// defaultReport is where the report goes, from the module's root.
	defaultReport = "docs/performance.md"
	// limit ends a measurement that hangs.
	limit = 10 * time.Minute
)

// errMissed says that the measuring went well and a bound was missed.
var errMissed = errors.New("a bound was missed")

func main() {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], childPrefix) {
		if err := runChild(os.Args[1], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	// Children are started with the affinity of this thread, and end with it.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A measure is one group of lines of the table.
type measure struct {
	name string
	run  func(context.Context, *lab) ([]line, error)
}

func measures() []measure {
	return []measure{
		{"join", measureJoin},
		{"poll", measurePolls},
		{"flow", measureFlow},
		{"start", measureStart},
		{"memory", measureMemory},
		{"page", measurePage},
		{"shared", measureShared},
		{"steady", measureSteady},
		{"nodes", measureNodes},
		{"crowd", measureCrowd},
		{"claim", measureClaims},
		{"verbs", measureVerbs},
	}
}

// names returns what can be measured, for people.
func names() string {
	var all []string
	for _, m := range measures() {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

// run measures what the arguments ask for.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "measure only these: a comma-separated `LIST` of "+names())
	runs := flags.Int("runs", defaultRuns, "how many pairs of runs a ratio is the median of")
	out := flags.String("out", "", "write the report to `FILE` (default "+defaultReport+", if everything is measured)")
	profiles := flags.String("profile", "", "write CPU profiles of the server to `DIR`; the numbers suffer from it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *runs < 1 || flags.NArg() > 0 {
		return errors.New("-runs is at least 1, and there are no arguments beside the flags")
	}
	if *out == "" && len(chosen) == len(measures()) && *profiles == "" {
		*out = defaultReport
	}

	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	lab, err := newLab(ctx, *runs, *profiles)
	if err != nil {
		return err
	}
	lines, err := lab.measure(ctx, chosen, stderr)
	fmt.Fprint(stdout, table(lines))
	if err := errors.Join(err, lab.close()); err != nil {
		return err
	}
	if *out != "" {
		if err := writeReport(*out, *runs, lines); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(lines, func(l line) bool { return l.verdict == missed }) {
		return errMissed
	}
	return nil
}

// choose returns the measures that a list names, or all of them.
func choose(list string) ([]measure, error) {
	if list == "" {
		return measures(), nil
	}
	var chosen []measure
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(measures(), func(m measure) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is nothing called %q to measure", name)
		}
		chosen = append(chosen, measures()[i])
	}
	return chosen, nil
}
