package config_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/config"
)

func TestExampleLoadsAsItIs(t *testing.T) {
	parse(t, config.Example())
}

// TestExampleLoadsWithItsDefaultsUncommented proves that what is commented out
// would work, and is the default as promised.
func TestExampleLoadsWithItsDefaultsUncommented(t *testing.T) {
	var text strings.Builder
	inFirst := true
	for line := range strings.Lines(config.Example()) {
		inFirst = inFirst && !strings.HasPrefix(line, "rooms:")
		bare, commented := strings.CutPrefix(line, "# ")
		if key, _, ok := strings.Cut(bare, ":"); inFirst && commented && ok && !strings.Contains(strings.TrimSpace(key), " ") && key != "Anteroom" {
			line = bare
		}
		text.WriteString(line)
	}
	dir := t.TempDir()
	full, err := config.Parse([]byte(text.String()), dir, nil)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text.String())
	}
	plain, err := config.Parse([]byte(config.Example()), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain, full) {
		t.Errorf("the defaults shown differ from the defaults:\n%+v\n%+v", plain, full)
	}
}

func TestExampleNamesEveryKey(t *testing.T) {
	example := config.Example()
	var visit func(reflect.Type)
	visit = func(s reflect.Type) {
		for field := range s.Fields() {
			key := field.Tag.Get("yaml")
			if key == "-" {
				continue
			}
			if !strings.Contains(example, key+":") {
				t.Errorf("the example does not name %s", key)
			}
			if below, deep := structure(field.Type); deep {
				visit(below)
			}
		}
	}
	visit(reflect.TypeFor[config.Config]())
}

func ExampleParse() {
	text := []byte(`
issuer: https://wait.example.com
rooms:
  - id: sale
    sesion_ttl: 1h
clients:
  - {id: shop, room: sail, public: true, redirect_uris: ["http://shop.example.com/"]}
`)
	_, err := config.Parse(text, ".", nil)
	fmt.Println(err)
	// Output:
	// line 5: unknown key "sesion_ttl" in rooms[0]; did you mean "session_ttl"?
	// line 7: clients[0].room "sail" is not the id of a room; did you mean "sale"?
	// line 7: clients[0].redirect_uris[0] must begin with https://; http is for loopback hosts only
}
