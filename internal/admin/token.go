package admin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

const (
	minToken = 16
	maxToken = 1024
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
