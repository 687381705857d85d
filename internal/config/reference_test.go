package config_test

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
)

const referenceHead = `# Configuration

<!-- Rendered from the comments in internal/config/config.go and client.go by
     go test ./internal/config -run TestReference -update; edit there. -->

The server reads one YAML file: ` + "`anteroom serve --config FILE`" + `. It is strict: an unknown key, a
key given twice, an anchor, an alias or a tag is an error, as is a file beyond 1 MiB or a list beyond
1,000 items. ` + "`anteroom config check`" + ` lists everything that is wrong with a file, each fault with its
line, and ` + "`anteroom config example`" + ` prints a file to start from.

- **Durations** are written with their unit: ` + "`500ms`, `90s`, `15m`, `1h30m`" + `.
- **Paths** that are relative are relative to the directory of the file.
- **Environment variables** override the file. There is one for each key outside lists; an
  empty one counts as not set, and an unknown one that begins with ` + "`ANTEROOM_`" + ` is an
  error.
- **Secrets** stand in files of their own, or in the variable named beside the file's key, never
  in this file. Line breaks at the end of a secret are ignored.
`

// TestReferenceIsWhatTheStructsSay renders docs/configuration.md from the
// comments and tags that the reader of the configuration obeys.
func TestReferenceIsWhatTheStructsSay(t *testing.T) {
	r := &reference{comments: comments(t)}
	r.WriteString(referenceHead)
	r.section(reflect.TypeFor[config.Config](), "", false)
	golden(t, "../../docs/configuration.md", r.String())
}

// reference is the page as far as it is written.
type reference struct {
	strings.Builder
	comments map[string]string // By "Type.Field".
}

// comments returns the comment of each field of the structs.
func comments(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, name := range []string{"config.go", "client.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range structure.Fields.List {
				texts[spec.Name.Name+"."+field.Names[0].Name] = field.Doc.Text()
			}
			return true
		})
	}
	if len(texts) == 0 {
		t.Fatal("there are no structs")
	}
	return texts
}

// section writes the keys of a struct: first those with a value, then a section
// for each that has keys of its own.
func (r *reference) section(t reflect.Type, path string, inList bool) {
	var nested []reflect.StructField
	for field := range t.Fields() {
		key := field.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		if _, deep := structure(field.Type); deep {
			nested = append(nested, field)
			continue
		}
		fmt.Fprintf(r, "\n### `%s%s`\n\n%s\n", path, key, r.text(t, field))
		r.facts(field, path+key, inList)
		if field.Type == reflect.TypeFor[config.Preset]() {
			r.presets()
		}
	}
	for _, field := range nested {
		key := field.Tag.Get("yaml")
		below, _ := structure(field.Type)
		at, list := path+key+".", inList
		if field.Type.Kind() == reflect.Slice {
			at, list = path+key+"[].", true
		}
		fmt.Fprintf(r, "\n## `%s`\n\n%s\n", strings.TrimSuffix(at, "."), r.text(t, field))
		if field.Tag.Get("required") != "" {
			r.WriteString("\n- Required.\n")
		}
		r.section(below, at, list)
	}
}

// presets writes what each preset sets.
func (r *reference) presets() {
	r.WriteString("\n| `preset` | `transaction_ttl` | `reinitiate_url` | `refresh` | `claims` |\n|---|---|---|---|---|\n")
	for _, p := range config.Presets() {
		url := "none"
		switch {
		case p.ReinitiateURL != "":
			url = "`" + p.ReinitiateURL + "`"
		case p.Demanded:
			url = "required"
		}
		claims := "none"
		if len(p.Claims) > 0 {
			var list []string
			for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
				list = append(list, fmt.Sprintf("`%s: %v`", name, p.Claims[name]))
			}
			claims = strings.Join(list, ", ")
		}
		fmt.Fprintf(r, "| `%s` | `%s` | %s | `%s` | %s |\n", p.Preset, short(p.TransactionTTL), url, p.Refresh, claims)
	}
}

// short writes a duration as people do.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// structure returns the struct that a key holds, or holds a list of, if it does.
func structure(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	scalar := t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[netip.Prefix]()
	return t, t.Kind() == reflect.Struct && !scalar
}

// text returns the comment of a field as Markdown, with its key in place of
// its Go name.
func (r *reference) text(t reflect.Type, field reflect.StructField) string {
	text := strings.Replace(r.comments[t.Name()+"."+field.Name], field.Name, "`"+field.Tag.Get("yaml")+"`", 1)
	printer := &comment.Printer{TextWidth: 100}
	return strings.TrimSpace(string(printer.Text(new(comment.Parser).Parse(text))))
}

// facts writes what the tags of a field say.
func (r *reference) facts(field reflect.StructField, path string, inList bool) {
	tag := field.Tag
	fmt.Fprintf(r, "\n- Form: %s.\n", form(field.Type, tag))
	if low := tag.Get("min"); low != "" {
		fmt.Fprintf(r, "- Range: `%s` to `%s`", low, tag.Get("max"))
		if zero := tag.Get("zero"); zero != "" {
			fmt.Fprintf(r, ", or `0`: %s", zero)
		}
		r.WriteString(".\n")
	}
	value, hasDefault := tag.Lookup("default")
	switch {
	case tag.Get("required") != "":
		r.WriteString("- Required.\n")
	case tag.Get("dynamic") != "":
		fmt.Fprintf(r, "- Default: %s.\n", tag.Get("dynamic"))
	case hasDefault:
		fmt.Fprintf(r, "- Default: `%s`.\n", value)
	default:
		r.WriteString("- Default: none.\n")
	}
	if kind := field.Type.Kind(); inList || kind == reflect.Slice || kind == reflect.Map {
		return
	}
	name := "ANTEROOM_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
	fmt.Fprintf(r, "- Environment: `%s`", name)
	if short, ok := strings.CutSuffix(name, "_FILE"); ok {
		fmt.Fprintf(r, ", or `%s` for the secret itself", short)
	}
	r.WriteString(".\n")
}

// form returns what kind of value a field takes.
func form(t reflect.Type, tag reflect.StructTag) string {
	if enum := tag.Get("enum"); enum != "" {
		choices := "`" + strings.ReplaceAll(enum, "|", "`, `") + "`"
		if t.Kind() == reflect.Slice {
			return "list of " + choices
		}
		return choices
	}
	switch {
	case t.Kind() == reflect.Slice:
		if t.Elem() == reflect.TypeFor[netip.Prefix]() {
			return "list of addresses and prefixes"
		}
		return "list of " + form(t.Elem(), tag) + "s"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t.Kind() == reflect.Map:
		return "mapping of names to strings, numbers, `true` and `false`"
	case t.Kind() == reflect.Bool:
		return "`true` or `false`"
	case t.Kind() == reflect.Int:
		return "whole number"
	case strings.HasSuffix(tag.Get("yaml"), "_file"):
		return "path"
	default:
		return "string"
	}
}

// TestEveryKeyIsDocumented fails for a key without a comment, and for a type
// that the page would call a string although it has a form of its own.
func TestEveryKeyIsDocumented(t *testing.T) {
	texts := comments(t)
	var visit func(reflect.Type)
	visit = func(s reflect.Type) {
		for field := range s.Fields() {
			if text := texts[s.Name()+"."+field.Name]; !strings.HasPrefix(text, field.Name+" ") || !strings.HasSuffix(strings.TrimSpace(text), ".") {
				t.Errorf("comment of %s.%s is no sentence that begins with its name: %q", s.Name(), field.Name, text)
			}
			_, parsed := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(field.Type))
			if field.Tag.Get("yaml") != "-" && parsed && field.Tag.Get("enum") == "" && form(field.Type, field.Tag) == "string" {
				t.Errorf("form of %s.%s is not documented", s.Name(), field.Name)
			}
			if below, deep := structure(field.Type); deep && field.Tag.Get("yaml") != "-" {
				visit(below)
			}
		}
	}
	visit(reflect.TypeFor[config.Config]())
}
