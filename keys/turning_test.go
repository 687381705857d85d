package keys_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/keys"
)

// begin is when the tests of rotation begin.
var begin = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// day is a day.
const day = 24 * time.Hour

// turning is a ring with a clock that the test turns.
type turning struct {
	*keys.Ring
	t   *testing.T
	now time.Time
}

// newTurning returns a loaded ring that signs with ES256, as such keys are made at
// once, and rotates every 30 days.
func newTurning(t *testing.T, vault keys.Vault, edit func(*keys.Options)) *turning {
	t.Helper()
	r := &turning{t: t, now: begin}
	options := keys.Options{
		Vault: vault, WrappingKeys: [][]byte{wrappingKey(1)}, Purpose: "oidc", RotateEvery: 30 * day,
		Algorithms: []jose.SignatureAlgorithm{jose.ES256}, Now: func() time.Time { return r.now },
	}
	if edit != nil {
		edit(&options)
	}
	ring, err := keys.New(options)
	if err != nil {
		t.Fatal(err)
	}
	r.Ring = ring
	r.load()
	return r
}

func (r *turning) load() {
	r.t.Helper()
	if err := r.Load(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// at sets the clock that long after the beginning, and looks into the vault.
func (r *turning) at(after time.Duration) {
	r.t.Helper()
	r.now = begin.Add(after)
	r.load()
}

// states returns what the keys do, in the order in which they were made.
func (r *turning) states() string {
	var all []string
	for _, info := range r.Keys() {
		all = append(all, string(info.State))
	}
	return strings.Join(all, " ")
}

func (r *turning) wantStates(when, want string) {
	r.t.Helper()
	if got := r.states(); got != want {
		r.t.Errorf("%s: keys are %q, want %q", when, got, want)
	}
}

// signed returns a token, and the kid in its header.
func (r *turning) signed() (token, id string) {
	r.t.Helper()
	token, err := r.Sign(r.t.Context(), jose.ES256, "JWT", []byte(claims))
	if err != nil {
		r.t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		r.t.Fatal(err)
	}
	return token, parsed.Signatures[0].Header.KeyID
}

func (r *turning) publishes(id string) bool {
	set := r.Public()
	return len(set.Key(id)) > 0
}
