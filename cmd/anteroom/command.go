package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// A program is what one run of the command has been given.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // As os.Environ returns it.
}

// A command is one thing that the program does.
type command struct {
	name    string   // One word, or two for one of a group.
	args    []string // What follows the name; optional ones in brackets, last.
	summary string   // One line without a period.
	help    string   // What else there is to know; may be empty.

	// define declares the flags, and returns what to do once they are set.
	define func(p *program, flags *flag.FlagSet) action
}

// An action does what a command is for. There are as many args as the command
// asks for, less the optional ones left out.
type action func(ctx context.Context, args []string) error

// commands returns all commands, in the order of the help.
func commands() []command {
	return []command{
		demoCommand(),
		serveCommand(),
		configCheckCommand(),
		configExampleCommand(),
		clientNewCommand(),
		clientCheckCommand(),
		roomListCommand(),
		roomShowCommand(),
		roomServeCommand(),
		roomResetCommand(),
		roomPruneCommand(),
		keysListCommand(),
		keysRotateCommand(),
		loadCommand(),
		versionCommand(),
	}
}

// run does what the command line says. An error about the command line is an
// [errUsage], one about the configuration a [config.ErrInvalid].
func run(ctx context.Context, args []string, p *program) error {
	if len(args) == 0 {
		return usage("", "a command is required")
	}
	if args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	if isHelp(args[0]) {
		return printOverview(p.stdout, commands())
	}
	name, rest, group := split(args, commands())
	if group != nil {
		if len(rest) > 0 && isHelp(rest[0]) {
			return printOverview(p.stdout, group)
		}
		return unknownCommand(name, rest, group)
	}
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == name })
	if i < 0 {
		return unknownCommand("", args, commands())
	}
	return commands()[i].run(ctx, rest, p)
}

// split finds the name of the command that args begin with. If they stop short in
// front of a group, such as "room", it returns the commands of that group.
func split(args []string, all []command) (name string, rest []string, group []command) {
	for _, c := range all {
		first, second, two := strings.Cut(c.name, " ")
		switch {
		case first != args[0]:
		case !two:
			return c.name, args[1:], nil
		case len(args) > 1 && args[1] == second:
			return c.name, args[2:], nil
		default:
			group = append(group, c)
		}
	}
	return args[0], args[1:], group
}

// run reads the flags and does what the command is for.
func (c command) run(ctx context.Context, args []string, p *program) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	act := c.define(p, flags)
	positional, help, faults := parse(flags, args)
	if help {
		return c.printHelp(p.stdout, flags)
	}
	if len(faults) == 0 {
		faults = c.countArgs(positional)
	}
	if len(faults) > 0 {
		return usage(c.name, faults...)
	}
	return act(ctx, positional)
}

// countArgs returns what is wrong with the number of arguments.
func (c command) countArgs(given []string) (faults []string) {
	for i, name := range c.args {
		if i >= len(given) && !strings.HasPrefix(name, "[") {
			faults = append(faults, name+" is missing")
		}
	}
	for _, extra := range given[min(len(c.args), len(given)):] {
		faults = append(faults, fmt.Sprintf("unexpected argument %q", extra))
	}
	return faults
}

// unknownCommand says which command args may have meant, given the word
// before them.
func unknownCommand(before string, args []string, among []command) error {
	var names []string
	for _, c := range among {
		name := strings.TrimPrefix(c.name, before+" ")
		if before == "" {
			name, _, _ = strings.Cut(name, " ")
		}
		names = append(names, name)
	}
	names = slices.Compact(names)
	if len(args) == 0 {
		return usage(before, fmt.Sprintf("%s needs one of %s", before, strings.Join(names, ", ")))
	}
	fault := fmt.Sprintf("unknown command %q", strings.TrimSpace(before+" "+args[0]))
	if near := config.Nearest(args[0], names); near != "" {
		fault += fmt.Sprintf("; did you mean %q?", strings.TrimSpace(before+" "+near))
	}
	return usage(before, fault)
}

// printOverview lists commands.
func printOverview(w io.Writer, list []command) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprint(out, "Anteroom is a virtual waiting room that speaks OpenID Connect.\n\nCommands:\n")
	for _, c := range list {
		fmt.Fprintf(out, "  anteroom %s\t%s\n", strings.Join(append([]string{c.name}, c.args...), " "), c.summary)
	}
	fmt.Fprint(out, "\nEach explains itself with --help. To see it at work: anteroom demo\n")
	return out.Flush()
}

// printHelp explains one command.
func (c command) printHelp(w io.Writer, flags *flag.FlagSet) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	line := strings.Join(append([]string{"anteroom", c.name}, c.args...), " ")
	described := describe(flags)
	if described != "" {
		line += " [flags]"
	}
	fmt.Fprintf(out, "Usage: %s\n\n%s.\n", line, c.summary)
	if c.help != "" {
		fmt.Fprintf(out, "\n%s\n", c.help)
	}
	if described != "" {
		fmt.Fprintf(out, "\nFlags:\n%s", described)
	}
	return out.Flush()
}
