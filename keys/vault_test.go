package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/anteroom-dev/anteroom/keys"
)

// errVault is what a vault without connection returns.
var errVault = errors.New("vault does not answer")

// memoryVault is a vault in memory that can be told to fail.
type memoryVault struct {
	mu     sync.Mutex
	values map[string][]byte

	failLoads   int  // How many of the next loads fail.
	failCreates int  // How many of the next creates fail …
	failSwaps   int  // How many of the next swaps fail …
	applied     bool // … after they had their effect.
	loads       int
	creates     int
	swaps       int
}

func newVault() *memoryVault {
	return &memoryVault{values: make(map[string][]byte)}
}

// vaultWith returns a vault that holds one value.
func vaultWith(name string, value []byte) *memoryVault {
	v := newVault()
	v.values[name] = value
	return v
}

func (v *memoryVault) Load(ctx context.Context, name string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.loads++
	if v.failLoads > 0 {
		v.failLoads--
		return nil, errVault
	}
	if value, ok := v.values[name]; ok {
		return value, ctx.Err()
	}
	return nil, fmt.Errorf("load %q: %w", name, keys.ErrNotFound)
}

func (v *memoryVault) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.creates++
	fail := v.failCreates > 0
	if fail {
		v.failCreates--
	}
	if _, taken := v.values[name]; !taken && (!fail || v.applied) {
		v.values[name] = value
	}
	if fail {
		return nil, errVault
	}
	return v.values[name], ctx.Err()
}

func (v *memoryVault) Swap(ctx context.Context, name string, old, value []byte) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.swaps++
	fail := v.failSwaps > 0
	if fail {
		v.failSwaps--
	}
	there, ok := v.values[name]
	if !ok {
		return nil, fmt.Errorf("swap %q: %w", name, keys.ErrNotFound)
	}
	if bytes.Equal(there, old) && (!fail || v.applied) {
		v.values[name] = value
	}
	if fail {
		return nil, errVault
	}
	return v.values[name], ctx.Err()
}

// wrappingKey returns a wrapping key that differs for each n.
func wrappingKey(n byte) []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = n + byte(i)
	}
	return key
}

// newRing returns a ring of purpose "oidc" that is not loaded.
func newRing(t testing.TB, vault keys.Vault, wrappingKeys ...[]byte) *keys.Ring {
	t.Helper()
	ring, err := keys.New(keys.Options{Vault: vault, WrappingKeys: wrappingKeys, Purpose: "oidc"})
	if err != nil {
		t.Fatalf("new ring: %v", err)
	}
	return ring
}

// loadedRing returns a ring that has its keys.
func loadedRing(t testing.TB, vault keys.Vault, wrappingKeys ...[]byte) *keys.Ring {
	t.Helper()
	ring := newRing(t, vault, wrappingKeys...)
	if err := ring.Load(t.Context()); err != nil {
		t.Fatalf("load ring: %v", err)
	}
	return ring
}

// keyID returns the kid of the ring's only key.
func keyID(t testing.TB, ring *keys.Ring) string {
	t.Helper()
	set := ring.Public()
	if len(set.Keys) != 1 {
		t.Fatalf("ring publishes %d keys, want 1", len(set.Keys))
	}
	return set.Keys[0].KeyID
}
