package keys_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/keys"
)

func ExampleRing() {
	ctx := context.Background()
	wrappingKey := make([]byte, 32) // In a server: derived from the master secret.
	if _, err := rand.Read(wrappingKey); err != nil {
		log.Fatal(err)
	}
	ring, err := keys.New(keys.Options{
		Vault:        newVault(),
		WrappingKeys: [][]byte{wrappingKey},
		Purpose:      "oidc",
	})
	if err != nil {
		log.Fatal(err)
	}
	ring.Start(ctx) // Returns at once; the listener can come up meanwhile.
	if err := ring.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	token, err := ring.Sign(ctx, jose.RS256, "JWT", []byte(`{"sub":"visitor"}`))
	if err != nil {
		log.Fatal(err)
	}
	payload, err := ring.Verify("JWT", token)
	fmt.Println(string(payload), err)
	// Output: {"sub":"visitor"} <nil>
}
