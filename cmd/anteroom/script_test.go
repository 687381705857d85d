package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// startLimit bounds how long the listening line may take, on a busy machine.
	startLimit = 30 * time.Second

	// stopLimitTested is what is promised: 10 s after a signal.
	stopLimitTested = 10 * time.Second
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"anteroom": main})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Values[daemonKey{}] = &daemon{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"launch": launch,
			"signal": stopBySignal,
		},
	})
}

// exits runs the command and demands an exit code: `exits 2 serve --help`. The
// script's commands stdout and stderr then apply to it.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exits CODE ARGS...")
	}
	var code int
	err := ts.Exec("anteroom", args[1:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if got := strconv.Itoa(code); got != args[0] {
		ts.Fatalf("ended with code %s, want %s", got, args[0])
	}
}

// daemonKey is where a script keeps its [daemon].
type daemonKey struct{}

// A daemon is a command that runs beside the script until a signal stops it.
type daemon struct {
	cmd  *exec.Cmd
	rest chan string // What it wrote to stdout after its first line.
}

// launch starts a command that runs until it is stopped, waits for its first line
// of output, and keeps it in the file line, and each name=value of it under its
// name: `launch serve --config anteroom.yaml`. Standard error goes to the file log.
func launch(ts *testscript.TestScript, neg bool, args []string) {
	d := ts.Value(daemonKey{}).(*daemon)
	if neg || d.cmd != nil {
		ts.Fatalf("usage: launch ARGS..., once")
	}
	log, err := os.OpenFile(ts.MkAbs("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command("anteroom", args...)
	cmd.Dir, cmd.Stderr = ts.MkAbs("."), log
	// A variable of whoever runs the tests must not configure the program.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	first, rest := make(chan string, 1), make(chan string, 1)
	go func() {
		out := bufio.NewReader(stdout)
		line, _ := out.ReadString('\n')
		first <- line
		more, _ := io.ReadAll(out)
		rest <- string(more)
	}()
	select {
	case line := <-first:
		ts.Check(os.WriteFile(ts.MkAbs("line"), []byte(line), 0o600))
		for word := range strings.FieldsSeq(line) {
			if name, value, ok := strings.Cut(word, "="); ok {
				ts.Setenv(name, value)
			}
		}
		if line == "" {
			ts.Fatalf("ended without a word:\n%s", ts.ReadFile("log"))
		}
	case <-time.After(startLimit):
		ts.Fatalf("no word within %v:\n%s", startLimit, ts.ReadFile("log"))
	}
	d.cmd, d.rest = cmd, rest
}

// stopBySignal stops what was launched by a signal, INT or TERM, and demands that
// it ends in time with exit code 0, without another word on standard output.
func stopBySignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}
	d := ts.Value(daemonKey{}).(*daemon)
	if neg || len(args) != 1 || signals[args[0]] == nil || d.cmd == nil {
		ts.Fatalf("usage: signal INT|TERM, after launch")
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimitTested)
	defer cancel()
	kill := context.AfterFunc(ctx, func() { _ = d.cmd.Process.Kill() })
	defer kill()
	ts.Check(d.cmd.Process.Signal(signals[args[0]]))
	rest := <-d.rest
	if err := d.cmd.Wait(); err != nil {
		ts.Fatalf("ended with %v:\n%s", err, ts.ReadFile("log"))
	}
	if rest != "" {
		ts.Fatalf("wrote more than one line: %q", rest)
	}
	d.cmd = nil
}
