package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/demo"
)

const (
	demoPort = 8080
	maxPort  = 65535
)

func demoCommand() command {
	return command{
		name:    "demo",
		summary: "Show it on this machine: a shop, a line in front of it, and a crowd",
		help: `It needs no configuration, prints the URL of the shop once everything is up, and
leaves nothing behind. Open the URL in a browser: you stand in line, and are in
the shop within about 30 seconds, logged in. Ctrl-C ends it.`,
		define: func(p *program, flags *flag.FlagSet) action {
			port := flags.Int("port", demoPort, "the `PORT` of the waiting room on localhost; 0, or if it is taken: a free one")
			return func(ctx context.Context, _ []string) error {
				if *port < 0 || *port > maxPort {
					return usage("demo", fmt.Sprintf("--port must be between 0 and %d", maxPort))
				}
				return demo.Run(ctx, demo.Options{
					Port: *port, Version: build().version, Stdout: p.stdout, Stderr: p.stderr,
					Logger: newLogger(p.stderr, config.Log{Level: slog.LevelWarn}),
				})
			}
		},
	}
}
