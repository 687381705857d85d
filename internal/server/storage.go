package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/keys"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

func openStore(c *config.Config, now func() time.Time, log *slog.Logger) (waitingroom.Store, error) {
	if c.Store.Path == "" {
		return memstore.New(now), nil
	}
	return boltstore.Open(c.Store.Path, boltstore.Options{Now: now, Logger: log})
}

// masterSecrets returns the configured master secrets. Without any, the first
// start with a new store makes one; a store that is there already belongs to a
// secret that must be found again.
func masterSecrets(c *config.Config, log *slog.Logger) (*waitingroom.Secrets, error) {
	var masters [][]byte
	for _, secret := range c.MasterSecrets {
		masters = append(masters, []byte(secret.Reveal()))
	}
	if len(masters) == 0 {
		if _, err := os.Stat(c.Store.Path); c.Store.Path != "" && err == nil {
			return nil, fmt.Errorf("the store %s is there, but its master secret %s is not: restore it", c.Store.Path, c.SecretFile)
		}
		secret, err := makeSecret(c.SecretFile, "master secret", log)
		if err != nil {
			return nil, err
		}
		masters = append(masters, []byte(secret))
	}
	return waitingroom.NewSecrets(masters...)
}

// managementToken returns the admin token, made on the first start.
func managementToken(c *config.Config, log *slog.Logger) (string, error) {
	if token := c.Management.Token; !token.IsZero() {
		return token.Reveal(), nil
	}
	return makeSecret(c.Management.TokenFile, "admin token", log)
}

// makeSecret returns 256 random bits in 43 characters, and writes them to a
// file that only its owner can read, unless path is empty.
func makeSecret(path, what string, log *slog.Logger) (string, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // crypto/rand.Read never fails.
	text := base64.RawURLEncoding.EncodeToString(secret)
	if path == "" {
		return text, nil
	}
	if err := writeNew(path, text+"\n"); err != nil {
		return "", fmt.Errorf("store the new %s: %w", what, err)
	}
	log.Info("made a new "+what+"; keep a copy of the file", "file", path) //nolint:sloglint // Two constants.
	return text, nil
}

// writeNew writes a file that must not exist yet. It appears whole or not at
// all, so that a crash leaves no half a secret.
func writeNew(path, text string) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // Mode 0600.
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temporary.Name())) }()
	_, err = temporary.WriteString(text)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}

// keyVault keeps sealed keys in the store's vault.
type keyVault struct{ vault waitingroom.Vault }

func (v keyVault) Load(ctx context.Context, name string) ([]byte, error) {
	value, err := v.vault.Kept(ctx, name)
	if errors.Is(err, waitingroom.ErrNotKept) {
		return nil, fmt.Errorf("%w: %w", keys.ErrNotFound, err)
	}
	return value, err
}

func (v keyVault) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	return v.vault.Keep(ctx, name, value, 0)
}
