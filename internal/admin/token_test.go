package admin_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func TestLoadTokenReadsWhatAnOperatorWrote(t *testing.T) {
	for _, test := range []struct {
		name, content, want string // An empty want is an error.
	}{
		{"a token alone", "0123456789abcdef", "0123456789abcdef"},
		{"a token and a line break", "0123456789abcdef\n", "0123456789abcdef"},
		{"a token and a line break of Windows", "0123456789abcdef\r\n", "0123456789abcdef"},
		{"the longest token", strings.Repeat("a", 1024) + "\r\n", strings.Repeat("a", 1024)},
		{"base64 with its padding", "c2VjcmV0IHRva2Vu+/==", "c2VjcmV0IHRva2Vu+/=="},
		{"an empty file", "", ""},
		{"a token that can be guessed", "0123456789abcde", ""},
		{"two lines", "0123456789abcdef\n0123456789abcdef\n", ""},
		{"spaces, which no header can carry", "correct horse battery staple", ""},
		{"a token that is too long", strings.Repeat("a", 1025), ""},
		{"a file that is far too long", strings.Repeat("a", 1<<20), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "admin-token")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := admin.LoadToken(path)
			if string(got) != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
			if content := strings.TrimSpace(test.content); err != nil && content != "" && strings.Contains(err.Error(), content) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestTokenFilesThatCannotBe(t *testing.T) {
	if _, err := admin.LoadToken(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: got %v, want fs.ErrNotExist", err)
	}
}
