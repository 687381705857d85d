package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is what every error about the content of a configuration is, as
// opposed to one about reading the file. Use [errors.AsType] with [Faults] for
// the list.
var ErrInvalid = errors.New("invalid configuration")

// Fault is one thing that is wrong.
type Fault struct { //nolint:errname // it is what the operator reads, one of many
	// Line is where it is wrong in the file, from 1, or 0 if the environment is to blame.
	Line int

	// Path is the key, such as "clients[0].redirect_uris[1]", or the variable if it
	// is unknown. It is empty if the file as a whole is meant.
	Path string

	// Message says what is wrong, with the key in it. It shows no secret.
	Message string
}

// Error returns the message with its line.
func (f Fault) Error() string {
	if f.Line == 0 {
		return f.Message
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Message)
}

// Faults is everything that is wrong, in the order of lines.
type Faults []Fault //nolint:errname // see Fault

// Error returns one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is [ErrInvalid].
func (f Faults) Is(target error) bool {
	return target == ErrInvalid
}

// Unwrap returns the faults one by one.
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i, fault := range f {
		errs[i] = fault
	}
	return errs
}

// origin says where a value came from.
type origin struct {
	line     int    // In the file, from 1.
	variable string // Of the environment, if it came from there.
}

// loader gathers what is known while a configuration is read.
type loader struct {
	dir     string            // What relative paths are relative to.
	origins map[string]origin // By path; what is not here was not given.
	secrets map[string]string // Secrets from the environment, by the path of their _file key.
	broken  map[string]bool   // The paths that a fault has been noted for.
	faults  Faults
}

// given reports whether the value at path was given, by file or environment.
func (l *loader) given(path string) bool {
	_, ok := l.origins[path]
	return ok
}

// origin returns where the value at path came from, or else where the nearest
// enclosing one did.
func (l *loader) origin(path string) origin {
	for path != "" {
		if o, ok := l.origins[path]; ok {
			return o
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return origin{line: 1}
}

// fault notes what is wrong with the value at path. The text completes a
// sentence that begins with the key or variable.
func (l *loader) fault(path, format string, args ...any) {
	l.broken[path] = true
	from := l.origin(path)
	subject := path
	switch {
	case from.variable != "":
		subject = from.variable
	case path == "":
		subject = "the configuration"
	}
	l.faultAt(from.line, path, "%s %s", subject, fmt.Sprintf(format, args...))
}

// faultAt notes what is wrong at a line, in a sentence of its own.
func (l *loader) faultAt(line int, path, format string, args ...any) {
	l.faults = append(l.faults, Fault{Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// err returns the faults in the order of lines, or nil if there are none.
func (l *loader) err() error {
	if len(l.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(l.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return l.faults
}
