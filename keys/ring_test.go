package keys_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/keys"
)

func TestNewNamesEveryFaultOfItsOptions(t *testing.T) {
	_, err := keys.New(keys.Options{WrappingKeys: [][]byte{wrappingKey(1), make([]byte, 16)}})
	if err == nil {
		t.Fatal("New accepted broken options")
	}
	for _, want := range []string{"no vault", "purpose", "wrapping key 1: want 32 bytes, got 16"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %q", err, want)
		}
	}
	if _, err := keys.New(keys.Options{Vault: newVault(), Purpose: "oidc"}); err == nil {
		t.Error("New accepted options without wrapping keys")
	}
}

func TestRingWithoutKeysAnswersNotReady(t *testing.T) {
	ring := newRing(t, newVault(), wrappingKey(1))
	if _, err := ring.Sign(t.Context(), jose.RS256, "JWT", []byte("{}")); !errors.Is(err, keys.ErrNotReady) {
		t.Errorf("Sign: got %v, want ErrNotReady", err)
	}
	if _, err := ring.Verify("JWT", "a.b.c"); !errors.Is(err, keys.ErrNotReady) {
		t.Errorf("Verify: got %v, want ErrNotReady", err)
	}
	got, err := json.Marshal(ring.Public())
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"keys":[]}`; string(got) != want {
		t.Errorf("Public: got %s, want %s", got, want)
	}
	select {
	case <-ring.Ready():
		t.Error("ring is ready before it was loaded")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ring.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: got %v, want context.Canceled", err)
	}
}

func TestRingMakesItsKeyOnceAndFindsItAgain(t *testing.T) {
	vault := newVault()
	first := loadedRing(t, vault, wrappingKey(1))
	if err := first.Load(t.Context()); err != nil {
		t.Errorf("second Load: %v", err)
	}
	second := loadedRing(t, vault, wrappingKey(1))
	if got, want := keyID(t, second), keyID(t, first); got != want {
		t.Errorf("kid after a restart: got %s, want %s", got, want)
	}
	if vault.creates != 1 {
		t.Errorf("vault saw %d creates, want 1", vault.creates)
	}
}

func TestRingsStartedTogetherOnOneVaultEndWithOneKey(t *testing.T) {
	vault := newVault()
	rings := make([]*keys.Ring, 3)
	var wg sync.WaitGroup
	for i := range rings {
		rings[i] = newRing(t, vault, wrappingKey(1))
		rings[i].Start(t.Context())
		wg.Go(func() {
			if err := rings[i].Wait(t.Context()); err != nil {
				t.Errorf("ring %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	token, err := rings[0].Sign(t.Context(), jose.RS256, "JWT", []byte(`{"sub":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, ring := range rings {
		if got, want := keyID(t, ring), keyID(t, rings[0]); got != want {
			t.Errorf("ring %d has key %s, want %s", i, got, want)
		}
		if _, err := ring.Verify("JWT", token); err != nil {
			t.Errorf("ring %d: %v", i, err)
		}
	}
}

// creatingVault lets another node's value in between Load and Create.
type creatingVault struct {
	*memoryVault
	other []byte
}

func (v creatingVault) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	if _, err := v.memoryVault.Create(ctx, name, v.other); err != nil {
		return nil, err
	}
	return v.memoryVault.Create(ctx, name, value)
}

func TestRingTakesTheKeyOfTheNodeThatWasFaster(t *testing.T) {
	ring := loadedRing(t, creatingVault{newVault(), knownDocument(t)}, wrappingKey(1))
	if got := keyID(t, ring); got != knownKeyID {
		t.Errorf("kid: got %s, want the faster node's %s", got, knownKeyID)
	}
}

func TestStartOutlastsAVaultThatDoesNotAnswer(t *testing.T) {
	for name, vault := range map[string]*memoryVault{
		"loads fail":                   {failLoads: 8},
		"creates fail":                 {failCreates: 2},
		"a create's reply gets lost":   {failCreates: 1, applied: true},
		"loads and creates fail alike": {failLoads: 3, failCreates: 1},
	} {
		t.Run(name, func(t *testing.T) {
			vault.values = make(map[string][]byte)
			synctest.Test(t, func(t *testing.T) {
				ring := newRing(t, vault, wrappingKey(1))
				ring.Start(t.Context())
				ring.Start(t.Context()) // A second start has no effect.
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := ring.Wait(ctx); err != nil {
					t.Fatalf("ring did not get its key within a minute: %v", err)
				}
				keyID(t, ring)
			})
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := newRing(t, &memoryVault{failLoads: 1000}, wrappingKey(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ring.Start(ctx)
		if err := ring.Wait(context.WithoutCancel(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: got %v, want context.DeadlineExceeded", err)
		}
	})
}

func TestStartAsksAnAilingVaultAtASparingRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &memoryVault{failLoads: 1000}
		ring := newRing(t, vault, wrappingKey(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ring.Start(ctx)
		<-ctx.Done()
		synctest.Wait()
		// At most 5 s apart and at least half of that once backed off.
		if vault.loads < 14 || vault.loads > 32 {
			t.Errorf("vault was asked %d times in a minute, want 14 to 32", vault.loads)
		}
	})
}

func TestStartGivesUpWhereTryingAgainCannotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := vaultWith("keys/oidc", knownDocument(t))
		ring := newRing(t, vault, wrappingKey(9))
		ring.Start(t.Context())
		if err := ring.Wait(t.Context()); !errors.Is(err, keys.ErrForeignWrappingKey) {
			t.Errorf("Wait: got %v, want ErrForeignWrappingKey", err)
		}
		if vault.loads != 1 {
			t.Errorf("vault was asked %d times, want 1", vault.loads)
		}
	})
}
