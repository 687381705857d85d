package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // What was asked for went wrong.
	exitUsage   = 2 // The command line or the configuration is wrong.
)

func main() {
	err := run(untilSignal(), os.Args[1:], &program{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "anteroom:", err)
	}
	os.Exit(exitCode(err))
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM, which
// asks to stop. Before it ends, signals have got their usual effect back, so that
// a second one ends the process at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// exitCode returns the exit code that says what kind of error err is.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage), errors.Is(err, config.ErrInvalid):
		return exitUsage
	default:
		return exitFailure
	}
}
