package main

import (
	"context"
	"errors"
	"time"
)

// A fleet is the servers that take the requests of a run, each as many as any
// other.
type fleet struct {
	nodes   []*process
	redis   *redisServer // Which they share, or nil.
	request string
}

// one is a fleet of one server with a store of its own.
func one(server *process, request string) fleet {
	return fleet{nodes: []*process{server}, request: request}
}

// newFleet starts a Redis on a core, and servers that share it.
func (l *lab) newFleet(ctx context.Context, redisCore, size int) (f fleet, err error) {
	if f.redis, err = l.newRedis(ctx, redisCore); err != nil {
		return fleet{}, err
	}
	for range size {
		node, err := l.newNode(f.redis)
		if err != nil {
			return fleet{}, errors.Join(err, f.stop())
		}
		f.nodes = append(f.nodes, node)
	}
	return f, nil
}

// stop ends the servers, and then their Redis.
func (f fleet) stop() error {
	var errs []error
	for _, node := range f.nodes {
		errs = append(errs, node.stop())
	}
	return errors.Join(append(errs, f.redis.stop())...)
}

// first is the first n servers alone, and asked for something.
func (f fleet) first(n int, request string) fleet {
	return fleet{nodes: f.nodes[:n], redis: f.redis, request: request}
}

// addresses returns where the servers are asked.
func (f fleet) addresses() []string {
	var all []string
	for _, node := range f.nodes {
		all = append(all, node.address)
	}
	return all
}

// usage is the CPU time that all servers of a fleet together have used, and that
// of their Redis.
type usage struct{ servers, redis time.Duration }

// cpu returns what the fleet has used so far.
func (f fleet) cpu() (u usage, err error) {
	for _, node := range f.nodes {
		used, err := node.cpu()
		if err != nil {
			return usage{}, err
		}
		u.servers += used
	}
	if f.redis != nil {
		u.redis, err = f.redis.cpu()
	}
	return u, err
}

// since returns what each of n requests cost since an earlier usage.
func (u usage) since(earlier usage, n int) cost {
	return cost{cpu: (u.servers - earlier.servers) / time.Duration(n), redis: (u.redis - earlier.redis) / time.Duration(n)}
}
