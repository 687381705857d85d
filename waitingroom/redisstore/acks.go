package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// errAcks says that fewer replicas than asked for have taken a change in time. It
// may have its effect or be lost with the master, so it counts as unknown.
var errAcks = errors.New("fewer replicas than store.acks demands confirmed")

// redirects is how often a script follows a slot to another master.
const redirects = 3

// eval runs a verb's script. If replicas have to confirm a change, it waits for
// them on the same connection: WAIT is about the writes of its own.
func (s *Store) eval(ctx context.Context, v verb, keys []string, argv []any) (value any, err error) {
	_, clustered := s.client.(*redis.ClusterClient)
	for try := 1; ; try++ {
		if s.acks == 0 || v.kind == reads {
			value, err = v.script.Run(ctx, s.client, keys, argv...).Result()
		} else {
			value, err = s.confirmed(ctx, v.script, keys, argv)
		}
		if err == nil || !clustered {
			return value, err
		}
		s.lookForMasters(ctx)
		if !moved(err) || try == redirects {
			return value, err
		}
	}
}

// lookForMasters looks at a cluster again after an error. The library does so only
// when a server tells it to, and one that is dead doesn't.
func (s *Store) lookForMasters(ctx context.Context) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
}

// master returns the client of the server that has a key.
func (s *Store) master(ctx context.Context, key string) (redis.UniversalClient, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return s.client, nil
}

func moved(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED ") || redis.HasErrorPrefix(err, "READONLY ")
}

// confirmed runs a script and WAIT in one pipeline, which has one connection.
func (s *Store) confirmed(ctx context.Context, script *redis.Script, keys []string, argv []any) (any, error) {
	client, err := s.master(ctx, keys[0])
	if err != nil {
		return nil, err
	}
	run := script.EvalSha
	for {
		pipe := client.Pipeline()
		reply := run(ctx, pipe, keys, argv...)
		acks := pipe.Do(ctx, "WAIT", s.acks, callTimeout.Milliseconds()/2)
		_, _ = pipe.Exec(ctx) // Each command has its own error.
		value, err := reply.Result()
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			run = script.Eval
			continue
		}
		if err != nil {
			return nil, err
		}
		n, err := acks.Int()
		if err != nil {
			return nil, err
		}
		if n < s.acks {
			return nil, fmt.Errorf("%w: %d of %d", errAcks, n, s.acks)
		}
		return value, nil
	}
}
