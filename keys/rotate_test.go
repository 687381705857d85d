package keys_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/keys"
)

func TestKeysTurnOnTheirOwn(t *testing.T) {
	r := newTurning(t, newVault(), nil)
	token, first := r.signed()
	r.at(30*day - keys.PublishAhead - time.Second)
	r.wantStates("a second before a key is due", "active")

	r.at(30*day - keys.PublishAhead)
	r.wantStates("an hour before the first key's time is over", "active next")
	next := r.Keys()[1]
	if want := begin.Add(30 * day); !next.SignsFrom.Equal(want) || !r.publishes(next.ID) {
		t.Errorf("next key signs from %v, published %v; want %v and true", next.SignsFrom, r.publishes(next.ID), want)
	}
	// No look into the vault is needed for the change itself.
	r.now = begin.Add(30*day - time.Second)
	if _, id := r.signed(); id != first {
		t.Error("the next key signs too early")
	}
	r.now = begin.Add(30 * day)
	if _, id := r.signed(); id != next.ID {
		t.Error("the next key doesn't sign when its time has come")
	}
	r.wantStates("before the change is noted", "retired active")
	r.load()
	r.wantStates("after the change is noted", "retired active")

	r.at(60*day - keys.PublishAhead)
	r.wantStates("an hour before the second key's time is over", "retired active next")
	if _, err := r.Verify("JWT", token); err != nil || !r.publishes(first) {
		t.Errorf("after nearly 30 days a token of the first key gives %v, published %v", err, r.publishes(first))
	}
	r.at(60 * day)
	r.wantStates("30 days after the first key signed last", "retired active")
	if _, err := r.Verify("JWT", token); !errors.Is(err, keys.ErrInvalidToken) || r.publishes(first) {
		t.Errorf("after 30 days a token of the first key gives %v, published %v", err, r.publishes(first))
	}
}

func TestARingThatSleptThroughItsRotationStillPublishesAhead(t *testing.T) {
	r := newTurning(t, newVault(), nil)
	_, first := r.signed()
	r.at(100 * day)
	r.wantStates("after 100 days", "active next")
	if _, id := r.signed(); id != first {
		t.Error("a key signs that nobody has seen")
	}
	if got, want := r.Keys()[1].SignsFrom, r.now.Add(keys.PublishAhead); !got.Equal(want) {
		t.Errorf("next key signs from %v, want %v", got, want)
	}
}

func TestRotateByHandPublishesFirst(t *testing.T) {
	r := newTurning(t, newVault(), func(o *keys.Options) { o.RotateEvery = 0 })
	_, first := r.signed()
	r.at(365 * day)
	r.wantStates("after a year without rotation", "active")
	got, err := r.Rotate(t.Context(), keys.Rotation{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[1].State != keys.StateNext || !got[1].SignsFrom.Equal(r.now.Add(keys.PublishAhead)) {
		t.Fatalf("after rotation the keys are %+v", got)
	}
	// Somebody who asks again, as the reply was lost, gets the same.
	again, err := r.Rotate(t.Context(), keys.Rotation{})
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("repeated: %v (-first +again):\n%s", err, diff)
	}
	if _, id := r.signed(); id != first {
		t.Error("the next key signs at once")
	}
	if _, err := r.Rotate(t.Context(), keys.Rotation{AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	r.wantStates("after rotating at once", "retired active")
	if _, id := r.signed(); id != got[1].ID {
		t.Error("the next key doesn't sign at once")
	}
}

// TestARevokedKeyIsForgotten stops the thief of a key: what it signs is accepted
// nowhere that the key set is fetched anew.
func TestARevokedKeyIsForgotten(t *testing.T) {
	r := newTurning(t, newVault(), nil)
	token, first := r.signed()
	if _, err := r.Rotate(t.Context(), keys.Rotation{}); err != nil {
		t.Fatal(err)
	}
	next := r.Keys()[1].ID
	if _, err := r.Rotate(t.Context(), keys.Rotation{Revoke: true}); err != nil {
		t.Fatal(err)
	}
	r.wantStates("after revocation", "active")
	if r.publishes(first) || r.publishes(next) {
		t.Error("a revoked key is published")
	}
	if _, err := r.Verify("JWT", token); !errors.Is(err, keys.ErrInvalidToken) {
		t.Errorf("a token of a revoked key gives %v, want ErrInvalidToken", err)
	}
}

func TestPrivateHalvesOfRetiredKeysAreGone(t *testing.T) {
	vault := newVault()
	r := newTurning(t, vault, nil)
	if _, err := r.Rotate(t.Context(), keys.Rotation{AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	var stored storedRing
	if err := json.Unmarshal(vault.values["keys/oidc"], &stored); err != nil {
		t.Fatal(err)
	}
	block := newGCM(t, wrappingKey(1))
	retired := stored.Keys[0]
	plain, err := block.Open(nil, retired.Sealed[:12], retired.Sealed[12:], bound("anteroom/key-retired/v1", "oidc", retired.KeyID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParsePKIXPublicKey(plain); err != nil {
		t.Errorf("a retired key is kept as something else than its public half: %v", err)
	}
}

// TestAPublicHalfCannotBePlanted stops somebody who can write to the vault, and
// does not know the master secret, from having signatures of their own accepted.
func TestAPublicHalfCannotBePlanted(t *testing.T) {
	vault := newVault()
	r := newTurning(t, vault, nil)
	if _, err := r.Rotate(t.Context(), keys.Rotation{AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	var stored storedRing
	if err := json.Unmarshal(vault.values["keys/oidc"], &stored); err != nil {
		t.Fatal(err)
	}
	foreign := newVault()
	newTurning(t, foreign, func(o *keys.Options) { o.WrappingKeys = [][]byte{wrappingKey(9)} })
	var theirs storedRing
	if err := json.Unmarshal(foreign.values["keys/oidc"], &theirs); err != nil {
		t.Fatal(err)
	}
	planted := theirs.Keys[0]
	planted.Wrapper = stored.Keys[0].Wrapper
	planted.RetiredAt = stored.Keys[0].RetiredAt
	stored.Keys[0] = planted
	edited, err := json.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := newRing(t, vaultWith("keys/oidc", edited), wrappingKey(1)).Load(t.Context()); !errors.Is(err, keys.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestNodesRotateTogether(t *testing.T) {
	vault := newVault()
	nodes := make([]*turning, 4)
	for i := range nodes {
		nodes[i] = newTurning(t, vault, nil)
	}
	var wg sync.WaitGroup
	for _, node := range nodes {
		node.now = begin.Add(30*day - time.Minute)
		wg.Go(func() {
			if err := node.Load(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, node := range nodes {
		node.load()
		node.wantStates("after all have rotated", "active next")
		if diff := cmp.Diff(nodes[0].Keys(), node.Keys()); diff != "" {
			t.Errorf("nodes differ:\n%s", diff)
		}
	}
	// One rotates by hand while another hasn't looked yet.
	if _, err := nodes[0].Rotate(t.Context(), keys.Rotation{AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	token, _ := nodes[0].signed()
	nodes[1].load()
	if _, err := nodes[1].Verify("JWT", token); err != nil {
		t.Errorf("another node doesn't know the new key: %v", err)
	}
}

func TestALostReplyOfARotationLosesNothing(t *testing.T) {
	for _, applied := range []bool{false, true} {
		vault := newVault()
		r := newTurning(t, vault, nil)
		vault.failSwaps, vault.applied = 1, applied
		if _, err := r.Rotate(t.Context(), keys.Rotation{}); !errors.Is(err, errVault) {
			t.Fatalf("got %v, want the vault's error", err)
		}
		r.wantStates("after the fault", "active")
		r.signed()
		if _, err := r.Rotate(t.Context(), keys.Rotation{}); err != nil {
			t.Fatal(err)
		}
		r.wantStates("after asking again", "active next")
	}
}

func TestAVaultThatLostItsKeysGetsThemBack(t *testing.T) {
	vault := newVault()
	r := newTurning(t, vault, nil)
	_, first := r.signed()
	clear(vault.values)
	r.load()
	if _, id := newTurning(t, vault, nil).signed(); id != first {
		t.Error("a node that starts after the loss has another key")
	}
}

func TestADamagedVaultLeavesTheRingItsKeys(t *testing.T) {
	vault := newVault()
	r := newTurning(t, vault, nil)
	vault.values["keys/oidc"] = []byte("{")
	if err := r.Load(t.Context()); !errors.Is(err, keys.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	r.signed()
}

func TestRingHoldsAKeyOfEachAlgorithm(t *testing.T) {
	vault := newVault()
	rs256 := newTurning(t, vault, func(o *keys.Options) { o.Algorithms = nil })
	if _, err := rs256.Sign(t.Context(), jose.ES256, "JWT", []byte(claims)); !errors.Is(err, keys.ErrNotReady) {
		t.Errorf("an algorithm that the ring has no key of gives %v, want ErrNotReady", err)
	}
	// A client asks for ES256 from now on.
	both := newTurning(t, vault, func(o *keys.Options) { o.Algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256} })
	both.wantStates("with another algorithm", "active active")
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
		token, err := both.Sign(t.Context(), algorithm, "JWT", []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := both.Verify("JWT", token); string(payload) != claims || err != nil {
			t.Errorf("%s: got %q, %v", algorithm, payload, err)
		}
	}
	// And no longer: the key stays while another node may still have the client.
	rs256.at(0)
	rs256.wantStates("without the other algorithm", "active active")
	rs256.at(31 * day)
	rs256.wantStates("when the other key's time is over", "active retired next")
}

// TestAKeyIsUsedWithItsOwnAlgorithmOnly checks RFC 8725 §3.1: a header that names
// the kid of one key and the algorithm of another is refused.
func TestAKeyIsUsedWithItsOwnAlgorithmOnly(t *testing.T) {
	vault := vaultWith("keys/oidc", knownDocument(t))
	r := newTurning(t, vault, func(o *keys.Options) {
		o.RotateEvery, o.Algorithms = 0, []jose.SignatureAlgorithm{jose.RS256, jose.ES256}
	})
	token, _ := r.signed()
	parts := strings.Split(token, ".")
	for _, header := range []string{
		`{"alg":"ES256","typ":"JWT","kid":"` + knownKeyID + `"}`,
		`{"alg":"RS256","typ":"JWT","kid":"` + r.Keys()[1].ID + `"}`,
	} {
		forged := strings.Split(unsecured(header), ".")[0] + "." + parts[1] + "." + parts[2]
		if _, err := r.Verify("JWT", forged); !errors.Is(err, keys.ErrInvalidToken) {
			t.Errorf("header %s: got %v, want ErrInvalidToken", header, err)
		}
	}
}

func TestLoadSealsAnewUnderTheNewestWrappingKey(t *testing.T) {
	vault := newVault()
	r := newTurning(t, vault, nil)
	if _, err := r.Rotate(t.Context(), keys.Rotation{AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	token, active := r.signed()
	newTurning(t, vault, func(o *keys.Options) { o.WrappingKeys = [][]byte{wrappingKey(7), wrappingKey(1)} })
	alone := newTurning(t, vault, func(o *keys.Options) { o.WrappingKeys = [][]byte{wrappingKey(7)} })
	if _, id := alone.signed(); id != active {
		t.Errorf("kid: got %s, want %s", id, active)
	}
	if _, err := alone.Verify("JWT", token); err != nil {
		t.Error(err)
	}
	alone.wantStates("under the newer wrapping key alone", "retired active")
	// A node that has only the older one goes on with what it has.
	if err := r.Load(t.Context()); !errors.Is(err, keys.ErrForeignWrappingKey) {
		t.Errorf("got %v, want ErrForeignWrappingKey", err)
	}
	r.signed()
}

func TestStartedRingRotatesInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, err := keys.New(keys.Options{
			Vault: newVault(), WrappingKeys: [][]byte{wrappingKey(1)}, Purpose: "oidc",
			Algorithms: []jose.SignatureAlgorithm{jose.ES256}, RotateEvery: day,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ring.Start(ctx)
		if err := ring.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*day + time.Minute) // In the bubble, that takes no time.
		synctest.Wait()
		if got, want := len(ring.Keys()), 11; got != want {
			t.Errorf("after ten days there are %d keys, want %d", got, want)
		}
	})
}

func TestHandsThatNeverRestReachALimit(t *testing.T) {
	r := newTurning(t, newVault(), nil)
	for range 200 {
		if _, err := r.Rotate(t.Context(), keys.Rotation{AtOnce: true}); err != nil {
			if !errors.Is(err, keys.ErrTooManyKeys) {
				t.Fatal(err)
			}
			r.at(29*day + 23*time.Hour + 30*time.Minute) // A key is due.
			r.signed()
			return
		}
	}
	t.Error("there is no end of keys")
}

func TestRingsOfOneVaultShareNoKey(t *testing.T) {
	vault := newVault()
	ours := newTurning(t, vault, nil)
	theirs := newTurning(t, vault, func(o *keys.Options) { o.Purpose = "aws" })
	if _, err := ours.Rotate(t.Context(), keys.Rotation{}); err != nil {
		t.Fatal(err)
	}
	theirs.load()
	theirs.wantStates("after a rotation of another purpose", "active")
	token, id := theirs.signed()
	if ours.publishes(id) {
		t.Error("a key of another purpose is published")
	}
	if _, err := ours.Verify("JWT", token); !errors.Is(err, keys.ErrInvalidToken) {
		t.Errorf("a token of another purpose gives %v, want ErrInvalidToken", err)
	}
}
