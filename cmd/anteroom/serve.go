package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// stopLimit bounds how long requests in flight may take after a signal, so that
// the process ends within 10 s.
const stopLimit = 9 * time.Second

func serveCommand() command {
	return command{
		name:    "serve",
		summary: "Run the server",
		help: `It prints one line on standard output once it accepts connections,

  listening public=HOST:PORT management=HOST:PORT

and logs to standard error. SIGINT and SIGTERM stop it within 10 seconds, while
requests in flight finish; a second signal ends it at once.`,
		define: func(p *program, flags *flag.FlagSet) action {
			file := flags.String("config", "", "the configuration `FILE`")
			return func(ctx context.Context, _ []string) error {
				if *file == "" {
					return usage("serve", "--config FILE is required")
				}
				settings, err := p.load(*file)
				if err != nil {
					return err
				}
				return p.serve(ctx, settings)
			}
		},
	}
}

// load reads a configuration. A file that cannot be read is a fault of the command
// line, which names it.
func (p *program) load(file string) (*config.Config, error) {
	settings, err := config.Load(file, p.environ)
	if err != nil && !errors.Is(err, config.ErrInvalid) {
		return nil, &usageError{faults: []string{err.Error()}}
	}
	return settings, err
}

// serve runs the server until ctx ends.
func (p *program) serve(ctx context.Context, settings *config.Config) (err error) {
	logger := newLogger(p.stderr, settings.Log)
	server.Calm()
	running, err := server.New(server.Options{Config: settings, Logger: logger, Version: build().version})
	if err != nil {
		return fmt.Errorf("set the server up: %w", err)
	}
	defer func() { err = errors.Join(err, stop(ctx, running, logger)) }()
	if err := running.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // Stopped before it began, as asked.
		}
		return fmt.Errorf("start the server: %w", err)
	}
	if _, err := fmt.Fprintf(p.stdout, "listening public=%s management=%s\n",
		running.PublicAddr(), running.ManagementAddr()); err != nil {
		return fmt.Errorf("print the listening line: %w", err)
	}
	<-ctx.Done()
	return nil
}

// stop stops the server. Having to cut off requests that take too long is no
// failure: they were given their time.
func stop(ctx context.Context, running *server.Server, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	err := running.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		logger.WarnContext(ctx, "requests in flight were cut off", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}

// newLogger returns the logger that the configuration asks for. The default one,
// which some libraries write to because they know no other, has the same form,
// but tells only of what is wrong: their routine is of no use to an operator.
func newLogger(w io.Writer, settings config.Log) *slog.Logger {
	form := func(level slog.Level) *slog.Logger {
		options := &slog.HandlerOptions{Level: level}
		if settings.Format == "json" {
			return slog.New(slog.NewJSONHandler(w, options))
		}
		return slog.New(slog.NewTextHandler(w, options))
	}
	slog.SetDefault(form(max(settings.Level, slog.LevelWarn)))
	redisstore.LogTo(form(settings.Level))
	return form(settings.Level)
}
