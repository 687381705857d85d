package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/secretfile"
	"github.com/anteroom-dev/anteroom/keys"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/boltstore"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore/redisurl"
)

func openStore(o Options) (waitingroom.Store, error) {
	at := o.Config.Store
	switch {
	case redisurl.Is(at.URL):
		return redisstore.Open(at.URL, redisstore.Options{
			Password: at.Password.Reveal(), Acks: at.Acks, Authorities: at.Authorities, Logger: o.Logger,
		})
	case at.Path == "":
		return memstore.New(o.Now), nil
	}
	return boltstore.Open(at.Path, boltstore.Options{Now: o.Now, Logger: o.Logger, InjectAroundCommit: o.AroundCommit})
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

// makeSecret makes a secret that nobody gave, and keeps it in a file unless
// path is empty.
func makeSecret(path, what string, log *slog.Logger) (string, error) {
	if path == "" {
		return secretfile.New(), nil
	}
	secret, err := secretfile.Make(path)
	if err != nil {
		return "", fmt.Errorf("make the %s: %w", what, inDirectory(filepath.Dir(path), err))
	}
	log.Info("made a secret that was missing; keep a copy of the file", "secret", what, "file", path)
	return secret, nil
}

// inDirectory says what an operator has to do about a directory in which a file
// could not be made.
func inDirectory(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s; make it, and let this user write to it: %w", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("let this user write to the directory %s: %w", dir, err)
	}
	return err
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

func (v keyVault) Swap(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	kept, err := v.vault.Swap(ctx, name, old, value)
	if errors.Is(err, waitingroom.ErrNotKept) {
		return nil, fmt.Errorf("%w: %w", keys.ErrNotFound, err)
	}
	return kept, err
}
