// Package waitingroom is the engine of a virtual waiting room: it deals places
// in a line, says whose turn has come, and keeps those who took it up.
//
// # The model
//
// A [Room] is one line in front of one site. Joining deals a position, 1, 2,
// 3 … in order of arrival, and gives the visitor a [RequestID]: the record of the
// place itself, enciphered. The server keeps nothing of a waiting visitor, so a
// crowd costs it nothing. The serving counter says up to which position people
// may enter; an [Inlet] or an operator moves it. Being served is one
// comparison. A served visitor takes the turn up by a claim, which creates a
// [Session]; from then on there is state, because the visitor is on the site.
// Relying parties log in within a session, each by a [Code] that becomes a
// [Grant]. A place is good for one session.
//
// A visitor whose turn comes when the relying party has given its side of the
// login up is sent to start that afresh; meanwhile a [Reservation] keeps the
// turn, and the first code begins the visit.
//
// The [Engine] runs the rooms of one node. It joins visitors (all joins that
// arrive while a store call is under way share the next one), answers polls from
// a snapshot of the counters that is at most 250 ms old, estimates waits, and
// moves periodic inlets. The [Store] holds what must outlive the node; each of
// its verbs is one atomic, idempotent step of the domain, and time is the
// store's.
//
//	engine, err := waitingroom.New(waitingroom.Options{Store: store, Secrets: secrets, Rooms: rooms})
//	err = engine.Start(ctx)
//	room, err := engine.Room("sale")
//	ticket, err := room.Join(ctx, waitingroom.Join{Lane: waitingroom.LaneAPI})
//	standing, err := room.Standing(ctx, ticket)
//	session, err := room.Claim(ctx, waitingroom.Claim{Ticket: ticket})
//
// # Who may come in by which door
//
// A request ID is public: it is the sub of every token. Its [Lane] is part of
// the enciphered block, and each door takes its own lane only. Browsers prove
// their place by a MAC ([Proofs]) beside the ID; the JSON API uses the ID as a
// bearer value. A place belongs to a generation of its room: a reset starts the
// next one, under other keys, and ends the line, the sessions and the codes of
// the one before.
//
// # Invariants
//
//   - I1: No two visitors of a room's generation hold the same position.
//   - I2: A visitor's position never changes.
//   - I3: Nobody above the serving counter gets a session or a code.
//   - I4: A code is redeemed at most once, by the client and with the binding
//     it was made for, within its life; a second use ends its grant.
//   - I5: A restart or a crash of the node loses no place, and forgets no
//     acknowledged session that the store's durability covers.
//   - I9: A place is good for one session. When it has ended, the place is
//     spent until the next generation.
//
// # What a crash costs
//
// The embedded store makes claims, codes and moves of the counter durable
// before it acknowledges them. Positions it deals from memory, below a ceiling
// that is durable ahead of them, so that joining waits for no disk. After a
// crash it goes on at the ceiling: no position is dealt twice, and a hole of at
// most one block (about one second of joins, 64 to 65,536) is left, whose
// positions nobody holds. A clean stop leaves none. The memory store forgets
// everything, but tickets stay valid: a ticket above the last position dealt is
// evidence of what was dealt, and the store is told ([Line.Settle]).
//
// # What losing the store costs
//
// A shared store such as Redis may lose acknowledged writes. The promise is:
//
//   - (a) While the store loses nothing, I1 to I9 hold.
//   - (b) If it loses or rewinds acknowledged writes and one node survives that saw
//     the counters at most 250 ms before, and fewer joins than the jump happened
//     since, no number is handed out twice, nobody enters early, no place is
//     lost.
//   - (c) If no memory survives, or a split store lets both halves deal, every ticket
//     stays valid and keeps its order, a newcomer may get the same number as an
//     earlier visitor, and never enters before the counter says so.
//
// The jump is 64 positions, or twice the growth of the last two seconds.
//
// # Locks
//
// No two locks of this package are ever held together.
package waitingroom
