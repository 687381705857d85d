package redisstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/redistest"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// user makes a user of a server, and returns a node that is it.
func user(t *testing.T, server *redistest.Server, may ...any) *node {
	t.Helper()
	server.Do("ACL", "DELUSER", "line")
	server.Do(append([]any{"ACL", "SETUSER", "line", "on", ">secret"}, may...)...)
	return stranger(t, "redis://line:secret@"+server.Addr)
}

// A user who might call some commands only used to leave half of a verb's work behind:
// scripts are stopped where they are, and nothing is taken back.
func TestAUserWhoMayNotDoAllThatScriptsDoIsRefused(t *testing.T) {
	server := redistest.Start(t)
	for name, test := range map[string]struct {
		may  []any
		want string
	}{
		"a command is missing":                    {[]any{"~*", "&*", "+@all", "-zadd"}, "ZADD {anteroom}:r"},
		"keys are missing":                        {[]any{"~{*}:*", "&*", "+@all"}, "HSET kept:anteroom"},
		"channels are missing, as for a new user": {[]any{"~*", "resetchannels", "+@all"}, "SPUBLISH {anteroom}:news"},
	} {
		t.Run(name, func(t *testing.T) {
			err := user(t, server, test.may...).Check(t.Context())
			if !errors.Is(err, redisstore.ErrForbidden) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the check: %v", err)
			}
		})
	}
}

// What docs/operations.md tells operators to allow.
func TestAUserWithTheRightsInTheDocumentationKeepsALine(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ACL SETUSER anteroom on >PASSWORD (.*)$`).FindStringSubmatch(string(text))
	if line == nil {
		t.Fatal("docs/operations.md has no such line")
	}
	var rights []any
	for right := range strings.FieldsSeq(line[1]) {
		rights = append(rights, right)
	}
	server := redistest.Start(t)
	n := user(t, server, rights...).configured(lasting())
	n.must(n.Check(t.Context()))
	for _, o := range n.orders(n.visited()) {
		if err := o.call(); err != nil {
			t.Errorf("%s: %v", o.name, err)
		}
	}
	if _, err := n.Prune(t.Context(), nil); err != nil {
		t.Errorf("prune: %v", err)
	}
	if log, _ := server.Do("ACL", "LOG").([]any); len(log) > 0 {
		t.Errorf("the server refused something: %v", log)
	}
}

// TestMayNamesEveryCommand compares the commands that may.lua asks for with those that
// the other scripts call.
func TestMayNamesEveryCommand(t *testing.T) {
	files, err := filepath.Glob("lua/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	may, err := os.ReadFile("lua/may.lua")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`redis\.p?call\('([A-Za-z]+)'`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range call.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(may), "{ '"+match[1]+"'") {
				t.Errorf("%s calls %s, which may.lua doesn't ask for", file, match[1])
			}
		}
	}
}
