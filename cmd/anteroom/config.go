package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/anteroom-dev/anteroom/internal/config"
)

func configCheckCommand() command {
	return command{
		name:    "config check",
		args:    []string{"[FILE]"},
		summary: "List everything that is wrong with a configuration",
		help: `The file is given as an argument or by --config. The environment counts, as it does
for the server, and secret files are read. The exit code is 2 if there are faults.
Notes tell of what is no fault, and yet hardly what anybody means.`,
		define: func(p *program, flags *flag.FlagSet) action {
			file := flags.String("config", "", "the configuration `FILE`")
			return func(_ context.Context, args []string) error {
				switch {
				case len(args) == 0 && *file == "":
					return usage("config check", "FILE is missing")
				case len(args) == 1 && *file != "":
					return usage("config check", "FILE is given twice, as an argument and by --config")
				case len(args) == 1:
					*file = args[0]
				}
				settings, err := p.load(*file)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(p.stdout, "%s: no faults found\n", *file); err != nil {
					return err
				}
				for _, advice := range settings.Advice() {
					if _, err := fmt.Fprintf(p.stdout, "note: %s\n", advice); err != nil {
						return err
					}
				}
				return nil
			}
		},
	}
}

func configExampleCommand() command {
	return command{
		name:    "config example",
		summary: "Print a configuration with comments, to start from",
		define: func(p *program, _ *flag.FlagSet) action {
			return func(context.Context, []string) error {
				_, err := io.WriteString(p.stdout, config.Example())
				return err
			}
		},
	}
}
