package admin_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func TestTheFirstStartMakesATokenAndTheNextFindsIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "admin-token")
	first, created, err := admin.LoadOrCreateToken(path)
	if err != nil || !created {
		t.Fatalf("first start: created %v, %v", created, err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).Match(first) {
		t.Errorf("token has %d bytes, want 43 of base64url", len(first))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 || admin.ReadableByOthers(path) {
		t.Errorf("mode: got %o, want 600", got)
	}
	second, created, err := admin.LoadOrCreateToken(path)
	if err != nil || created || !bytes.Equal(first, second) {
		t.Errorf("second start: created %v, same token %v, %v", created, bytes.Equal(first, second), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, want the token alone (%v)", entries, err)
	}
}

// Two processes that each believed in their own token would lock the operator
// out of one of them.
func TestProcessesThatStartTogetherAgreeOnOneToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin-token")
	var (
		running sync.WaitGroup
		mu      sync.Mutex // Guards the rest.
		tokens  = make(map[string]bool)
		creator int
	)
	for range 8 {
		running.Go(func() {
			token, created, err := admin.LoadOrCreateToken(path)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			tokens[string(token)] = true
			if created {
				creator++
			}
		})
	}
	running.Wait()
	if len(tokens) != 1 || creator != 1 {
		t.Errorf("got %d tokens from %d creators, want 1 from 1", len(tokens), creator)
	}
}

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
			got, created, err := admin.LoadOrCreateToken(path)
			if string(got) != test.want || created || (err == nil) != (test.want != "") {
				t.Errorf("got %q, created %v, %v; want %q", got, created, err, test.want)
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
	if _, _, err := admin.LoadOrCreateToken(filepath.Join(t.TempDir(), "missing", "admin-token")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: got %v, want fs.ErrNotExist", err)
	}
}

func TestReadableByOthersLooksAtTheMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin-token")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got := admin.ReadableByOthers(path); got != want {
			t.Errorf("mode %o: got %v, want %v", mode, got, want)
		}
	}
}
