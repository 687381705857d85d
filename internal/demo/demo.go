package demo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

const (
	// room is the id of the one room.
	room = "demo"

	// clientID is the name by which the server knows the shop.
	clientID = "shop"

	// The pace: a line of 100 at 5 a second is a wait of 20 s, long enough to watch
	// and short enough to be waited for.
	defaultCrowd     = 100
	defaultPerSecond = 5

	// Making a signing key takes a second, or ten on a small machine.
	readyEvery = 50 * time.Millisecond
	readyLimit = time.Minute

	// gatherLimit bounds how long Run waits for the crowd to stand in line. A machine
	// that needs longer shows a line that still grows.
	gatherLimit = 10 * time.Second

	// stopLimit bounds how long requests in flight may take at the end.
	stopLimit = 5 * time.Second
)

// Options is what [Run] needs.
type Options struct {
	// Port is the port of the server on localhost. If it is taken, Run takes a free
	// one and says so; 0 means any free one.
	Port int

	// Crowd is how many visitors stand in line; 0 means 100.
	Crowd int

	// PerSecond is how many visitors are let in each second; 0 means 5.
	PerSecond int

	// Version is what the server calls itself.
	Version string

	// Logger takes what goes wrong; nil discards it.
	Logger *slog.Logger

	// Stdout gets one line, the shop's URL, once everything is up. Stderr gets what
	// there is to see.
	Stdout, Stderr io.Writer
}

// Run runs the demo until ctx ends, and leaves nothing behind. It returns nil
// unless something went wrong.
func Run(ctx context.Context, o Options) (err error) {
	if o.Crowd == 0 {
		o.Crowd = defaultCrowd
	}
	if o.PerSecond == 0 {
		o.PerSecond = defaultPerSecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			err = nil // To be interrupted is how the demo ends, wherever it is.
		}
	}()
	dir, err := os.MkdirTemp("", "anteroom-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo's data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	// What is deferred last ends first: the crowd leaves, the shop closes, and the
	// server, which nobody calls any more, need not wait for anybody.
	house := &premises{options: o, dir: dir, secret: rand.Text() + rand.Text()}
	defer func() { err = errors.Join(err, house.close(ctx)) }()
	shop, err := newShop(ctx, o.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()

	if err := house.open(ctx, shop.url); err != nil {
		return err
	}
	if err := house.ready(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if err := shop.open(ctx, house.issuer, house.secret); err != nil {
		return err
	}
	crowd := newCrowd(shop.url, o.Crowd, o.Logger)
	stop := crowd.start(ctx)
	defer stop()
	if !crowd.gather(ctx, gatherLimit) {
		return nil // Interrupted before there was anything to see.
	}
	if err := house.welcome(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// premises is the server and what it was made of.
type premises struct {
	options Options
	dir     string // Where the data is.
	shopURL string
	secret  string // The shop's client secret.
	issuer  string

	settings *config.Config
	server   *server.Server // Nil until it could be set up.
}

// open starts the server, for a shop at a URL, on the port wished for or on a free
// one.
func (p *premises) open(ctx context.Context, shopURL string) error {
	p.shopURL = shopURL
	port := p.options.Port
	if port != 0 && taken(ctx, port) {
		port = 0
	}
	// Between the choice of a free port and its use somebody else may take it.
	for range 5 {
		if port == 0 {
			var err error
			if port, err = freePort(ctx); err != nil {
				return err
			}
		}
		err := p.listen(port)
		if errors.Is(err, syscall.EADDRINUSE) {
			port = 0
			continue
		}
		if err != nil {
			return err
		}
		if wished := p.options.Port; wished != 0 && wished != port {
			fmt.Fprintf(p.options.Stderr, "Port %d is taken, so the waiting room is at port %d.\n", wished, port)
		}
		return p.server.Start(ctx)
	}
	return errors.New("find a free port: each was taken in the last moment")
}

// listen makes the server that listens on the given port.
func (p *premises) listen(port int) error {
	p.issuer = "http://" + net.JoinHostPort("localhost", strconv.Itoa(port))
	// The environment is left out: it is meant for the server that somebody runs
	// in earnest.
	settings, err := config.Parse([]byte(p.configuration(port)), p.dir, nil)
	if err != nil {
		return fmt.Errorf("configure the demo: %w", err)
	}
	running, err := server.New(server.Options{Config: settings, Logger: p.options.Logger, Version: p.options.Version})
	if err != nil {
		return fmt.Errorf("set the waiting room up: %w", err)
	}
	p.settings, p.server = settings, running
	return nil
}

// configuration returns the server's configuration file. It is what somebody who
// likes the demo would write for a site of their own.
func (p *premises) configuration(port int) string {
	return fmt.Sprintf(`
issuer: %q
listen: "127.0.0.1:%d"
management: {listen: "127.0.0.1:0", token_file: admin-token}
store: {url: "bolt:anteroom.db"}
secret_file: master-secret
rooms:
  - id: %s
    name: The little shop
    inlet: {kind: periodic, add: %d, every: 1s}
    session_ttl: 10m
clients:
  - id: %s
    room: %s
    secret_sha256: "%x"
    redirect_uris: [%q]
    post_logout_redirect_uris: [%q]
`, p.issuer, port, room, p.options.PerSecond, clientID, room, sha256.Sum256([]byte(p.secret)), p.shopURL+pathCallback, p.shopURL+pathGoodbye)
}

// ready waits until the server can do all that it is there for and the inlet has
// begun, or ctx ends. A new server accepts visitors before it has made its signing
// key, and an inlet that begins lets in at once whom it owes for the seconds
// before: a crowd that came too early would fail to log in, or find no line.
func (p *premises) ready(ctx context.Context) error {
	token, err := admin.LoadToken(p.settings.Management.TokenFile)
	if err != nil {
		return fmt.Errorf("ask the waiting room how it stands: %w", err)
	}
	management := &admin.Client{URL: "http://" + p.server.ManagementAddr().String(), Token: string(token)}
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for tries := readyLimit / readyEvery; tries > 0; tries-- {
		code, err := status(ctx, management.URL+"/readyz")
		if err == nil && code == http.StatusOK {
			stands, err := management.Room(ctx, room)
			if err == nil && stands.Serving > 0 {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
	return fmt.Errorf("the waiting room is not ready after %v", readyLimit)
}

// status returns the status with which a URL answers.
func status(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	client := http.Client{Timeout: callTimeout}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// close stops the server. That it has to cut off what takes too long is no
// error: at the end of a demo nothing is lost by it.
func (p *premises) close(ctx context.Context) error {
	if p.server == nil {
		return nil // It never was.
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := p.server.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop the waiting room: %w", err)
	}
	return nil
}

// welcome says what there is to see, and prints the shop's URL last, where the
// eye falls on it.
func (p *premises) welcome() error {
	o := p.options
	management := fmt.Sprintf("--url http://%s --token-file %s", p.server.ManagementAddr(), p.settings.Management.TokenFile)
	fmt.Fprintf(o.Stderr, `
A shop is open on this machine, and %[1]d visitors stand in line before it, of whom
%[2]d are let in each second. Come to the shop with a browser: you are in after
about %[3]d seconds, logged in through OpenID Connect. A private window is another
visitor. The waiting room is %[4]s.

While you wait, be the doorkeeper:

  anteroom room show %[5]s %[6]s
  anteroom room serve %[5]s 50 %[6]s

Ctrl-C ends the demo and removes its data. This is the shop:

`, o.Crowd, o.PerSecond, o.Crowd/o.PerSecond, p.issuer, room, management)
	if _, err := fmt.Fprintln(o.Stdout, p.shopURL+"/"); err != nil {
		return fmt.Errorf("print the shop's URL: %w", err)
	}
	return nil
}
