package redisstore

import (
	"embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

//go:embed lua
var lua embed.FS

// scripts are the texts of the verbs. go-redis sends the hash of one, and the
// text only to a server that doesn't know it.
type scripts struct {
	counters, settle, advance, serve, reset, configure, lease, sweep *redis.Script
	claim, lookup, extend, end, takeCode, rotate, revoke             *redis.Script
	keep, kept, swap, remember                                       *redis.Script
}

func loadScripts() (_ *scripts, err error) {
	var s scripts
	text := func(name string) string {
		b, readErr := lua.ReadFile("lua/" + name + ".lua")
		err = errors.Join(err, readErr)
		return string(b)
	}
	room, vault := text("room"), text("vault")
	for _, verb := range []struct {
		script **redis.Script
		name   string
		before string
	}{
		{&s.counters, "counters", room},
		{&s.settle, "settle", room},
		{&s.advance, "advance", room},
		{&s.serve, "serve", room},
		{&s.reset, "reset", room},
		{&s.configure, "configure", room},
		{&s.lease, "lease", room},
		{&s.sweep, "sweep", room},
		{&s.claim, "claim", room},
		{&s.lookup, "lookup", room},
		{&s.extend, "extend", room},
		{&s.end, "end", room},
		{&s.takeCode, "takecode", room},
		{&s.rotate, "rotate", room},
		{&s.revoke, "revoke", room},
		{&s.keep, "keep", vault},
		{&s.kept, "kept", vault},
		{&s.swap, "swap", vault},
		{&s.remember, "remember", ""},
	} {
		*verb.script = redis.NewScript(verb.before + text(verb.name))
	}
	if err != nil {
		return nil, fmt.Errorf("embedded scripts: %w", err)
	}
	return &s, nil
}
