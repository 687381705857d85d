package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/keys"
	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/static"
	"github.com/anteroom-dev/anteroom/templates"
	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// labelKeys derives the keys that wrap signing keys in the store.
const labelKeys = "anteroom/keys/v1"

// stopTimeout bounds a graceful stop.
const stopTimeout = 9 * time.Second

// Options is what [New] needs.
type Options struct {
	// Config is a configuration as [config.Load] returns it. Required.
	Config *config.Config
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger
	// Version is shown in metrics.
	Version string
	// Now is the store's clock; nil stands for [time.Now].
	Now func() time.Time
	// AroundCommit is for benchmarks, which slow the embedded store's disk down;
	// see [boltstore.Options] InjectAroundCommit. Nil commits without a detour.
	AroundCommit func(commit func() error) error
	// AroundStore is for tests, which break a store on purpose to see whether that is
	// noticed. Nil leaves it as it is.
	AroundStore func(waitingroom.Store) waitingroom.Store
}

// Server is a running server, from [New] to [Server.Stop].
type Server struct {
	config *config.Config
	log    *slog.Logger
	store  waitingroom.Store
	engine *waitingroom.Engine
	ring   *keys.Ring
	// agreement is with the other nodes; nil if the store is this node's alone.
	agreement *agreement

	// running ends when the work in the background shall, which Stop waits for.
	running    context.Context
	background sync.WaitGroup

	public, management             *http.Server
	publicSocket, managementSocket net.Listener
	departure                      departure

	// cleanups undo what New and Start did, last first.
	cleanups []cleanup
	stop     sync.Once
	stopped  error
}

type cleanup struct {
	name string
	undo func(context.Context) error
}

// New opens the store, builds all handlers and binds both listeners, so that
// connections queue until [Server.Start]. On an error nothing stays open.
func New(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{config: o.Config, log: o.Logger}
	if err := s.setup(o); err != nil {
		return nil, errors.Join(err, s.Stop(context.Background()))
	}
	return s, nil
}

func (s *Server) setup(o Options) error {
	c := s.config
	secrets, err := masterSecrets(c, s.log)
	if err != nil {
		return err
	}
	operators, err := newOperators(c, s.log)
	if err != nil {
		return err
	}
	if s.store, err = openStore(o); err != nil {
		return err
	}
	if o.AroundStore != nil {
		s.store = o.AroundStore(s.store)
	}
	s.atStop("close the store", func(context.Context) error { return s.store.Close() })
	s.keepRunning()
	s.every(lookEvery, func(context.Context) { operators.reload() })
	if s.engine, err = waitingroom.New(waitingroom.Options{
		Store: s.store, Secrets: secrets, Rooms: rooms(c), Logger: s.log,
	}); err != nil {
		return err
	}
	if _, shared := s.store.(waitingroom.Shared); shared {
		s.agreement = &agreement{
			vault: s.store, fit: s.engine.Fit, log: s.log, own: newFingerprints(c, secrets.Derive(labelAgreement, 32)[0]),
		}
	}
	s.ring, err = keys.New(keys.Options{
		Vault: keyVault{s.engine.Vault()}, WrappingKeys: secrets.Derive(labelKeys, 32), Purpose: "oidc",
		Algorithms: algorithms(c), RotateEvery: c.Keys.RotateEvery, Now: o.Now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	web, err := s.build(secrets)
	if err != nil {
		return err
	}
	if web.certificates, err = s.certificates(); err != nil {
		return err
	}
	s.public = s.httpServer(web.public())
	if s.shared() {
		s.public.Handler = s.departure.around(s.public.Handler)
	}
	s.management = s.httpServer(web.management(operators.tokens, o.Version))
	s.secure(web.certificates)
	if s.publicSocket, err = s.listen("public", c.Listen); err != nil {
		return err
	}
	s.managementSocket, err = s.listen("management", c.Management.Listen)
	return err
}

// build makes the provider and the waiting page and introduces them.
func (s *Server) build(secrets *waitingroom.Secrets) (*web, error) {
	issuer, err := url.Parse(s.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	base := issuer.EscapedPath()
	assets, err := static.New(base)
	if err != nil {
		return nil, err
	}
	rendered, err := templates.New(templates.Options{Static: assets, Logger: s.log})
	if err != nil {
		return nil, err
	}
	cookies := wait.Cookies{Secure: issuer.Scheme == "https"}
	peers := proxies(s.config.TrustedProxies)
	logins := &logins{}
	page := wait.New(wait.Options{
		Engine: s.engine, Logins: logins, Pages: rendered, Cookies: cookies,
		Origin: issuer.Scheme + "://" + issuer.Host, Path: base + "/wait", Client: peers.client, Logger: s.log,
	})
	shown := &pages{templates: rendered, log: s.log}
	provider, err := oidc.New(oidc.Options{
		Issuer: s.config.Issuer, Clients: clients(s.config), Keys: patientKeys{s.ring}, Pages: shown, Secrets: secrets, Logger: s.log,
		Queue: &line{engine: s.engine, vault: s.engine.Vault(), page: page, cookies: cookies, clients: byID(s.config.Clients)},
	})
	if err != nil {
		return nil, err
	}
	logins.provider = provider
	return &web{
		config: s.config, base: base, engine: s.engine, ring: s.ring, provider: provider,
		page: page, pages: shown, assets: assets, client: peers.client, log: s.log,
	}, nil
}

func (s *Server) httpServer(handler http.Handler) *http.Server {
	side := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)} //nolint:gosec // Bound sets the timeouts.
	Bound(side)
	return side
}

// Bound sets the limits of a server whose clients nobody has chosen: how long
// they may take, and how much they may say before they are listened to. Each
// deadline costs a fraction of a microsecond a request, so there are no more than
// needed: the one for reading counts from the first byte of the headers to the
// last of the body. The one for writing ends connections of those who send
// requests and read no answer.
func Bound(s *http.Server) {
	s.ReadTimeout = 20 * time.Second
	s.WriteTimeout = 20 * time.Second
	s.IdleTimeout = 90 * time.Second
	s.MaxHeaderBytes = 64 << 10 // An authorization request of 16 KiB and 34 cookies fit.
}

// Calm makes garbage collections of this process rarer, unless GOGC says
// otherwise. A request leaves some 5 KB behind, and as little is alive, the
// usual setting would collect hundreds of times a second under load. It costs
// up to some 35 MB of memory. A main function calls it once.
func Calm() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
	}
}

func (s *Server) listen(name, address string) (net.Listener, error) {
	socket, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the %s side: %w", name, err)
	}
	s.atStop("close the "+name+" socket", func(context.Context) error {
		if err := socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return socket, nil
}

// keepRunning opens the time for work in the background. What it does is over before
// the store is closed, unless that takes longer than Stop may.
func (s *Server) keepRunning() {
	running, cancel := context.WithCancel(context.Background())
	s.running = running
	s.atStop("end the work in the background", func(ctx context.Context) error {
		cancel()
		over := make(chan struct{})
		go func() {
			s.background.Wait()
			close(over)
		}()
		select {
		case <-over:
		case <-ctx.Done():
			s.log.WarnContext(ctx, "the work in the background has not ended, and is left behind")
		}
		return nil
	})
}

// every does work in the background, from time to time until the server stops.
func (s *Server) every(period time.Duration, work func(context.Context)) {
	s.background.Go(func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-s.running.Done():
				return
			case <-ticker.C:
				work(s.running)
			}
		}
	})
}

func (s *Server) atStop(name string, undo func(context.Context) error) {
	s.cleanups = append(s.cleanups, cleanup{name, undo})
}

// Start checks the store's secret, runs the rooms and serves both listeners.
// It returns as soon as both accept connections; keys are made meanwhile if
// there are none yet. After an error the caller calls [Server.Stop].
func (s *Server) Start(ctx context.Context) error {
	var known *floors
	if dir := s.config.StateDir; dir != "" {
		known = &floors{path: filepath.Join(dir, "floors.json"), engine: s.engine, log: s.log}
		if err := known.usable(); err != nil {
			return err
		}
		if err := s.engine.Verify(ctx); err != nil {
			return err
		}
		if err := known.restore(ctx); err != nil {
			return err
		}
	}
	if err := s.engine.Start(ctx); err != nil {
		return err
	}
	s.atStop("stop the rooms", func(context.Context) error {
		s.engine.Stop()
		return nil
	})
	if known != nil {
		s.every(floorsEvery, known.keep)
	}
	if s.agreement != nil {
		if err := s.agreement.announce(ctx); err != nil {
			return fmt.Errorf("compare the configuration with other nodes': %w", err)
		}
		s.every(agreementEvery, s.agreement.look)
	}
	s.ring.Start(s.running)
	s.background.Go(func() { <-s.ring.Stopped() })
	s.background.Go(func() { s.paceEntries(s.running) })
	for _, side := range []struct {
		name   string
		server *http.Server
		socket net.Listener
	}{{"management", s.management, s.managementSocket}, {"public", s.public, s.publicSocket}} {
		s.atStop("stop serving the "+side.name+" side", side.server.Shutdown)
		s.background.Go(func() {
			if err := serve(side.server, side.socket); !errors.Is(err, http.ErrServerClosed) && !s.departure.begun.Load() {
				s.log.ErrorContext(s.running, "a listener failed; restart the server", "side", side.name, "error", err)
			}
		})
	}
	if s.shared() {
		s.atStop("leave visitors to other nodes", func(ctx context.Context) error {
			s.departure.begin(ctx, s.publicSocket)
			return nil
		})
	}
	return nil
}

// shared reports whether other nodes serve the same rooms, so that visitors have
// somewhere to go.
func (s *Server) shared() bool {
	_, shared := s.store.(waitingroom.Shared)
	return shared
}

// paceEntries measures how fast this node signs, and lets in at most half as
// many visitors a second, so that tokens never have to wait for each other.
func (s *Server) paceEntries(ctx context.Context) {
	if err := s.ring.Wait(ctx); err != nil {
		if ctx.Err() == nil {
			s.log.ErrorContext(ctx, "no signing key: nobody can log in", "error", err)
		}
		return
	}
	const signatures = 8
	start := time.Now()
	for range signatures {
		if _, err := s.ring.Sign(ctx, jose.RS256, "JWT", []byte("{}")); err != nil {
			return
		}
	}
	each := time.Since(start).Seconds() / signatures
	s.engine.PaceEntries(float64(runtime.GOMAXPROCS(0)) / each / 2)
}

// Stop ends the server: no new connections, requests in flight finish, the work in
// the background ends, the store is closed. It takes at most nine seconds, or until ctx ends. Only the
// first call has an effect.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		var errs []error
		for _, c := range slices.Backward(s.cleanups) {
			if err := c.undo(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
			}
		}
		s.stopped = errors.Join(errs...)
	})
	return s.stopped
}

// PublicAddr returns the address of the public listener.
func (s *Server) PublicAddr() net.Addr { return s.publicSocket.Addr() }

// ManagementAddr returns the address of the management listener.
func (s *Server) ManagementAddr() net.Addr { return s.managementSocket.Addr() }
