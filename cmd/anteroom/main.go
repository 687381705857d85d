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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to stop; from then on a signal has its usual effect, so
	// that a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], &program{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "anteroom:", err)
	}
	os.Exit(exitCode(err))
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
