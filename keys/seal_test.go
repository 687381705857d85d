package keys_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/keys"
)

// knownKeyID is the kid of the key in testdata/oidc.json, which is sealed under
// wrappingKey(1).
const knownKeyID = "PdESdiQlJHU15kaoCOlalbGiNWtz5gq0ymubPiTSyuA"

var update = flag.Bool("update", false, "write testdata/oidc.json anew; knownKeyID then has to be changed too")

// knownDocument returns a stored document that an earlier version wrote.
func knownDocument(t testing.TB) []byte {
	t.Helper()
	stored, err := os.ReadFile("testdata/oidc.json")
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// storedRing mirrors the stored format, which is thereby written down twice.
type storedRing struct {
	Version int         `json:"version"`
	Keys    []storedKey `json:"keys"`
}

type storedKey struct {
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	SignsFrom int64  `json:"signs_from"`
	RetiredAt int64  `json:"retired_at"`
	Wrapper   []byte `json:"wrapper"`
	Sealed    []byte `json:"sealed"`
}

func TestStoredDocumentOfAnEarlierVersionOpens(t *testing.T) {
	if *update {
		vault := newVault()
		t.Logf("knownKeyID = %q", keyID(t, loadedRing(t, vault, wrappingKey(1))))
		if err := os.WriteFile("testdata/oidc.json", append(vault.values["keys/oidc"], '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	vault := vaultWith("keys/oidc", knownDocument(t))
	ring := loadedRing(t, vault, wrappingKey(1))
	if got := keyID(t, ring); got != knownKeyID {
		t.Errorf("kid: got %s, want %s", got, knownKeyID)
	}
	if vault.creates != 0 {
		t.Errorf("a key was made beside the stored one")
	}
}

// TestStoredKeyIsSealedAsDocumented opens a stored key with nothing but the
// standard library, so that the format cannot change by accident.
func TestStoredKeyIsSealedAsDocumented(t *testing.T) {
	var stored storedRing
	if err := json.Unmarshal(knownDocument(t), &stored); err != nil {
		t.Fatal(err)
	}
	key := stored.Keys[0]
	fingerprint := sha256.Sum256(append([]byte("anteroom/key-wrapper/v1"), wrappingKey(1)...))
	if !bytes.Equal(key.Wrapper, fingerprint[:8]) {
		t.Errorf("wrapper: got %x, want %x", key.Wrapper, fingerprint[:8])
	}
	data := bound("anteroom/key-seal/v1", "oidc", key.KeyID)
	plain, err := newGCM(t, wrappingKey(1)).Open(nil, key.Sealed[:12], key.Sealed[12:], data)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		t.Fatal(err)
	}
	if got := private.(*rsa.PrivateKey).N.BitLen(); got != 2048 {
		t.Errorf("modulus: got %d bits, want 2048", got)
	}
}

// newGCM returns AES-256-GCM with a key.
func newGCM(t *testing.T, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// bound returns what a sealed key is bound to.
func bound(label, purpose, keyID string) []byte {
	data := []byte(label)
	for _, part := range []string{purpose, keyID} {
		data = append(binary.BigEndian.AppendUint64(data, uint64(len(part))), part...)
	}
	return data
}

func TestKeysOpenWithAnyWrappingKeyGiven(t *testing.T) {
	ring := loadedRing(t, vaultWith("keys/oidc", knownDocument(t)), wrappingKey(7), wrappingKey(1))
	if got := keyID(t, ring); got != knownKeyID {
		t.Errorf("kid: got %s, want %s", got, knownKeyID)
	}
}

func TestNewKeysAreSealedUnderTheNewestWrappingKey(t *testing.T) {
	vault := newVault()
	want := keyID(t, loadedRing(t, vault, wrappingKey(7), wrappingKey(1)))
	if got := keyID(t, loadedRing(t, vault, wrappingKey(7))); got != want {
		t.Errorf("kid: got %s, want %s", got, want)
	}
	if err := newRing(t, vault, wrappingKey(1)).Load(t.Context()); !errors.Is(err, keys.ErrForeignWrappingKey) {
		t.Errorf("older wrapping key alone: got %v, want ErrForeignWrappingKey", err)
	}
}

// TestUnreadableDocumentsAreClearErrors covers a foreign master secret, and a
// vault whose content somebody changed: neither may make a new key, as that
// would end every login, nor let a key in that is not ours.
func TestUnreadableDocumentsAreClearErrors(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*storedRing)
		want error
	}{
		"one bit of the sealed key flipped": {func(s *storedRing) { s.Keys[0].Sealed[100] ^= 1 }, keys.ErrCorrupt},
		"the sealed key cut short":          {func(s *storedRing) { s.Keys[0].Sealed = s.Keys[0].Sealed[:8] }, keys.ErrCorrupt},
		"another kid":                       {func(s *storedRing) { s.Keys[0].KeyID = "other" }, keys.ErrCorrupt},
		"another algorithm":                 {func(s *storedRing) { s.Keys[0].Algorithm = "none" }, keys.ErrCorrupt},
		"a private half said to be retired": {func(s *storedRing) { s.Keys[0].RetiredAt = 1 }, keys.ErrCorrupt},
		"too many keys":                     {func(s *storedRing) { s.Keys = slices.Repeat(s.Keys, 101) }, keys.ErrCorrupt},
		"an unknown version":                {func(s *storedRing) { s.Version = 2 }, keys.ErrCorrupt},
		"no keys":                           {func(s *storedRing) { s.Keys = nil }, keys.ErrCorrupt},
		"a huge document":                   {func(s *storedRing) { s.Keys[0].KeyID = strings.Repeat("x", 1<<17) }, keys.ErrCorrupt},
		"a foreign wrapping key":            {func(s *storedRing) { s.Keys[0].Wrapper[0] ^= 1 }, keys.ErrForeignWrappingKey},
		"no wrapping key named":             {func(s *storedRing) { s.Keys[0].Wrapper = nil }, keys.ErrForeignWrappingKey},
	} {
		t.Run(name, func(t *testing.T) {
			var stored storedRing
			if err := json.Unmarshal(knownDocument(t), &stored); err != nil {
				t.Fatal(err)
			}
			test.edit(&stored)
			edited, err := json.Marshal(stored)
			if err != nil {
				t.Fatal(err)
			}
			vault := vaultWith("keys/oidc", edited)
			if err := newRing(t, vault, wrappingKey(1)).Load(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if vault.creates != 0 {
				t.Error("a key was made in place of the unreadable one")
			}
		})
	}
	t.Run("no JSON", func(t *testing.T) {
		vault := vaultWith("keys/oidc", []byte("{"))
		if err := newRing(t, vault, wrappingKey(1)).Load(t.Context()); !errors.Is(err, keys.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
	})
}

// TestKeyOfAnotherPurposeDoesNotOpen stops somebody who can write to the vault
// from having tokens of one kind signed with the key of another kind.
func TestKeyOfAnotherPurposeDoesNotOpen(t *testing.T) {
	ring, err := keys.New(keys.Options{
		Vault:        vaultWith("keys/aws", knownDocument(t)),
		WrappingKeys: [][]byte{wrappingKey(1)},
		Purpose:      "aws",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Load(t.Context()); !errors.Is(err, keys.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestVaultHoldsNoKeyInTheClear(t *testing.T) {
	vault := newVault()
	loadedRing(t, vault, wrappingKey(1))
	var stored storedRing
	if err := json.Unmarshal(vault.values["keys/oidc"], &stored); err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParsePKCS8PrivateKey(stored.Keys[0].Sealed); err == nil {
		t.Error("the sealed key is a plain one")
	}
	if bytes.Contains(vault.values["keys/oidc"], []byte("PRIVATE KEY")) {
		t.Error("the vault holds a PEM key")
	}
}
