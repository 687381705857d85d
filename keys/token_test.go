package keys_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/keys"
)

// knownRing returns a ring with the key of testdata, which costs no time.
func knownRing(t testing.TB) *keys.Ring {
	t.Helper()
	return loadedRing(t, vaultWith("keys/oidc", knownDocument(t)), wrappingKey(1))
}

// claims is what the tests sign.
const claims = `{"sub":"visitor"}`

// sign returns a token of the ring with the claims above.
func sign(t testing.TB, ring *keys.Ring, typ string) string {
	t.Helper()
	token, err := ring.Sign(t.Context(), jose.RS256, typ, []byte(claims))
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return token
}

func TestPublishedKeysAreCompleteAndPublic(t *testing.T) {
	set := knownRing(t).Public()
	encoded, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	if len(decoded.Keys) != 1 {
		t.Fatalf("got %d keys, want 1", len(decoded.Keys))
	}
	modulus := decoded.Keys[0]["n"]
	if n, err := base64.RawURLEncoding.DecodeString(modulus); err != nil || len(n) != 256 {
		t.Errorf("modulus: got %d bytes (%v), want 256", len(n), err)
	}
	// Exactly these members: d, p, q, dp, dq, qi would give the key away.
	want := map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": knownKeyID, "e": "AQAB", "n": modulus,
	}
	if diff := cmp.Diff(want, decoded.Keys[0]); diff != "" {
		t.Errorf("published key (-want +got):\n%s", diff)
	}
	thumbprint, err := set.Keys[0].Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(thumbprint); got != knownKeyID {
		t.Errorf("thumbprint: got %s, want the kid %s", got, knownKeyID)
	}
}

func TestChangingThePublishedSetLeavesTheRingAlone(t *testing.T) {
	ring := knownRing(t)
	set := ring.Public()
	set.Keys[0].KeyID = "changed"
	if got := keyID(t, ring); got != knownKeyID {
		t.Errorf("kid: got %s, want %s", got, knownKeyID)
	}
}

func TestSignedTokenHasTheHeaderThatRelyingPartiesNeed(t *testing.T) {
	for _, typ := range []string{"JWT", "at+jwt", ""} {
		ring := knownRing(t)
		token := sign(t, ring, typ)
		encoded, _, _ := strings.Cut(token, ".")
		header, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(header, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"alg": "RS256", "kid": knownKeyID}
		if typ != "" {
			want["typ"] = typ
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("header of type %q (-want +got):\n%s", typ, diff)
		}
		verified, err := ring.Verify(typ, token)
		if err != nil {
			t.Errorf("verify type %q: %v", typ, err)
		}
		if string(verified) != claims {
			t.Errorf("payload: got %s, want %s", verified, claims)
		}
	}
}

func TestSignRefusesAContextThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := knownRing(t).Sign(ctx, jose.RS256, "JWT", []byte("{}")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// forge signs payload with a key and header of the attacker's choice.
func forge(t *testing.T, key jose.SigningKey, typ string) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"sub":"victim"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// unsecured returns a token of the given header without a signature.
func unsecured(header string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(`{"sub":"victim"}`)) + "."
}

func TestVerifyRefusesWhatTheRingDidNotSign(t *testing.T) {
	ring := knownRing(t)
	good := sign(t, ring, "JWT")
	parts := strings.Split(good, ".")
	public, ok := ring.Public().Keys[0].Key.(*rsa.PublicKey)
	if !ok {
		t.Fatal("published key is no RSA key")
	}
	foreign := loadedRing(t, newVault(), wrappingKey(1))

	for name, token := range map[string]string{
		"nothing":                    "",
		"dots":                       "..",
		"JSON serialization":         `{"payload":"e30","signatures":[]}`,
		"an oversized token":         good + strings.Repeat("A", 9<<10),
		"another ring's token":       sign(t, foreign, "JWT"),
		"a token of another type":    sign(t, ring, "at+jwt"),
		"another payload":            parts[0] + ".eyJzdWIiOiJ2aWN0aW0ifQ." + parts[2],
		"another signature":          parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
		"a signature cut short":      good[:len(good)-10],
		"no signature":               parts[0] + "." + parts[1] + ".",
		"alg none (RFC 8725 §2.1)":   unsecured(`{"alg":"none","typ":"JWT","kid":"` + knownKeyID + `"}`),
		"no kid":                     unsecured(`{"alg":"RS256","typ":"JWT"}`),
		"an unknown critical header": unsecured(`{"alg":"RS256","typ":"JWT","crit":["x"],"x":1,"kid":"` + knownKeyID + `"}`),
		// RFC 8725 §2.1: the public key taken for an HMAC secret.
		"HMAC over the public key": forge(t, jose.SigningKey{
			Algorithm: jose.HS256,
			Key:       jose.JSONWebKey{Key: x509.MarshalPKCS1PublicKey(public), KeyID: knownKeyID},
		}, "JWT"),
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := ring.Verify("JWT", token)
			if !errors.Is(err, keys.ErrInvalidToken) {
				t.Errorf("got payload %q and error %v, want ErrInvalidToken", payload, err)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	ring := knownRing(f)
	good := sign(f, ring, "JWT")
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(" " + good)
	f.Add(unsecured(`{"alg":"none"}`))
	f.Add(unsecured(`{"alg":"RS256","jwk":{"kty":"RSA","n":"AQ","e":"AQAB"}}`))
	f.Add(`{"payload":"e30","signatures":[{}]}`)
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := ring.Verify("JWT", token)
		if err == nil && !bytes.Equal(got, []byte(claims)) {
			t.Errorf("accepted payload %q, which was never signed", got)
		}
		if err != nil && !errors.Is(err, keys.ErrInvalidToken) {
			t.Errorf("error %v does not wrap ErrInvalidToken", err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	ring := knownRing(b)
	payload := []byte(`{"iss":"https://wait.example.com","sub":"0f6b7c1e-5a0f-4a4f-9a57-0f6b7c1e5a0f","aud":"shop"}`)
	for b.Loop() {
		if _, err := ring.Sign(b.Context(), jose.RS256, "JWT", payload); err != nil {
			b.Fatal(err)
		}
	}
}
