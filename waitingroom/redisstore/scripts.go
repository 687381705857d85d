package redisstore

import (
	"embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

//go:embed lua
var lua embed.FS

// scripts are the texts of the verbs. go-redis sends the hash of one, and the
// text only to a server that doesn't know it.
type scripts struct {
	counters, settle, advance, serve, reset, configure, lease, sweep *redis.Script
	claim, lookup, extend, end, takeCode, rotate, revoke             *redis.Script
	keep, kept, swap, remember, newcomers, may                       *redis.Script
}

func loadScripts() (_ *scripts, err error) {
	var s scripts
	text := func(name string) string {
		b, readErr := lua.ReadFile("lua/" + name + ".lua")
		err = errors.Join(err, readErr)
		return string(b)
	}
	room, vault := constants()+text("room"), text("vault")
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
		{&s.newcomers, "newcomers", ""},
		{&s.may, "may", ""},
	} {
		*verb.script = redis.NewScript(verb.before + text(verb.name))
	}
	if err != nil {
		return nil, fmt.Errorf("embedded scripts: %w", err)
	}
	return &s, nil
}

// constants are the numbers that Go and the scripts have in common, in the words of
// the scripts; times are in milliseconds.
func constants() string {
	return fmt.Sprintf("local EXPIRY_GRACE, ROTATE_GRACE, MAX_GRANTS, MAX_ROUNDS, MAX_POSITION, MEMBER_LIFE = %d, %d, %d, %d, %d, %d\n",
		waitingroom.ExpiryGrace.Milliseconds(), waitingroom.RotateGrace.Milliseconds(),
		waitingroom.MaxGrants, waitingroom.MaxRounds, int64(waitingroom.MaxPosition), memberLife.Milliseconds())
}
