package waitingroom_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func someProof() waitingroom.Proof {
	return waitingroom.Proof{ID: waitingroom.RequestID{1, 2, 3, 15: 255}, Generation: 1 << 40, Holder: 3}
}

func TestAProofIsSmallEnoughForACookie(t *testing.T) {
	proofs := waitingroom.NewProofs(secretsOf(t, masterSecret(1)), "sale")
	value := proofs.Prove(someProof())
	if len(value) != 59 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("got %q, want 59 characters that need no quoting", value)
	}
}

func TestAProofVerifiesNowhereElse(t *testing.T) {
	ours := secretsOf(t, masterSecret(1))
	value := waitingroom.NewProofs(ours, "sale").Prove(someProof())
	for name, proofs := range map[string]*waitingroom.Proofs{
		"another room":          waitingroom.NewProofs(ours, "sales"),
		"another master secret": waitingroom.NewProofs(secretsOf(t, masterSecret(2)), "sale"),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := proofs.Verify(value); !errors.Is(err, waitingroom.ErrBrokenProof) || got != (waitingroom.Proof{}) {
				t.Errorf("got %+v, error %v, want %v", got, err, waitingroom.ErrBrokenProof)
			}
		})
	}
}

func TestAChangedProofDoesNotVerify(t *testing.T) {
	proofs := waitingroom.NewProofs(secretsOf(t, masterSecret(1)), "sale")
	value := proofs.Prove(someProof())
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	broken := func(name, value string) {
		t.Helper()
		if got, err := proofs.Verify(value); !errors.Is(err, waitingroom.ErrBrokenProof) || got != (waitingroom.Proof{}) {
			t.Errorf("%s: got %+v, error %v", name, got, err)
		}
	}
	for bit := range len(raw) * 8 {
		changed := append([]byte(nil), raw...)
		changed[bit/8] ^= 1 << (bit % 8)
		broken("a bit changed", base64.RawURLEncoding.EncodeToString(changed))
	}
	broken("nothing", "")
	broken("cut off", value[:58])
	broken("one more", value+"A")
	broken("padded", value+"=")
	broken("a line break, which decoders skip", value[:30]+"\n"+value[30:])
	broken("a line break in place of a character", value[:30]+"\n"+value[31:])
	broken("the other alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(strings.Repeat("-", 59)))
	broken("a megabyte", strings.Repeat(value, 1<<20/59))
	broken("all zero", strings.Repeat("A", 59))
}

// TestAProofHasExactlyOneSpelling stops proofs from being counted as different
// ones: the last character of 44 bytes has two bits that say nothing.
func TestAProofHasExactlyOneSpelling(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	proofs := waitingroom.NewProofs(secretsOf(t, masterSecret(1)), "sale")
	value := proofs.Prove(someProof())
	spellings := 0
	for _, last := range alphabet {
		if _, err := proofs.Verify(value[:58] + string(last)); err == nil {
			spellings++
		}
	}
	if spellings != 1 {
		t.Errorf("%d spellings of one proof verify", spellings)
	}
}

func TestProofsOfAnOlderMasterSecretVerify(t *testing.T) {
	before := waitingroom.NewProofs(secretsOf(t, masterSecret(1)), "sale")
	rotated := waitingroom.NewProofs(secretsOf(t, masterSecret(2), masterSecret(1)), "sale")
	dropped := waitingroom.NewProofs(secretsOf(t, masterSecret(2)), "sale")
	if got, err := rotated.Verify(before.Prove(someProof())); err != nil || got != someProof() {
		t.Errorf("under the older secret: got %+v, error %v", got, err)
	}
	if got, err := dropped.Verify(rotated.Prove(someProof())); err != nil || got != someProof() {
		t.Errorf("new proofs are made under the newest secret: got %+v, error %v", got, err)
	}
}

func FuzzProofsVerify(f *testing.F) {
	proofs := waitingroom.NewProofs(secretsOf(f, masterSecret(1)), "sale")
	value := proofs.Prove(someProof())
	f.Add(value)
	f.Add(value[:58])
	f.Add(value[:30] + "\n" + value[30:])
	f.Add("")
	for _, v := range readVectors(f) { // Of other secrets.
		f.Add(v.Proof)
	}
	f.Fuzz(func(t *testing.T, value string) {
		proof, err := proofs.Verify(value)
		switch {
		case err != nil && !errors.Is(err, waitingroom.ErrBrokenProof):
			t.Errorf("%q: got error %v", value, err)
		case err == nil && proofs.Prove(proof) != value:
			t.Errorf("%q verifies, but is written as %q", value, proofs.Prove(proof))
		}
	})
}
