package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

const (
	// serverCore and loadCore are where the two sides run.
	serverCore = 0
	loadCore   = 1

	serverPackage = "github.com/anteroom-dev/anteroom/cmd/anteroom"

	// room is the room that all measures use, client its relying party, and
	// host the name under which the server is asked.
	room        = "sale"
	client      = "shop"
	host        = "wait.example.com"
	redirectURI = "https://shop.example.com/oauth2/callback"
)

// A lab is the place where measures are taken: a directory, the server's binary
// and the processes that run.
type lab struct {
	dir      string
	binary   string
	self     string // This program, for its child modes.
	runs     int
	profiles string // Directory for CPU profiles, or "".

	running map[*process]bool
	made    int // Counts what needs a name of its own.
}

// newLab builds the server and moves this process to its core.
func newLab(ctx context.Context, runs int, profiles string) (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "anteroom-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{
		dir: dir, binary: filepath.Join(dir, "anteroom"), self: self, runs: runs, profiles: profiles,
		running: make(map[*process]bool),
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", l.binary, serverPackage) //nolint:gosec // Constants and a path of ours.
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("build the server: %w", err), l.close())
	}
	if err := pinProcess(loadCore); err != nil {
		return nil, errors.Join(fmt.Errorf("move to core %d: %w", loadCore, err), l.close())
	}
	runtime.GOMAXPROCS(1)
	return l, nil
}

// measure takes the measures one after the other and says so on progress. With an
// error it returns what was measured before.
func (l *lab) measure(ctx context.Context, chosen []measure, progress io.Writer) ([]line, error) {
	var lines []line
	for _, m := range chosen {
		start := time.Now()
		more, err := m.run(ctx, l)
		if err != nil {
			return lines, fmt.Errorf("measure %s: %w", m.name, err)
		}
		fmt.Fprintf(progress, "measured %s in %.0f s\n", m.name, time.Since(start).Seconds())
		lines = append(lines, more...)
	}
	return lines, nil
}

// close ends what still runs and removes the directory.
func (l *lab) close() error {
	var errs []error
	for p := range l.running {
		errs = append(errs, p.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// site makes a directory with the configuration of a server with a store of its
// own, and returns the paths of both.
func (l *lab) site() (configuration, store string, err error) {
	dir, err := l.siteDir()
	if err != nil {
		return "", "", err
	}
	store = filepath.Join(dir, "anteroom.db")
	configuration, err = configure(dir, "bolt:"+store, "")
	return configuration, store, err
}

// sharedSite makes the configuration of a server that shares its store, and
// therefore its master secret, with others.
func (l *lab) sharedSite(redis *redisServer) (configuration string, err error) {
	dir, err := l.siteDir()
	if err != nil {
		return "", err
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("a-secret-of-a-benchmark-and-nothing-else"), 0o600); err != nil {
		return "", err
	}
	return configure(dir, "redis://"+redis.address, "secret_file: "+secret)
}

func (l *lab) siteDir() (string, error) {
	l.made++
	dir := filepath.Join(l.dir, fmt.Sprintf("site-%d", l.made))
	return dir, os.Mkdir(dir, 0o700)
}

// configure writes the configuration of a server into a directory.
func configure(dir, store, more string) (path string, err error) {
	path = filepath.Join(dir, "anteroom.yaml")
	text := fmt.Sprintf(`issuer: https://%s
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0"}
store: {url: %q}
%s
rooms: [{id: %s, name: Spring sale}, {id: %s, inlet: {kind: open}}]
clients:
  - {id: %s, room: %s, public: true, redirect_uris: [%q]}
  - {id: %s, room: %s, public: true, redirect_uris: [%q]}
`, host, store, more, room, walkRoom, client, room, redirectURI, walker, walkRoom, redirectURI)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// newNode starts a server that shares its store.
func (l *lab) newNode(redis *redisServer) (*process, error) {
	configuration, err := l.sharedSite(redis)
	if err != nil {
		return nil, err
	}
	return l.serve("node", configuration, 0)
}

// newServer starts the server on a new site. A delay, with which each commit
// waits, or profiles need the server within this program.
func (l *lab) newServer(name string, delay time.Duration) (*process, error) {
	configuration, _, err := l.site()
	if err != nil {
		return nil, err
	}
	return l.serve(name, configuration, delay)
}

func (l *lab) serve(name, configuration string, delay time.Duration) (*process, error) {
	if delay == 0 && l.profiles == "" {
		return l.start(name, nil, l.binary, "serve", "--config", configuration)
	}
	order := serverOrder{Config: configuration, Delay: delay}
	if l.profiles != "" {
		order.Profile = filepath.Join(l.profiles, fmt.Sprintf("%s-%d.pprof", name, l.made))
	}
	return l.start(name, order, l.self, childServer)
}

// newBare starts a bare handler that answers as the server did.
func (l *lab) newBare(a answer) (*process, error) {
	return l.start("bare", a, l.self, childBare)
}
