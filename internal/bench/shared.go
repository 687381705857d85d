package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// sharedBound is how much dearer a join may be with Redis than with the embedded
// store.
const sharedBound = 1.3

// redisPatience is how long a Redis may take to listen.
const redisPatience = 5 * time.Second

// measureShared measures the joining of a line that nodes share against that of
// one in the embedded store. Redis runs beside the generator, on its core, and its
// own CPU isn't counted.
func measureShared(ctx context.Context, l *lab) (_ []line, err error) {
	address, stop, err := l.newRedis(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	embedded, err := l.newServer("embedded", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, embedded.stop()) }()
	configuration, err := l.sharedSite(address)
	if err != nil {
		return nil, err
	}
	shared, err := l.start("shared", nil, l.binary, "serve", "--config", configuration)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shared.stop()) }()
	c, err := l.alternate(ctx, shared, embedded, joinRequest())
	if err != nil {
		return nil, err
	}
	cpu := c.cpuLine("join with Redis", sharedBound)
	throughput := c.throughputLine("join with Redis", 0)
	throughput.bound, throughput.verdict = "", noted
	return []line{cpu.against("embedded"), throughput.against("embedded")}, nil
}

// newRedis starts a Redis that keeps nothing, and returns its address and what
// ends it.
func (l *lab) newRedis(ctx context.Context) (address string, stop func() error, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", nil, fmt.Errorf("join with Redis: %w; install redis-server", err)
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = socket.Addr().String()
	port := socket.Addr().(*net.TCPAddr).Port
	if err := socket.Close(); err != nil {
		return "", nil, err
	}
	redis := exec.Command(program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--dir", l.dir) //nolint:gosec,noctx // stop ends it.
	redis.SysProcAttr = dieWithParent()
	if err := redis.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		if err := redis.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		return redis.Wait()
	}
	for end := time.Now().Add(redisPatience); ; time.Sleep(10 * time.Millisecond) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return address, stop, c.Close()
		}
		if time.Now().After(end) {
			return "", nil, errors.Join(fmt.Errorf("redis-server doesn't listen: %w", err), stop())
		}
	}
}

// sharedSite makes the configuration of a server with a store in Redis.
func (l *lab) sharedSite(address string) (configuration string, err error) {
	configuration, _, err = l.site()
	if err != nil {
		return "", err
	}
	secret := filepath.Join(filepath.Dir(configuration), "secret")
	if err := os.WriteFile(secret, []byte("a-secret-of-a-benchmark-and-nothing-else"), 0o600); err != nil {
		return "", err
	}
	text := fmt.Sprintf(`issuer: https://%s
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0"}
store: {url: "redis://%s"}
secret_file: %s
rooms: [{id: %s, name: Spring sale}]
`, host, address, secret, room)
	return configuration, os.WriteFile(configuration, []byte(text), 0o600)
}
