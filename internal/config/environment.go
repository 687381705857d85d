package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// prefix is what the names of our environment variables begin with.
const prefix = "ANTEROOM_"

// variable is what an environment variable sets.
type variable struct {
	path   string
	field  field
	secret bool // It holds the secret itself, where the key at path names a file.
}

// variables adds the environment variables of the keys in the struct v to known.
// Lists have none.
func variables(known map[string]variable, v reflect.Value, path string) {
	for _, f := range fields(v) {
		at := join(path, f.key)
		switch {
		case isScalar(f.value.Type()):
			name := prefix + strings.ToUpper(strings.ReplaceAll(at, ".", "_"))
			known[name] = variable{path: at, field: f}
			if short, ok := strings.CutSuffix(name, "_FILE"); ok {
				known[short] = variable{path: at, field: f, secret: true}
			}
		case f.value.Kind() == reflect.Struct:
			variables(known, f.value, at)
		}
	}
}

// environment lays the environment over the struct root. An empty variable
// counts as one that is not set.
func (l *loader) environment(environ []string, root reflect.Value) {
	known := make(map[string]variable)
	variables(known, root, "")
	var names []string
	for name := range known {
		names = append(names, strings.TrimPrefix(name, prefix))
	}
	slices.Sort(names)

	set := make(map[string]string)
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, prefix) && value != "" {
			set[name] = value
		}
	}
	inCluster := slices.ContainsFunc(environ, func(entry string) bool {
		return strings.HasPrefix(entry, "KUBERNETES_SERVICE_HOST=")
	})
	// Sorted, so that X_FILE comes after X.
	var given []string
	for name := range set {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		target, ok := known[name]
		switch {
		case ok && target.secret:
			l.origins[target.path] = origin{variable: name}
			l.secrets[target.path] = set[name]
		case ok:
			l.override(name, set[name], target)
		case inCluster && isServiceLink(name):
		default:
			l.unknownVariable(name, names)
		}
	}
}

// unknownVariable notes a variable that is none of names, which are known and
// come without their prefix, as it would make any two names look alike.
func (l *loader) unknownVariable(name string, names []string) {
	meant := ""
	if near := Nearest(strings.TrimPrefix(name, prefix), names); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", prefix+near)
	}
	l.faultAt(0, name, "unknown environment variable %.64q%s", name, meant)
}

// override sets a key from the environment.
func (l *loader) override(name, value string, target variable) {
	if _, both := l.secrets[target.path]; both {
		l.faultAt(0, name, "%s must not be set together with %s", name, l.origin(target.path).variable)
		return
	}
	l.origins[target.path] = origin{variable: name}
	delete(l.broken, target.path) // What was wrong with the file's value is noted.
	if fault := setScalar(target.field.value, value, target.field.tag); fault != "" {
		l.fault(target.path, "%s", fault)
	}
}

// isServiceLink reports whether a variable is one of those that Kubernetes sets
// in every container for a service called "anteroom" or "anteroom-…". They say
// nothing to us, and must not keep us from starting.
func isServiceLink(name string) bool {
	return regexp.MustCompile(`^ANTEROOM_([A-Z0-9_]+_)?` +
		`(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`,
	).MatchString(name)
}
