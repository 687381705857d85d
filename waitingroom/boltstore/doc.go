// Package boltstore is the embedded store: all rooms in one file, through
// go.etcd.io/bbolt, for an installation of one process. It needs no server and
// survives a crash of process and machine.
//
// # Writing
//
// One goroutine commits, one batch after the other, without a timer: it lets all
// who are ready to run go first, takes all verbs that are queued then, runs them
// in one transaction, commits with one fsync, and replies to all. Meanwhile the
// next batch gathers, so batches grow with the load and a lonely verb waits for
// nobody. Each verb runs on a copy of
// its room's record, which is published after the commit; nothing uncommitted
// is ever seen. A batch that changed nothing is not committed.
//
// # Joining
//
// A join waits for no disk. Positions are dealt from memory below a ceiling
// that is on disk; the committer raises it by about one second of joins when
// half of the last block is used. After a crash dealing resumes at the
// ceiling, which leaves a hole of at most one block in the line; a clean stop
// leaves none. The room's record learns of arrivals with the room's next batch,
// at the latest with the next sweep.
//
// # Reading
//
// Counters come from memory. A lookup is a short read transaction.
//
// # Failing
//
// When a commit fails, all who wait for it get [waitingroom.ErrUnavailable]:
// the effect is unknown. The store then refuses writes, opens the file afresh,
// checks it, tries to write a megabyte, and goes on by itself once that works.
// Joins go on meanwhile below the ceiling. A position that was dealt is not dealt
// again.
//
// # The file
//
//	meta            format → version; probe while a store comes back
//	vault           name → expiry (ms, 8 bytes, 0 for ever), value
//	vault-expiry    expiry, name
//	rooms/ROOM      record → JSON
//	                ceiling → generation, ceiling (8 bytes each)
//	                lives/N/rows   the ledger's rows
//	                lives/N/due    time (ms, 8 bytes), key
//
// All numbers are big endian. A reset starts the next life N; sweeps delete the
// rows of earlier ones in slices. Whoever has the file can end sessions and
// move the line, but can't forge a ticket, a proof or a code; losing it loses
// the sessions and the counters. It is opened by one process at a time.
package boltstore
