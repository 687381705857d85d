package secretfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/secretfile"
)

func TestASecretIsWrittenForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	secret, err := secretfile.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != secret+"\n" || len(secret) != 43 {
		t.Errorf("the file holds %d bytes, %v, the secret has %d", len(text), err, len(secret))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v, want 0600", info.Mode(), err)
	}
}

// A secret that is there must never be replaced: everything sealed under it
// would be lost.
func TestASecretThatIsThereIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := os.WriteFile(path, []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secretfile.Make(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the error is %v, want fs.ErrExist", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "older" {
		t.Errorf("the file now holds %q, %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v, want 1", len(left), err)
	}
}
