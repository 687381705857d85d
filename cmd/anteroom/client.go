package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/onboard"
)

// secretLength is the length of a client secret. 43 letters and digits have 256
// bits, and no relying party or proxy stumbles over one of them.
const secretLength = 43

func clientNewCommand() command {
	return command{
		name:    "client new",
		summary: "Make a secret and the configuration for a relying party",
		help: `It prints what to add to the server's configuration, and below the secret to give
to the relying party. The configuration holds only a hash of it: nobody can show
the secret again. With --config or --issuer it also says what to enter on the
other side, which is different for each --preset. Nothing is stored.

What keeps visitors from logging in is printed as a fault, and the exit code is
then 1.`,
		define: func(p *program, flags *flag.FlagSet) action {
			client := newClient{preset: config.PresetGeneric}
			flags.StringVar(&client.id, "id", "shop", "the client_id")
			flags.StringVar(&client.room, "room", "", "the `ROOM` in which its visitors wait; sale, or the only one of --config")
			flags.Func("preset", "what `KIND` of relying party it is: "+presetNames(), func(name string) error {
				client.preset, client.chosen = config.Preset(name), true
				return nil
			})
			flags.StringVar(&client.issuer, "issuer", "", "the `URL` under which the world reaches the server")
			flags.StringVar(&client.file, "config", "", "the configuration `FILE` of the server, for its issuer and room")
			flags.Func("redirect-uri", "a `URI` to which visitors return; may be repeated", appendTo(&client.redirectURIs))
			flags.Func("post-logout-redirect-uri", "a `URI` to which visitors go after a logout; may be repeated", appendTo(&client.goodbyeURIs))
			flags.StringVar(&client.reinitiateURL, "reinitiate-url", "", "the `URL` at which the application starts a login; needed with cognito")
			flags.BoolVar(&client.public, "public", false, "a client that can keep no secret; it must use PKCE")
			return func(context.Context, []string) error { return p.newClient(client) }
		},
	}
}

// presetNames lists the presets.
func presetNames() string {
	var names []string
	for _, preset := range config.Presets() {
		names = append(names, string(preset.Preset))
	}
	return strings.Join(names, ", ")
}

// appendTo returns the value of a flag that may be repeated.
func appendTo(list *[]string) func(string) error {
	return func(value string) error {
		*list = append(*list, value)
		return nil
	}
}

// newClient is what is known of a client before it has a secret.
type newClient struct {
	id, room      string
	preset        config.Preset
	chosen        bool // The preset was given.
	issuer, file  string
	redirectURIs  []string
	goodbyeURIs   []string
	reinitiateURL string
	public        bool
}

// newClient prints a client, its secret, and what to enter on the other side.
func (p *program) newClient(client newClient) error {
	if err := p.complete(&client); err != nil {
		return err
	}
	secret := newSecret()
	block := client.yaml(secret)
	parsed, err := checkClient(cmp.Or(client.issuer, "http://localhost"), client.room, block)
	if err != nil {
		return err
	}
	var out strings.Builder
	out.WriteString(block)
	if !client.public {
		fmt.Fprintf(&out, "\nThe client secret, shown only this once: %s\n", secret)
	}
	if client.issuer != "" {
		out.WriteByte('\n')
		if err := onboard.WriteGuide(&out, client.issuer, parsed); err != nil {
			return err
		}
	}
	if _, err = io.WriteString(p.stdout, out.String()); err != nil || client.issuer == "" {
		return err
	}
	findings := onboard.CheckRegistration(client.issuer, parsed)
	for _, finding := range findings {
		if finding.Level != onboard.LevelOK {
			fmt.Fprintln(p.stderr, finding)
		}
	}
	return faultsOf(client.id, findings)
}

// complete fills in what was not given, from the configuration if there is one.
func (p *program) complete(client *newClient) error {
	var faults []string
	if client.file != "" {
		settings, err := p.load(client.file)
		if err != nil {
			return err
		}
		if client.issuer != "" && client.issuer != settings.Issuer {
			faults = append(faults, fmt.Sprintf("--issuer differs from that of %s: %s", client.file, settings.Issuer))
		}
		client.issuer = settings.Issuer
		if slices.ContainsFunc(settings.Clients, func(c config.Client) bool { return c.ID == client.id }) {
			faults = append(faults, fmt.Sprintf("there is a client %q in %s already; give another --id", client.id, client.file))
		}
		var rooms []string
		for _, room := range settings.Rooms {
			rooms = append(rooms, room.ID)
		}
		switch {
		case client.room == "" && len(rooms) == 1:
			client.room = rooms[0]
		case !slices.Contains(rooms, client.room):
			faults = append(faults, fmt.Sprintf("--room must be one of %s: %s", client.file, strings.Join(rooms, ", ")))
		}
	}
	client.room = cmp.Or(client.room, "sale")
	if client.chosen && client.issuer == "" {
		faults = append(faults, "--issuer URL or --config FILE is required with --preset, to say what to enter on the other side")
	}
	if len(client.redirectURIs) == 0 {
		if client.chosen || client.issuer != "" {
			faults = append(faults, "--redirect-uri is required")
		}
		client.redirectURIs = []string{"https://shop.example.com/oauth2/callback"}
	}
	if len(faults) > 0 {
		return usage("client new", faults...)
	}
	return nil
}

// yaml returns the client as the configuration has it.
func (c newClient) yaml(secret string) string {
	proof := "public: true"
	if !c.public {
		proof = fmt.Sprintf(`secret_sha256: "%x"`, sha256.Sum256([]byte(secret)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "clients:\n  - id: %q\n    room: %q\n    %s\n", c.id, c.room, proof)
	if c.chosen {
		fmt.Fprintf(&b, "    preset: %q\n", c.preset)
	}
	writeList(&b, "redirect_uris", c.redirectURIs)
	writeList(&b, "post_logout_redirect_uris", c.goodbyeURIs)
	if c.reinitiateURL != "" {
		fmt.Fprintf(&b, "    reinitiate_url: %q\n", c.reinitiateURL)
	}
	return b.String()
}

// writeList writes a key with a list of strings, unless it is empty.
func writeList(b *strings.Builder, key string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s:\n", key)
	for _, value := range values {
		fmt.Fprintf(b, "      - %q\n", value)
	}
}

// checkClient reads a client by the rules of the configuration that it is for.
func checkClient(issuer, room, block string) (*config.Client, error) {
	whole := fmt.Sprintf("issuer: %q\nstore: {url: \"memory:\"}\nrooms: [{id: %q}]\n%s", issuer, room, block)
	parsed, err := config.Parse([]byte(whole), "", nil)
	if err == nil {
		return &parsed.Clients[0], nil
	}
	list, ok := errors.AsType[config.Faults](err)
	if !ok {
		return nil, err
	}
	var faults []string
	for _, fault := range list {
		// The lines are those of a file that the operator never saw.
		faults = append(faults, fault.Message)
	}
	return nil, usage("client new", faults...)
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
