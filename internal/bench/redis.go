package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A redisServer is a Redis that keeps nothing on disk.
type redisServer struct {
	*process
	client *redis.Client
}

// newRedis starts a Redis on a core.
func (l *lab) newRedis(ctx context.Context, core int) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%w; install redis-server", err)
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := socket.Addr().(*net.TCPAddr)
	if err := socket.Close(); err != nil {
		return nil, err
	}
	const greeting = "Ready to accept connections"
	p, _, err := l.startOn(core, "redis", greeting, nil,
		program, "--bind", "127.0.0.1", "--port", strconv.Itoa(address.Port), "--save", "", "--dir", l.dir)
	if err != nil {
		return nil, err
	}
	p.address = address.String()
	return &redisServer{process: p, client: redis.NewClient(&redis.Options{Addr: p.address, MaxRetries: -1})}, nil
}

func (r *redisServer) stop() error { return errors.Join(r.client.Close(), r.process.stop()) }

// holdings returns how many keys there are, and how many bytes Redis has allocated.
func (r *redisServer) holdings(ctx context.Context) (keys, bytes int64, err error) {
	keys, err = r.client.DBSize(ctx).Result()
	if err != nil {
		return 0, 0, err
	}
	info, err := r.client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, 0, err
	}
	bytes, err = strconv.ParseInt(info["Memory"]["used_memory"], 10, 64)
	return keys, bytes, err
}

// scriptMicros returns how long the scripts took on average since the statistics
// were reset.
func (r *redisServer) scriptMicros(ctx context.Context) (float64, error) {
	info, err := r.client.InfoMap(ctx, "commandstats").Result()
	if err != nil {
		return 0, err
	}
	return parseMicros(info["Commandstats"]["cmdstat_evalsha"])
}

// parseMicros returns usec_per_call of a line of INFO commandstats.
func parseMicros(stats string) (float64, error) {
	for field := range strings.SplitSeq(stats, ",") {
		if value, ok := strings.CutPrefix(field, "usec_per_call="); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no usec_per_call in %q", stats)
}
