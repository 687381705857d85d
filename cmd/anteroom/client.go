package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// secretLength is the length of a client secret. 43 letters and digits have 256
// bits, and no relying party or proxy stumbles over one of them.
const secretLength = 43

func clientNewCommand() command {
	return command{
		name:    "client new",
		summary: "Make a secret and the configuration for a relying party",
		help: `It prints what to add to the server's configuration and, below, the secret to give
to the relying party. The configuration holds only a hash of it: nobody can show
the secret again. Nothing is stored.`,
		define: func(p *program, flags *flag.FlagSet) action {
			var client newClient
			flags.StringVar(&client.id, "id", "shop", "the client_id")
			flags.StringVar(&client.room, "room", "sale", "the `ROOM` in which its visitors wait")
			flags.Func("redirect-uri", "a `URI` to which visitors return; may be repeated", func(uri string) error {
				client.redirectURIs = append(client.redirectURIs, uri)
				return nil
			})
			flags.BoolVar(&client.public, "public", false, "a client that can keep no secret; it must use PKCE")
			return func(context.Context, []string) error { return p.newClient(client) }
		},
	}
}

// newClient is what is known of a client before it has a secret.
type newClient struct {
	id, room     string
	redirectURIs []string
	public       bool
}

// newClient prints a client and its secret.
func (p *program) newClient(client newClient) error {
	if len(client.redirectURIs) == 0 {
		client.redirectURIs = []string{"https://shop.example.com/oauth2/callback"}
	}
	secret := newSecret()
	block := client.yaml(secret)
	if err := checkClient(client.room, block); err != nil {
		return err
	}
	if !client.public {
		block += fmt.Sprintf("\nThe client secret, shown only this once: %s\n", secret)
	}
	_, err := fmt.Fprint(p.stdout, block)
	return err
}

// yaml returns the client as the configuration has it.
func (c newClient) yaml(secret string) string {
	proof := "public: true"
	if !c.public {
		proof = fmt.Sprintf(`secret_sha256: "%x"`, sha256.Sum256([]byte(secret)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "clients:\n  - id: %q\n    room: %q\n    %s\n    redirect_uris:\n", c.id, c.room, proof)
	for _, uri := range c.redirectURIs {
		fmt.Fprintf(&b, "      - %q\n", uri)
	}
	return b.String()
}

// checkClient checks a client by the rules of the configuration that it is for.
func checkClient(room, block string) error {
	whole := fmt.Sprintf("issuer: http://localhost\nstore: {url: \"memory:\"}\nrooms: [{id: %q}]\n%s", room, block)
	_, err := config.Parse([]byte(whole), "", nil)
	list, ok := errors.AsType[config.Faults](err)
	if !ok {
		return err
	}
	var faults []string
	for _, fault := range list {
		// The lines are those of a file that the operator never saw.
		faults = append(faults, fault.Message)
	}
	return usage("client new", faults...)
}

// newSecret returns a random client secret.
func newSecret() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	secret := make([]byte, 0, secretLength)
	var random [2 * secretLength]byte
	for {
		_, _ = rand.Read(random[:]) // crypto/rand.Read never fails.
		for _, b := range random {
			// The remainder of a number above the last multiple of 62 would favour the
			// first letters.
			if int(b) >= 256/len(alphabet)*len(alphabet) {
				continue
			}
			if secret = append(secret, alphabet[int(b)%len(alphabet)]); len(secret) == secretLength {
				return string(secret)
			}
		}
	}
}
