// Package ledger is the arithmetic of one room: what each verb of a
// [waitingroom.Store] does to the room's state, as pure code over a small
// record, a log and rows, without clock, lock or disk.
//
// The memory store and the embedded store both run it, each inside its own
// atomic step. A store that computes elsewhere (Redis, in Lua) does not, and is
// compared with it.
//
// # State
//
// The [Record] holds the counters. The frontier is min(serving, dealt), the
// highest position that can be claimed. The log has one [Rise] for each rise of
// the frontier, whether by serving or by arrivals under a counter that runs
// ahead; a position's claim window starts at the rise that covers it and is
// open for the room's PositionTTL, inclusive. Rises within one bucket of
// max(1 s, ttl/1000) share one entry, which takes the later time, so that
// merging can only lengthen a window. One bit per position says that it is
// accounted for: claimed. Bits at or below the last expired position are
// dropped, so
//
//	unclaimed = (frontier − expired) − bits set in (expired, frontier]
//
// Rows hold sessions and codes, keyed by the whole request ID or the code's
// hash, never by position: a position dealt twice by a store that was split is
// still two people. A session's row outlives the session until its position's
// window has closed, because it is what tells a spent place from a fresh one.
// Where places never expire, the bit tells it, and the row goes.
package ledger
