// Package secretfile makes the secrets that a server needs and nobody gave it.
package secretfile

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
)

// size is how many random bytes a secret has: 256 bits can't be guessed.
const size = 32

// New returns a new secret, 43 characters of base64url.
func New() string {
	var random [size]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails.
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// Make writes a new secret to a file that only its owner can read, and returns
// it. The file appears whole or not at all. If there is one already, the error
// wraps [io/fs.ErrExist] and the file stays as it is.
func Make(path string) (secret string, err error) {
	// The name must not exist before the content is safe on disk, so the file
	// is written under another one. CreateTemp gives it mode 0600.
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	secret = New()
	_, err = temp.WriteString(secret + "\n")
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return "", err
	}
	// Unlike a rename, a link doesn't replace what another process put there.
	if err := os.Link(temp.Name(), path); err != nil {
		return "", err
	}
	return secret, syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // The directory of the operator's choice.
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
