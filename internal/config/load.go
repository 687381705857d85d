package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// maxFile is the largest configuration that is read, in bytes.
const maxFile = 1 << 20

//go:embed example.yaml
var example string

// Example returns a configuration with comments that names every key. It loads
// as it is.
func Example() string {
	return example
}

// Load reads the file at path, and environ in the form of [os.Environ], as
// [Parse] does. An error that is not [ErrInvalid] means that the file could not be
// read.
func Load(path string, environ []string) (*Config, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's choice
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	// One byte more than allowed, so that Parse sees that there is more.
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	config, err := Parse(data, filepath.Dir(path), environ)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", path, err)
	}
	return config, nil
}

// Parse reads a configuration from data and environ, whose entries have the form
// NAME=value. Relative paths in it are relative to dir. The secret files that it
// names are read; those that the server would create may be missing.
// An error is always of type [Faults], wraps [ErrInvalid] and names everything
// that is wrong.
func Parse(data []byte, dir string, environ []string) (*Config, error) {
	l := &loader{
		dir:     dir,
		origins: make(map[string]origin),
		secrets: make(map[string]string),
		broken:  make(map[string]bool),
	}
	config := &Config{}
	root := reflect.ValueOf(config).Elem()
	setDefaults(root)
	if node := l.parse(data); node != nil {
		l.mapping(node, "", root)
	}
	l.environment(environ, root)
	l.resolve(config)
	l.readSecrets(config)
	l.require(root, "")
	l.validate(config)
	if err := l.err(); err != nil {
		return nil, err
	}
	return config, nil
}
