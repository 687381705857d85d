package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
)

// A token that somebody may have seen has to be replaced at once, without ending
// anything else.
func TestAReplacedTokenFileIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, second, third = "firstTokenOfAll.", "secondTokenOfAll", "thirdTokenOfAll."
	write("admin-token", first+"\n")
	write("box-token", second+"\n")
	c, err := config.Parse([]byte(`
issuer: http://localhost
store: {url: "memory:"}
management: {token_file: admin-token, tokens: [{name: box, file: box-token, role: viewer}]}
rooms: [{id: sale}]
`), dir, []string{"ANTEROOM_SECRET=" + strings.Repeat("m", 32)})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o, err := newOperators(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	good := func(what string, values ...string) {
		t.Helper()
		for i, source := range o.sources {
			if got, want := o.tokens()[i], source.token(config.NewSecret(values[i])); got.Hash != want.Hash || got.Access.Role != want.Access.Role {
				t.Errorf("%s: the token of %s is not %s", what, source.access.Name, values[i])
			}
		}
	}
	good("at the start", first, second)
	o.reload()
	good("unchanged", first, second)
	for _, useless := range []string{"", "short", "two lines of it\nand another", first, strings.Repeat("x", 1<<20)} {
		write("box-token", useless)
		o.reload()
		good("after a useless change", first, second)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("the log complains %d times, want once:\n%s", n, &log)
	}
	write("box-token", third)
	o.reload()
	good("after a change", first, third)
	if err := os.Remove(filepath.Join(dir, "admin-token")); err != nil {
		t.Fatal(err)
	}
	o.reload()
	good("without a file", first, third)
	if role := o.tokens()[0].Access.Role; role != admin.Admin {
		t.Errorf("the admin token has role %d", role)
	}
	for _, token := range []string{first, second, third} {
		if strings.Contains(log.String(), token) {
			t.Errorf("the log holds a token:\n%s", &log)
		}
	}
}
