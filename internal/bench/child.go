package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

// The child modes: this program starts itself with one of these as its only
// argument, sends an order as JSON to its standard input, and ends it by a signal
// or by closing that.
const (
	childPrefix = "child-"
	childBare   = childPrefix + "bare"
	childServer = childPrefix + "server"
)

// serverOrder asks a child to run the server.
type serverOrder struct {
	Config  string        // The file.
	Delay   time.Duration // What each commit waits before it begins.
	Profile string        // File for a CPU profile, or "".
}

// runChild runs a child mode until its standard input ends.
func runChild(mode string, stdin io.Reader, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	orders := json.NewDecoder(stdin)
	var serve func(context.Context, io.Writer) error
	var err error
	switch mode {
	case childBare:
		var a answer
		err = orders.Decode(&a)
		serve = a.serve
	case childServer:
		var o serverOrder
		err = orders.Decode(&o)
		serve = o.serve
	default:
		err = fmt.Errorf("no child mode %q", mode)
	}
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // However it ends, so does this process.
		stop()
	}()
	return serve(ctx, stdout)
}

// serve answers every request with a until ctx ends.
func (a answer) serve(ctx context.Context, stdout io.Writer) error {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	bare := &http.Server{Handler: http.HandlerFunc(a.send)} //nolint:gosec // Bound sets the timeouts.
	server.Bound(bare)
	context.AfterFunc(ctx, func() { _ = bare.Close() }) // Serve returns.
	fmt.Fprintf(stdout, "listening public=%s\n", socket.Addr())
	if err := bare.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// send is the bare handler.
func (a answer) send(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	for _, field := range a.Fields {
		header.Set(field.Name, field.Value)
	}
	_, _ = w.Write(a.Body) // An error means that the generator has gone.
}

// serve runs the server as `anteroom serve` does, until ctx ends.
func (o serverOrder) serve(ctx context.Context, stdout io.Writer) (err error) {
	settings, err := config.Load(o.Config, os.Environ())
	if err != nil {
		return err
	}
	server.Calm()
	running, err := server.New(server.Options{
		Config: settings, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Version: "bench",
		AroundCommit: func(commit func() error) error {
			time.Sleep(o.Delay)
			return commit()
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Stop(context.Background())) }()
	if err := running.Start(ctx); err != nil {
		return err
	}
	if o.Profile != "" {
		file, err := os.Create(o.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, file.Close())
		}()
	}
	fmt.Fprintf(stdout, "listening public=%s\n", running.PublicAddr())
	<-ctx.Done()
	return nil
}
