package waitingroom

import "errors"

// Sentinels that callers branch on, always with [errors.Is].
var (
	// ErrUnavailable says that the store doesn't answer, or refuses to write
	// for now. Nothing is lost; the caller answers 503 and asks to come again.
	ErrUnavailable = errors.New("store unavailable")
	// ErrUnsettled says that the store has lost writes that the caller knows
	// of. The engine answers it with [Line.Settle].
	ErrUnsettled = errors.New("store must be settled first")
	// ErrConflict says that a compare-and-set found another version,
	// generation, lease or revision than the caller expected.
	ErrConflict = errors.New("changed in the meantime")

	// ErrNoRoom says that no room of that ID is configured.
	ErrNoRoom = errors.New("unknown room")
	// ErrClosed says that the room takes nobody now, because it is outside the
	// start and end of its inlet.
	ErrClosed = errors.New("room is closed")
	// ErrTooMany says that one address joins faster than the flood limit allows.
	ErrTooMany = errors.New("too many joins from one address")

	// ErrExhausted says that a generation has no position left that a ticket could
	// carry. Only a reset helps.
	ErrExhausted = errors.New("every position of this generation has been dealt")

	// ErrUnknownTicket says that a request ID was never dealt by this room in
	// its present generation, or belongs to another door.
	ErrUnknownTicket = errors.New("unknown request ID")
	// ErrBrokenProof says that a place proof was tampered with, cut off, made
	// for another room, or made under another master secret.
	ErrBrokenProof = errors.New("place proof does not verify")
	// ErrLineEnded says that a place belongs to an earlier generation of its
	// room: the line was reset.
	ErrLineEnded = errors.New("this line has ended")
	// ErrLineAhead says that a place belongs to a later generation than the
	// store knows. A proof that verifies is evidence of that reset.
	ErrLineAhead = errors.New("place is ahead of the store")

	// ErrNotServed says that the position is above the serving counter.
	ErrNotServed = errors.New("not being served yet")
	// ErrFull says that the room holds as many sessions as it may. It happens
	// when a capacity was lowered below what is alive and served; the turn is
	// kept, and the caller comes again.
	ErrFull = errors.New("room is full")
	// ErrExpired says that the turn came and its claim window has closed, or that it
	// was reserved for its visitor for as long, and no visit came of that.
	ErrExpired = errors.New("turn has expired")
	// ErrSpent says that the place's one session has ended (invariant I9).
	ErrSpent = errors.New("place is spent")
	// ErrHeld says that another browser holds the session of this place.
	ErrHeld = errors.New("place is held by another browser")
	// ErrSentRound says that a visitor has been sent to start the login at a client
	// afresh [MaxRounds] times and it redeemed no code; once more would be a loop.
	ErrSentRound = errors.New("sent to start the login afresh too often")
	// ErrNoSession says that no live session, grant or code answers to the
	// name that was given.
	ErrNoSession = errors.New("no such session")
	// ErrReplayed says that a code or a refresh token was used before. The
	// tokens of its grant have ended (invariant I4).
	ErrReplayed = errors.New("used before")
	// ErrNotKept says that the vault holds nothing under that name.
	ErrNotKept = errors.New("not kept")

	// ErrForeignSecret says that the store was written under another master
	// secret. Starting with it would orphan every ticket, so nobody may.
	ErrForeignSecret = errors.New("the store belongs to another master secret")
)
