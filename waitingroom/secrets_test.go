package waitingroom_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func TestShortSecretsAreAllReported(t *testing.T) {
	for name, test := range map[string]struct {
		masters [][]byte
		want    []string
	}{
		"none":            {nil, []string{"no master secret"}},
		"an empty one":    {[][]byte{{}}, []string{"master secret 1 has 0 bytes, the least is 32"}},
		"one byte short":  {[][]byte{make([]byte, 31)}, []string{"master secret 1 has 31 bytes"}},
		"two of three":    {[][]byte{make([]byte, 5), make([]byte, 32), make([]byte, 6)}, []string{"master secret 1 has 5", "master secret 3 has 6"}},
		"long enough":     {[][]byte{make([]byte, 32)}, nil},
		"longer and more": {[][]byte{make([]byte, 64), make([]byte, 33)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := waitingroom.NewSecrets(test.masters...)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("got error %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want one that says %q", err, want)
				}
			}
		})
	}
}

// TestDifferentNamesGiveDifferentKeys stops one key from serving two purposes:
// joined without their lengths, several of these lists would be the same.
func TestDifferentNamesGiveDifferentKeys(t *testing.T) {
	secrets := secretsOf(t, masterSecret(1))
	seen := make(map[string]string)
	for _, names := range [][]string{
		{"a"}, {"b"}, {"a", ""}, {"a", "", ""}, {"a", "b"}, {"ab"}, {"a", "b", "c"}, {"a", "bc"}, {"ab", "c"}, {"abc"}, {""}, {"", "a"},
	} {
		key := string(secrets.Derive(names[0], 32, names[1:]...)[0])
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %s have the same key", names, other)
		}
		seen[key] = fmt.Sprintf("%q", names)
	}
}

func TestAKeyIsDerivedFromEachSecret(t *testing.T) {
	both := secretsOf(t, masterSecret(2), masterSecret(1))
	for _, size := range []int{16, 32, 64} {
		keys := both.Derive("label", size, "context")
		if len(keys) != 2 || len(keys[0]) != size || len(keys[1]) != size {
			t.Fatalf("got %d keys, want 2 of %d bytes", len(keys), size)
		}
		for i, master := range []byte{2, 1} {
			alone := secretsOf(t, masterSecret(master)).Derive("label", size, "context")[0]
			if !bytes.Equal(keys[i], alone) {
				t.Errorf("key %d of two secrets isn't that of the secret alone", i)
			}
		}
	}
}

func TestACheckTellsSecretsApartAndGivesNoneAway(t *testing.T) {
	first, second := secretsOf(t, masterSecret(1)).Check(), secretsOf(t, masterSecret(2), masterSecret(1)).Check()
	if len(first) != 1 || len(second) != 2 || !bytes.Equal(first[0], second[1]) || bytes.Equal(first[0], second[0]) {
		t.Errorf("got checks %x and %x", first, second)
	}
	if bytes.Contains(first[0], masterSecret(1)[:8]) {
		t.Error("a check shows its secret")
	}
}
