package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxItems is the most items that a list may have. Lists are compared with each
// other (clients name rooms, ids are unique), which must stay quick.
const maxItems = 1000

// field is one key of a mapping.
type field struct {
	key   string
	value reflect.Value
	tag   reflect.StructTag
}

// fields returns the keys of the struct v, in the order of their declaration.
func fields(v reflect.Value) []field {
	var list []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if key := tag.Get("yaml"); key != "-" {
			list = append(list, field{key: key, value: v.Field(i), tag: tag})
		}
	}
	return list
}

// join returns the path of a key below path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// setDefaults gives every key of the struct v its default.
func setDefaults(v reflect.Value) {
	for _, f := range fields(v) {
		if text, ok := f.tag.Lookup("default"); ok {
			if fault := setScalar(f.value, text, f.tag); fault != "" {
				panic(fmt.Sprintf("config: default of %s %s", f.key, fault)) // The tag is wrong, not the input.
			}
		}
		if f.value.Kind() == reflect.Struct && !isScalar(f.value.Type()) {
			setDefaults(f.value)
		}
	}
}

// mapping matches a node with the struct out.
func (l *loader) mapping(node *yaml.Node, path string, out reflect.Value) {
	if node.Kind != yaml.MappingNode {
		l.fault(path, "must be a mapping of keys to values")
		return
	}
	known := make(map[string]field)
	var names []string
	for _, f := range fields(out) {
		known[f.key] = f
		names = append(names, f.key)
	}
	lines := make(map[string]int) // Of the keys seen, known or not.
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := key.Value
		if key.Kind != yaml.ScalarNode {
			l.faultAt(key.Line, path, "a key%s must be a single word", in(path))
			continue
		}
		at := join(path, name)
		if line, twice := lines[name]; twice {
			l.faultAt(key.Line, at, "duplicate key %.64q%s; it is given on line %d already", name, in(path), line)
			continue
		}
		lines[name] = key.Line
		f, ok := known[name]
		if !ok {
			l.faultAt(key.Line, at, "unknown key %.64q%s%s", name, in(path), suggest(name, names))
			continue
		}
		l.origins[at] = origin{line: key.Line}
		l.value(value, at, f.value, f.tag)
	}
}

// in returns the words that say in which mapping something is.
func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

// value sets out to what a node holds.
func (l *loader) value(node *yaml.Node, path string, out reflect.Value, tag reflect.StructTag) {
	switch {
	case node.Kind == yaml.AliasNode:
		l.broken[path] = true // Noted by refuseTricks.
	case node.ShortTag() == "!!null":
		l.fault(path, "has no value")
	case isScalar(out.Type()):
		if node.Kind != yaml.ScalarNode {
			l.fault(path, "must be a single value")
		} else if fault := setScalar(out, node.Value, tag); fault != "" {
			l.fault(path, "%s", fault)
		}
	case out.Type() == reflect.TypeFor[Claims]():
		l.claims(node, path, out)
	case out.Kind() == reflect.Slice:
		l.list(node, path, out, tag)
	default:
		l.mapping(node, path, out)
	}
}

// list sets the slice out to what a node holds. An item that is wrong is kept as
// far as it could be read, so that the items after it keep their numbers.
func (l *loader) list(node *yaml.Node, path string, out reflect.Value, tag reflect.StructTag) {
	if node.Kind != yaml.SequenceNode {
		l.fault(path, "must be a list")
		return
	}
	if len(node.Content) > maxItems {
		l.fault(path, "must have at most %d items", maxItems)
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		l.origins[at] = origin{line: item.Line}
		if !isScalar(out.Type().Elem()) {
			setDefaults(out.Index(i))
		}
		l.value(item, at, out.Index(i), tag)
	}
}

// isScalar reports whether values of that type are written as a single word.
func isScalar(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[netip.Prefix]():
		return true
	}
	return t.Kind() != reflect.Struct && t.Kind() != reflect.Slice && t.Kind() != reflect.Map
}

// require notes every required key that was not given in the struct v and below,
// except where nothing could be read.
func (l *loader) require(v reflect.Value, path string) {
	if l.broken[path] {
		return
	}
	for _, f := range fields(v) {
		at := join(path, f.key)
		if f.tag.Get("required") != "" && !l.given(at) {
			l.fault(at, "is required")
		}
		switch {
		case isScalar(f.value.Type()):
		case f.value.Kind() == reflect.Struct:
			l.require(f.value, at)
		case !isScalar(f.value.Type().Elem()):
			for i := range f.value.Len() {
				l.require(f.value.Index(i), fmt.Sprintf("%s[%d]", at, i))
			}
		}
	}
}

// setScalar sets out to what text means. It returns "" or what is wrong, as the
// end of a sentence that begins with the key.
func setScalar(out reflect.Value, text string, tag reflect.StructTag) string {
	if enum := tag.Get("enum"); enum != "" {
		choices := strings.Split(enum, "|")
		if !slices.Contains(choices, text) {
			return "must be " + either(choices) + suggestion(text, choices)
		}
	}
	parsed, fault := parseScalar(out.Type(), text)
	if fault != "" {
		return fault
	}
	if fault := checkRange(parsed, tag); fault != "" {
		return fault
	}
	out.Set(parsed)
	return ""
}
