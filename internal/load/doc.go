// Package load rehearses a crowd: it sends visitors to a running Anteroom as the
// real ones will come, measures what they meet, and has an audit judge whether the
// line was right.
//
// # Visitors
//
// A browser visitor is a browser and its relying party in one. It starts a login at
// /authorize, keeps cookies, loads the waiting page once, polls /wait/status at
// the pace that the server asks for, backs off with jitter after errors, loads the page again
// when it is its turn, redeems the code at /token, asks /userinfo for as long
// as it stays, and logs out. An API visitor takes a place at
// /public/assign_queue_num and watches /public/serving_num until it is served.
//
// Some visitors run out of patience, some never claim their turn, some try their
// code twice, some come back after they have left: see [Options].
//
// # How it works
//
// A waiting visitor is a [visitor], about a kilobyte, and an entry in the [agenda],
// a heap by time. Workers, as many as there may be requests in flight, take what is
// due, do one step of it, and put the visitor back. So a hundred thousand visitors are no
// hundred thousand goroutines. A request that had to wait for a worker counts from
// when it was due: otherwise a server that stands still would be asked less and
// look good (coordinated omission).
//
// Each visitor is with one worker at a time, so neither it nor its [audit.Place] has a
// lock. What visitors share, the [meter], the [witness] and the [tally], have one
// each, of which none is held while another is taken.
//
// # Whom it may meet
//
// A load generator is a weapon. It talks to loopback and to hosts that
// [Options.Own] names, from a server's own configuration, and to no other unless
// [Options.IOwnThisHost] is set. It follows no redirect away from the issuer, and
// stops by itself.
package load
