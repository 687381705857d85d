package admin

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	// newTokenBytes is the size of a token that this package makes: 256 random
	// bits can't be guessed.
	newTokenBytes = 32
	minToken      = 16
	maxToken      = 1024
)

// LoadToken reads the admin token from a file, without the line breaks at its
// end. It returns an error that wraps [fs.ErrNotExist] if there is no file, and
// another if what it holds is not one line of 16 to 1024 characters out of
// A-Z, a-z, 0-9 and "-._~+/=". No error shows any of it.
func LoadToken(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // The operator's choice.
	if err != nil {
		return nil, fmt.Errorf("read the admin token: %w", err)
	}
	// Room for the line break, and one byte more to notice what is too long.
	data, err := io.ReadAll(io.LimitReader(file, maxToken+3))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read the admin token: %w", err)
	}
	token := strings.TrimRight(string(data), "\r\n")
	// RFC 6750 §2.1: a bearer token is of these characters.
	form := regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
	if len(token) < minToken || len(token) > maxToken || !form.MatchString(token) {
		return nil, fmt.Errorf(`admin token in %s: must be one line of %d to %d characters out of A-Z, a-z, 0-9 and "-._~+/="`,
			path, minToken, maxToken)
	}
	return []byte(token), nil
}

// LoadOrCreateToken reads the admin token as [LoadToken] does. If there is no
// file, it makes one that only its owner can read, with a random token, and
// created is true. Of several processes that start at once, one makes the file
// and all get its token; the file is never seen half written.
func LoadOrCreateToken(path string) (token []byte, created bool, err error) {
	token, err = LoadToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	created, err = createToken(path)
	if err != nil {
		return nil, false, fmt.Errorf("create the admin token: %w", err)
	}
	// Read it back: if another process was faster, its token counts.
	token, err = LoadToken(path)
	return token, created, err
}

// createToken writes a new token, unless there is a file by now.
func createToken(path string) (created bool, err error) {
	var random [newTokenBytes]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails.
	line := base64.RawURLEncoding.EncodeToString(random[:]) + "\n"

	// The name must not exist before the content is safe on disk, so the file
	// is written under another one. CreateTemp gives it mode 0600.
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	_, err = temp.WriteString(line)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return false, err
	}
	// Unlike a rename, a link doesn't replace what another process put there.
	if err := os.Link(temp.Name(), path); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // The directory of the operator's choice.
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReadableByOthers reports whether a file can be read by more than its owner.
// It is worth a warning and no more: a mounted secret often can.
func ReadableByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}
