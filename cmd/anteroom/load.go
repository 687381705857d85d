package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/load"
	"github.com/anteroom-dev/anteroom/internal/load/report"
)

// What a rehearsal is without further flags.
const (
	loadVisitors    = 100
	loadOver        = 10 * time.Second
	loadStay        = 30 * time.Second
	loadReading     = 1500 * time.Millisecond
	loadStale       = 5 * time.Second
	loadConnections = 128
	loadTimeout     = 10 * time.Second
	loadFor         = 10 * time.Minute
)

// errBreach says that the audit of a rehearsal failed. The report says why.
var errBreach = errors.New("the audit of the rehearsal failed")

func loadCommand() command {
	return command{
		name:    "load",
		summary: "Rehearse a crowd: send visitors to a running server, measure, and audit the line",
		help: `It sends visitors through whole logins, writes a report to standard output, and
ends with code 1 if the line broke one of its promises: a position dealt twice,
somebody let in early, too many on the site. Ctrl-C gives the report so far.

It talks to this machine and to the issuer of --config, and to no other host unless
--i-own-this-host is given. With --config FILE, the server's own configuration, it
knows issuer, client, room, capacity and management listener by itself.

DIST is a time such as 5m, a range 1m-10m, exp:5m for an exponential distribution
with that mean, or never. SHARE is a percentage such as 5%. RATE is such as 50/s.`,
		define: func(p *program, flags *flag.FlagSet) action {
			rehearsal := rehearsalFlags(p, flags)
			return func(ctx context.Context, _ []string) error { return rehearsal.run(ctx) }
		},
	}
}

// A rehearsal is what the flags of load say.
type rehearsal struct {
	program *program
	options load.Options

	config, secretFile, caFile, management, tokenFile string
	via, tolerate                                     string
	othersServe                                       bool
	json, html                                        string
}

// rehearsalFlags declares the flags of load.
func rehearsalFlags(p *program, flags *flag.FlagSet) *rehearsal {
	r := &rehearsal{program: p}
	o := &r.options
	flags.StringVar(&r.config, "config", "", "the configuration `FILE` of the server")
	flags.StringVar(&o.Issuer, "issuer", "", "the issuer's `URL`")
	flags.StringVar(&r.via, "via", "", "base `URLS` to send requests to in turn, separated by commas, such as those of nodes")
	flags.BoolVar(&o.IOwnThisHost, "i-own-this-host", false, "allow hosts other than this machine and the issuer of --config")
	flags.StringVar(&r.caFile, "ca-file", "", "a `FILE` in PEM with certificates to trust beside the system's")
	flags.StringVar(&o.Client, "client", "", "the client `ID` of the relying party to be")
	flags.StringVar(&r.secretFile, "client-secret-file", "", "the `FILE` with its secret; without one it is a public client")
	flags.StringVar(&o.RedirectURI, "redirect-uri", "", "a redirect `URI` of it; it is never visited")
	flags.StringVar(&o.Scope, "scope", "openid", "the `SCOPE` of its logins")
	flags.StringVar(&o.Room, "room", "", "the `ROOM` of the client")

	flags.IntVar(&o.Visitors, "visitors", loadVisitors, "how many visitors come, as a `NUMBER`")
	o.Arrivals = load.Step
	flags.Var(&o.Arrivals, "arrivals", "how they come, as a `CURVE`: step (evenly), ramp (more and more) or poisson")
	flags.DurationVar(&o.Over, "over", loadOver, "the `TIME` over which they come")
	o.Patience = load.Always(load.Never)
	flags.Var(&o.Patience, "patience", "how long a visitor waits, as a `DIST`")
	o.Stay = load.Always(loadStay)
	flags.Var(&o.Stay, "stay", "how long a visitor stays on the site, as a `DIST`")
	flags.DurationVar(&o.Reading, "reading", loadReading, "the `TIME` for which a visitor looks at \"it is your turn\"")
	flags.Var(&o.NoShow, "no-show", "the `SHARE` that is served and never claims")
	flags.Var(&o.API, "api", "the `SHARE` that uses the public API instead of a browser")
	flags.Var(&o.Refresh, "refresh", "the `SHARE` that uses its refresh token, if --scope brings one")
	flags.Var(&o.Replay, "replay", "the `SHARE` whose code is tried a second time")
	flags.Var(&o.Return, "return", "the `SHARE` that comes again after leaving, with a place that is spent")

	flags.StringVar(&r.management, "management", "", "the `URLS` of management listeners, separated by commas, such as http://127.0.0.1:8081")
	flags.StringVar(&r.tokenFile, "token-file", "", "the `FILE` with a token for it")
	flags.Var(&o.Serve, "serve", "let visitors in at a `RATE`, through the management listener")
	flags.BoolVar(&r.othersServe, "others-serve", false, "with --serve: others may move the serving counter, too")
	flags.Int64Var(&o.Capacity, "capacity", 0, "how many visits may be alive at a time, as a `NUMBER`; 0 is without limit")
	flags.DurationVar(&o.Stale, "stale", loadStale, "how old a counter in an answer may be, as a `TIME`")
	flags.StringVar(&r.tolerate, "tolerate", "", "`INVARIANTS` whose breaches are told but do not fail the run, such as I1,I5")

	flags.IntVar(&o.Connections, "connections", loadConnections, "how many requests may be in flight, as a `NUMBER`")
	flags.DurationVar(&o.Timeout, "timeout", loadTimeout, "the `TIME` after which a request has failed")
	flags.DurationVar(&o.For, "for", loadFor, "the `TIME` after which the rehearsal ends")
	flags.Uint64Var(&o.Seed, "seed", 0, "a `NUMBER` that repeats the choices of another run; 0 is a new one")
	flags.StringVar(&r.json, "json", "", "a `FILE` for the report as JSON")
	flags.StringVar(&r.html, "html", "", "a `FILE` for the report as a page with charts")
	return r
}

// run rehearses and writes the reports.
func (r *rehearsal) run(ctx context.Context) error {
	if err := r.complete(); err != nil {
		return err
	}
	if faults := r.options.Faults(); len(faults) > 0 {
		return usage("load", faults...)
	}
	// The files are made first, so that hours of rehearsal don't end in a path that can't
	// be written to.
	outputs := []output{{write: (*report.Report).Text}}
	for _, o := range []output{{r.json, (*report.Report).JSON}, {r.html, (*report.Report).HTML}} {
		if o.path == "" {
			continue
		}
		if err := os.WriteFile(o.path, nil, 0o600); err != nil {
			return usage("load", err.Error())
		}
		outputs = append(outputs, o)
	}
	found, err := load.Run(ctx, r.options)
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range outputs {
		errs = append(errs, o.tell(found, r.program.stdout))
	}
	if !found.Audit.Passed {
		errs = append(errs, errBreach)
	}
	return errors.Join(errs...)
}

// An output is a form of the report, and the file that it goes to, or "" for standard
// output.
type output struct {
	path  string
	write func(*report.Report, io.Writer) error
}

// tell writes a report.
func (o output) tell(found *report.Report, stdout io.Writer) (err error) {
	if o.path == "" {
		return o.write(found, stdout)
	}
	file, err := os.Create(o.path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(o.write(found, file), file.Close())
}

// complete fills in what the flags refer to: files, and the server's configuration.
func (r *rehearsal) complete() error {
	o := &r.options
	o.Progress, o.Terminal = r.program.stderr, isTerminal(r.program.stderr)
	o.Alone = !r.othersServe
	if o.Seed == 0 {
		o.Seed = rand.Uint64() //nolint:gosec // To be told, and repeated.
	}
	if r.via != "" {
		o.Via = strings.Split(r.via, ",")
	}
	if r.tolerate != "" {
		o.Tolerate = strings.Split(r.tolerate, ",")
	}
	var faults []string
	if r.secretFile != "" {
		secret, err := os.ReadFile(r.secretFile)
		if err != nil {
			faults = append(faults, fmt.Sprintf("read the client secret: %v", err))
		}
		o.Secret = strings.TrimRight(string(secret), "\r\n")
	}
	if r.caFile != "" {
		trusted, err := os.ReadFile(r.caFile)
		if err != nil {
			faults = append(faults, fmt.Sprintf("read the certificates to trust: %v", err))
		} else if o.TLS, err = trustingTLS(trusted, ""); err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", r.caFile, err))
		}
	}
	if r.config != "" {
		settings, err := r.program.load(r.config)
		if err != nil {
			return err
		}
		faults = append(faults, r.know(settings)...)
	}
	if err := r.manage(); err != nil {
		return err
	}
	if len(faults) > 0 {
		return usage("load", faults...)
	}
	return nil
}

// know takes from the server's configuration what no flag says.
func (r *rehearsal) know(settings *config.Config) (faults []string) {
	o := &r.options
	if issuer, err := url.Parse(settings.Issuer); err == nil {
		o.Own = append(o.Own, issuer.Hostname())
	}
	if host, _, err := net.SplitHostPort(settings.Management.Listen); err == nil {
		o.Own = append(o.Own, host)
	}
	if o.Issuer == "" {
		o.Issuer = settings.Issuer
	}
	found := false
	for _, client := range settings.Clients {
		if o.Client == "" && len(settings.Clients) == 1 {
			o.Client = client.ID
		}
		if client.ID != o.Client {
			continue
		}
		found = true
		if o.RedirectURI == "" {
			o.RedirectURI = client.RedirectURIs[0]
		}
		if o.Room == "" {
			o.Room = client.Room
		}
		if o.Secret == "" && !client.Public {
			faults = append(faults, "--client-secret-file is required: the configuration knows a hash of the secret only")
		}
	}
	if !found && o.Client != "" {
		faults = append(faults, fmt.Sprintf("--client %s is not in %s", o.Client, r.config))
	}
	for _, room := range settings.Rooms {
		if room.ID == o.Room && room.Inlet.Kind == config.InletCapacity && o.Capacity == 0 {
			o.Capacity = int64(room.Inlet.Max)
		}
	}
	return faults
}

// manage finds the management listener, if there is need of it and a way to it. The one
// of a configuration is taken only for --serve, as it may be out of reach.
func (r *rehearsal) manage() error {
	switch {
	case r.management != "" || r.tokenFile != "":
		if r.management == "" || r.tokenFile == "" {
			return usage("load", "--management and --token-file belong together")
		}
		for address := range strings.SplitSeq(r.management, ",") {
			c := &connection{program: r.program, command: "load", url: address, tokenFile: r.tokenFile, caFile: r.caFile}
			client, err := c.client()
			if err != nil {
				return err
			}
			r.options.Management = append(r.options.Management, client)
		}
	case r.config != "" && r.options.Serve.N > 0:
		c := &connection{program: r.program, command: "load", config: r.config}
		client, err := c.client()
		if err != nil {
			return err
		}
		r.options.Management = []*admin.Client{client}
	}
	return nil
}

// isTerminal reports whether what is written to w is looked at as it is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
