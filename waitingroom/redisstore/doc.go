// Package redisstore keeps the state of all rooms in Redis, Valkey or a Redis
// Cluster, so that any number of nodes serve one line.
//
// # One script per verb
//
// Each verb of [waitingroom.Store] is one Lua script in the folder lua, which
// Redis runs as one atomic step. What they share, the record of a room and the
// arithmetic on it, is lua/room.lua, which stands before the text of each. All
// keys of a room have its name as their hash tag, so that a cluster keeps them
// on one shard; room.lua lists them. The scripts do what the package ledger does
// for the stores of one process, and storetest.Random compares the two step by
// step.
//
// # Time
//
// Time is Redis's own (TIME, read in the script), made monotone: by what the
// record has seen, and by the latest that this store was told, which it sends
// along. A node's clock counts for nothing.
//
// # Names and generations
//
// The names of a room's keys hold its generation. A script must be told the
// names before it runs, and the store remembers the generation of each room; if
// it has changed, the script says so, and is called again with the right names.
//
// # Failures
//
// A script whose reply was lost may have had its effect, so every verb can be
// repeated. The client library does that for a cluster, when it loses a connection on
// the way to a slot's master, and else never. Whatever goes wrong becomes
// [waitingroom.ErrUnavailable], and the engine repeats verbs that are made for
// it.
package redisstore
