package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/onboard"
)

func clientCheckCommand() command {
	return command{
		name:    "client check",
		args:    []string{"ID"},
		summary: "Test whether a relying party can log visitors in",
		help: `It looks at the configuration of the client, and asks the server under its issuer
over the network, as the relying party will: certificate, discovery, keys,
endpoints, redirect URIs, and what relying parties of that preset are known to
demand. Run it on a machine that reaches the server in the same way as they do.
Nothing is changed, and no place is taken.

Each line is ok, a warning, or a fault, which keeps visitors from logging in. The
exit code is 1 if there are faults.`,
		define: func(p *program, flags *flag.FlagSet) action {
			file := flags.String("config", "", "the configuration `FILE` of the server")
			caFile := flags.String("ca-file", "", "a `FILE` in PEM with certificates to trust beside the system's")
			connect := flags.String("connect", "", "reach the issuer at `HOST:PORT`, as long as its name does not lead there")
			return func(ctx context.Context, args []string) error {
				return p.checkRegisteredClient(ctx, args[0], *file, *caFile, *connect)
			}
		},
	}
}

// checkRegisteredClient prints what there is to say of a client.
func (p *program) checkRegisteredClient(ctx context.Context, id, file, caFile, connect string) error {
	if file == "" {
		return usage("client check", "--config FILE is required")
	}
	settings, err := p.load(file)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(settings.Clients, func(c config.Client) bool { return c.ID == id })
	if i < 0 {
		return usage("client check", noClient(id, file, settings.Clients))
	}
	probe, err := newProbe(caFile, connect)
	if err != nil {
		return err
	}
	client := &settings.Clients[i]
	findings := onboard.CheckRegistration(settings.Issuer, client)
	findings = append(findings, probe.Check(ctx, settings.Issuer, client)...)
	for _, finding := range findings {
		if _, err := fmt.Fprintln(p.stdout, finding); err != nil {
			return err
		}
	}
	return faultsOf(id, findings)
}

// faultsOf returns an error that counts the faults of a client, or nil if it has none.
func faultsOf(id string, findings []onboard.Finding) error {
	switch n := onboard.Faults(findings); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s has a fault", id)
	default:
		return fmt.Errorf("%s has %d faults", id, n)
	}
}

// noClient says that there is no such client, and which may have been meant.
func noClient(id, file string, clients []config.Client) string {
	fault := fmt.Sprintf("there is no client %q in %s", id, file)
	var ids []string
	for _, c := range clients {
		ids = append(ids, c.ID)
	}
	if near := config.Nearest(id, ids); near != "" {
		fault += fmt.Sprintf("; did you mean %q?", near)
	}
	return fault
}

// newProbe returns what asks the server, trusting the certificates in caFile and
// going to the address connect, if they are given.
func newProbe(caFile, connect string) (*onboard.Probe, error) {
	var trusted []byte
	if caFile != "" {
		var err error
		if trusted, err = os.ReadFile(caFile); err != nil { //nolint:gosec // the operator's choice
			return nil, usage("client check", fmt.Sprintf("read the certificates to trust: %v", err))
		}
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if caFile != "" {
		client, err := trusting(trusted, "")
		if err != nil {
			return nil, usage("client check", fmt.Sprintf("%s: %v", caFile, err))
		}
		if own, ok := client.Transport.(*http.Transport); ok {
			transport = own
		}
	}
	if connect != "" {
		if _, _, err := net.SplitHostPort(connect); err != nil {
			return nil, usage("client check", fmt.Sprintf("--connect must be HOST:PORT, not %q", connect))
		}
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: httpsTimeout}).DialContext(ctx, network, connect)
		}
	}
	return &onboard.Probe{
		HTTP:      &http.Client{Transport: transport, Timeout: httpsTimeout},
		PrivateCA: caFile != "", NoLookup: connect != "",
	}, nil
}
