package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// refreshEvery is how often a ring looks for what other nodes have done, and
	// for what there is to do.
	refreshEvery = time.Minute

	// maxAttempts bounds how often one update gives way to another node's.
	maxAttempts = 8
)

// Info is what may be known of a key.
type Info struct {
	// ID is the kid.
	ID string
	// Algorithm is what the key signs with.
	Algorithm jose.SignatureAlgorithm
	// State is what it does now.
	State State
	// SignsFrom is since or from when it signs; zero if that is not known.
	SignsFrom time.Time
	// RetiredAt is when it stopped signing; zero unless it is retired.
	RetiredAt time.Time
	// DroppedAt is when its public half will no longer be published; zero unless
	// it is retired.
	DroppedAt time.Time
}

// Rotation says how to rotate. The zero value is the gentle way.
type Rotation struct {
	// AtOnce lets the new keys sign now instead of after [PublishAhead]. Relying
	// parties that keep the JWKS and do not ask again for a kid that they don't
	// know refuse logins until they do; other nodes publish the new keys up to a
	// minute later.
	AtOnce bool
	// Revoke is for keys that somebody may have stolen: new keys sign at once, and
	// the old ones are forgotten, so that nothing which they signed is
	// accepted any more. A next key is forgotten too.
	Revoke bool
}

// Rotate makes a next key of each algorithm, unless there is one already: another
// node that has rotated is as good. It returns the keys as they are then.
// Without AtOnce or Revoke a call that is repeated has no further effect.
func (r *Ring) Rotate(ctx context.Context, order Rotation) ([]Info, error) {
	err := r.update(ctx, func(list []ringKey, now time.Time) []ringKey {
		return r.policy.rotate(list, now, order)
	})
	if err != nil {
		return nil, fmt.Errorf("rotate %s keys: %w", r.purpose, err)
	}
	return r.Keys(), nil
}

// Keys tells of all keys of the ring, in the order in which they were made. It is
// empty while there is no key.
func (r *Ring) Keys() []Info {
	list := []Info{}
	set, now := r.set.Load(), r.now()
	if set == nil {
		return list
	}
	for i, key := range set.keys {
		info := Info{ID: key.id, Algorithm: key.algorithm, State: set.state(key, now), SignsFrom: key.signsFrom}
		if info.State == StateRetired {
			info.RetiredAt = key.retired
			if key.retired.IsZero() { // Its successor's time has come since the last look.
				info.RetiredAt = r.policy.retirement(key, set.keys[i+1:], now)
			}
			info.DroppedAt = info.RetiredAt.Add(KeepRetired)
		}
		list = append(list, info)
	}
	return list
}

// Purpose returns what the keys are for.
func (r *Ring) Purpose() string { return r.purpose }

// keep looks into the vault once a minute until ctx ends.
func (r *Ring) keep(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.Load(ctx); err != nil && ctx.Err() == nil {
			r.logger.WarnContext(ctx, "signing keys not refreshed; those at hand stay in use", "error", err)
		}
	}
}

// update brings the keys of the vault and of the ring to what change makes of
// them. Keys are made before the swap, never during it: whoever loses a race has
// made a key for nothing, and takes the winner's.
func (r *Ring) update(ctx context.Context, change func([]ringKey, time.Time) []ringKey) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	name := "keys/" + r.purpose
	stored, err := r.vault.Load(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	for range maxAttempts {
		list, err := r.listOf(stored)
		if err != nil {
			return err
		}
		wanted, value, err := r.prepare(change(list, r.now().Truncate(time.Second)))
		if err != nil {
			return err
		}
		if before, err := encode(list); err != nil {
			return err
		} else if stored != nil && bytes.Equal(before, value) {
			r.adopt(ctx, &keySet{wanted, stored})
			return nil
		}
		kept, err := r.put(ctx, name, stored, value)
		if err != nil {
			return err
		}
		if bytes.Equal(kept, value) {
			// What was just written is opened like anything else: a key that cannot be
			// read back must never sign.
			if list, err = r.wrapper.decode(r.purpose, kept); err == nil {
				r.adopt(ctx, &keySet{list, kept})
			}
			return err
		}
		stored = kept
	}
	return errors.New("other nodes keep changing the keys")
}

// listOf returns the keys of a document. If the vault has lost it, those that this
// ring has at hand are put back.
func (r *Ring) listOf(stored []byte) ([]ringKey, error) {
	set := r.set.Load()
	switch {
	case set != nil && (stored == nil || bytes.Equal(stored, set.stored)):
		return set.keys, nil
	case stored == nil:
		return nil, nil
	default:
		return r.wrapper.decode(r.purpose, stored)
	}
}

// put writes a document, and returns the one that is there afterwards.
func (r *Ring) put(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	if old == nil {
		return r.vault.Create(ctx, name, value)
	}
	return r.vault.Swap(ctx, name, old, value)
}

// prepare makes the keys of a list that are yet to be made, drops the private
// halves of those that have retired, and seals what is not. It returns the
// list and its document.
func (r *Ring) prepare(list []ringKey) ([]ringKey, []byte, error) {
	if len(list) > maxKeys {
		return nil, nil, ErrTooManyKeys
	}
	rewrap := r.set.Load() == nil
	for i := range list {
		key := &list[i]
		if key.signingKey == nil {
			made, err := generate(key.algorithm)
			if err != nil {
				return nil, nil, err
			}
			key.signingKey = made
		}
		if err := r.wrapper.store(r.purpose, key, rewrap); err != nil {
			return nil, nil, err
		}
	}
	value, err := encode(list)
	return list, value, err
}

// adopt makes a set the ring's, and notes what is new in it.
func (r *Ring) adopt(ctx context.Context, set *keySet) {
	old := r.set.Swap(set)
	if old == nil {
		close(r.ready)
		r.logger.InfoContext(ctx, "signing keys loaded", "keys", len(set.keys))
		old = &keySet{}
	}
	now := r.now()
	for _, key := range set.keys {
		if before := old.find(key.id); before == nil || (before.private == nil) != (key.private == nil) {
			r.logger.InfoContext(ctx, "signing key", "kid", key.id, "alg", string(key.algorithm),
				"state", string(set.state(key, now)), "signs_from", key.signsFrom)
		}
	}
}
