package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
)

// connectionHelp is part of the help of all commands that talk to a server.
const connectionHelp = `It talks to the management listener of a running server: the one that --config
names, or --url together with --token-file. If it speaks HTTPS with a certificate
that this machine does not know, --ca-file names the authority's; the one in a
configuration is known.`

// A connection says which running server to talk to.
type connection struct {
	program   *program
	command   string // Whose flags these are.
	config    string
	url       string
	tokenFile string
	caFile    string
}

// connectionFlags declares the flags that say which server to talk to.
func connectionFlags(command string, p *program, flags *flag.FlagSet) *connection {
	c := &connection{program: p, command: command}
	flags.StringVar(&c.config, "config", "", "the configuration `FILE` of the server")
	flags.StringVar(&c.url, "url", "", "the `URL` of the management listener, such as http://127.0.0.1:8081")
	flags.StringVar(&c.tokenFile, "token-file", "", "the `FILE` with the admin token")
	flags.StringVar(&c.caFile, "ca-file", "", "a `FILE` in PEM with certificates to trust beside the system's, for --url")
	return c
}

// client returns a client of the server that the flags name.
func (c *connection) client() (*admin.Client, error) {
	switch {
	case c.config != "" && c.url == "" && c.tokenFile == "" && c.caFile == "":
		return c.fromConfig()
	case c.config == "" && c.url != "" && c.tokenFile != "":
		token, err := admin.LoadToken(c.tokenFile)
		if err != nil {
			return nil, usage(c.command, err.Error())
		}
		client := &admin.Client{URL: c.url, Token: string(token)}
		if c.caFile == "" {
			return client, nil
		}
		trusted, err := os.ReadFile(c.caFile)
		if err != nil {
			return nil, usage(c.command, fmt.Sprintf("read the certificates to trust: %v", err))
		}
		if client.HTTP, err = trusting(trusted, ""); err != nil {
			return nil, usage(c.command, fmt.Sprintf("%s: %v", c.caFile, err))
		}
		return client, nil
	}
	return nil, usage(c.command, "which server? give --config FILE, or --url URL and --token-file FILE (and --ca-file FILE)")
}

// fromConfig returns a client of the server that runs with the configuration.
func (c *connection) fromConfig() (*admin.Client, error) {
	settings, err := c.program.load(c.config)
	if err != nil {
		return nil, err
	}
	address, err := reachable(settings.Management.Listen)
	if err != nil {
		return nil, usage(c.command, err.Error())
	}
	token := mightiest(settings.Management)
	if token.IsZero() {
		return nil, fmt.Errorf("no admin token in %s; the server makes one on its first start", settings.Management.TokenFile)
	}
	if !settings.Management.TLS.Enabled() {
		return &admin.Client{URL: "http://" + address, Token: token.Reveal()}, nil
	}
	client := &admin.Client{URL: "https://" + address, Token: token.Reveal()}
	cert := []byte(settings.Management.TLS.Cert.Reveal())
	if client.HTTP, err = trusting(cert, nameIn(cert)); err != nil {
		return nil, err
	}
	return client, nil
}

// mightiest returns the admin token, or else the first of the tokens that may do
// most: for all rooms before some, and by role.
func mightiest(m config.Management) config.Secret {
	if !m.Token.IsZero() || len(m.Tokens) == 0 {
		return m.Token
	}
	might := func(t config.Token) int {
		n := slices.Index([]config.Role{config.RoleViewer, config.RoleOperator, config.RoleAdmin}, t.Role)
		if len(t.Rooms) == 0 {
			n += 3
		}
		return n
	}
	return slices.MaxFunc(m.Tokens, func(a, b config.Token) int { return cmp.Compare(might(a), might(b)) }).Value
}

// reachable returns the address at which this machine reaches a listener.
func reachable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", errors.New("management.listen leaves the port open; give --url and --token-file")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}
