package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// errUsage is what every error about the command line is.
var errUsage = errors.New("bad command line")

// usageError is all that is wrong with a command line.
type usageError struct {
	command string // Whose help to read, or "" for the overview.
	faults  []string
}

func usage(command string, faults ...string) error {
	return &usageError{command, faults}
}

// Error returns one line for each fault, and one that says where to read on.
func (e *usageError) Error() string {
	help := strings.Join(strings.Fields("anteroom "+e.command+" --help"), " ")
	return fmt.Sprintf("%s\nsee: %s", strings.Join(e.faults, "\n"), help)
}

// Is reports whether target is [errUsage].
func (e *usageError) Is(target error) bool { return target == errUsage }

// parse sets the flags that args hold and returns what is not a flag. Package flag
// stops at the first other argument, at a negative number and at the first
// fault; here flags may stand anywhere, numbers are numbers, and all
// faults are returned. After "--" nothing is a flag.
func parse(flags *flag.FlagSet, args []string) (positional []string, help bool, faults []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(positional, args...), help, faults
		case isHelp(arg):
			help = true
		case !strings.HasPrefix(arg, "-"), arg == "-", isNumber(arg):
			positional = append(positional, arg)
		default:
			var fault string
			if args, fault = set(flags, arg, args); fault != "" {
				faults = append(faults, fault)
			}
		}
	}
	return positional, help, faults
}

// set sets the flag that arg names, and returns the arguments behind it and its
// value.
func set(flags *flag.FlagSet, arg string, rest []string) (behind []string, fault string) {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	f := flags.Lookup(name)
	if f == nil {
		fault = fmt.Sprintf("unknown flag --%s", name)
		if near := config.Nearest(name, names(flags)); near != "" {
			fault += fmt.Sprintf("; did you mean --%s?", near)
		}
		return rest, fault
	}
	if !hasValue {
		switch {
		case isSwitch(f):
			value = "true"
		case len(rest) == 0:
			return rest, fmt.Sprintf("--%s needs a value", name)
		default:
			value, rest = rest[0], rest[1:]
		}
	}
	if err := flags.Set(name, value); err != nil {
		return rest, fmt.Sprintf("--%s cannot be %q: %v", name, value, err)
	}
	return rest, ""
}

// names returns the names of all flags.
func names(flags *flag.FlagSet) (list []string) {
	flags.VisitAll(func(f *flag.Flag) { list = append(list, f.Name) })
	return list
}

// describe returns one line for each flag, with a tab before the description.
func describe(flags *flag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *flag.Flag) {
		value, description := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "  --%s\t%s", strings.TrimSpace(f.Name+" "+value), description)
		if !slices.Contains([]string{"", "false"}, f.DefValue) {
			fmt.Fprintf(&b, " (default %s)", f.DefValue)
		}
		b.WriteByte('\n')
	})
	return b.String()
}

func isHelp(arg string) bool {
	return arg == "-h" || arg == "-help" || arg == "--help"
}

func isNumber(arg string) bool {
	_, err := strconv.ParseInt(arg, 10, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// isSwitch reports whether a flag needs no value.
func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
