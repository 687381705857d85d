package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

const (
	// labelAgreement derives the key of the fingerprints.
	labelAgreement = "anteroom/agreement/v1"
	// agreementName is where the vault keeps the fingerprints of the node that
	// started last.
	agreementName = "configuration/fingerprints"
	// agreementEvery is how often a node looks at them.
	agreementEvery = 10 * time.Second
	// agreementTimeout bounds a look.
	agreementTimeout = 2 * time.Second
)

// agreement notices what would make one line of many nodes behave as several: that they
// are configured differently, or that the store they share is no longer fit to
// keep a line. The log tells of each once, and of its end. It is for one goroutine
// at a time.
type agreement struct {
	vault waitingroom.Vault
	fit   func(context.Context) error
	log   *slog.Logger
	own   fingerprints

	told  []byte // The fingerprints that the log has told of, while they differ.
	unfit bool   // The log has said so.
}

// fingerprints stand for all that nodes must have in common. They tell nothing of it,
// as they depend on the master secret.
type fingerprints struct {
	// Key names the key that they were made with. Those of different keys can't be
	// compared.
	Key string `json:"key"`
	// Parts are a fingerprint for each part of the configuration.
	Parts map[string]string `json:"parts"`
}

func newFingerprints(c *config.Config, key []byte) fingerprints {
	of := func(part any) string {
		mac := hmac.New(sha256.New, key)
		// What a configuration consists of always encodes, and a hash takes everything.
		_ = json.NewEncoder(mac).Encode(part)
		return hex.EncodeToString(mac.Sum(nil)[:8])
	}
	parts := map[string]string{"issuer": of(c.Issuer), "keys": of(c.Keys)}
	for _, room := range c.Rooms {
		parts["room "+room.ID] = of(room)
	}
	for _, client := range c.Clients {
		client.SecretFile = "" // Where it is doesn't matter: SecretHash says what it is.
		client.SecretSHA256 = ""
		parts["client "+client.ID] = of(client)
	}
	return fingerprints{Key: of("key"), Parts: parts}
}

// differ returns the names of the parts in which two configurations differ.
func (f *fingerprints) differ(other *fingerprints) []string {
	all := maps.Clone(f.Parts)
	maps.Copy(all, other.Parts)
	var names []string
	for name := range all {
		if f.Parts[name] != other.Parts[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// announce leaves this node's fingerprints in the store, and tells how they differ from
// those of the node that started before.
func (a *agreement) announce(ctx context.Context) error {
	own, err := json.Marshal(a.own)
	if err != nil {
		return err
	}
	kept, err := a.vault.Keep(ctx, agreementName, own, 0)
	if err != nil || bytes.Equal(kept, own) {
		return err
	}
	if differs := a.differs(kept); len(differs) > 0 {
		a.log.InfoContext(ctx, "the configuration differs from that of the node that started before; restart all nodes with the same",
			"differs", differs)
	}
	// Another node may start at this moment and be faster. Then that one is the last,
	// and a look will tell whether it is different.
	_, err = a.vault.Swap(ctx, agreementName, kept, own)
	return err
}

// differs returns in what kept fingerprints differ from this node's.
func (a *agreement) differs(kept []byte) []string {
	var other fingerprints
	if err := json.Unmarshal(kept, &other); err != nil || other.Key != a.own.Key {
		return nil // Of another version, or while the master secret changes.
	}
	return a.own.differ(&other)
}

// look tells what has changed. Of a store that doesn't answer, the engine tells.
func (a *agreement) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, agreementTimeout)
	defer cancel()
	err := a.fit(ctx)
	switch {
	case errors.Is(err, waitingroom.ErrUnavailable):
		return
	case err != nil && !a.unfit:
		a.log.ErrorContext(ctx, "the store isn't fit to keep a line", "error", err)
	case err == nil && a.unfit:
		a.log.InfoContext(ctx, "the store is fit to keep a line again")
	}
	a.unfit = err != nil
	a.compare(ctx)
}

func (a *agreement) compare(ctx context.Context) {
	kept, err := a.vault.Kept(ctx, agreementName)
	if errors.Is(err, waitingroom.ErrNotKept) {
		_ = a.announce(ctx) // The store was emptied. The next look tries again.
		return
	}
	if err != nil || bytes.Equal(kept, a.told) {
		return
	}
	differs := a.differs(kept)
	switch {
	case len(differs) > 0:
		a.log.WarnContext(ctx, "another node was started with another configuration; restart it or this one, so that all have the same",
			"differs", differs)
		a.told = kept
	case a.told != nil:
		a.log.InfoContext(ctx, "the node that started last has the same configuration as this one again")
		a.told = nil
	}
}
