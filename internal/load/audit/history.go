package audit

import "time"

// A Span is the interval in which an operation took effect, as times since the
// beginning of the run on one monotonic clock.
type Span struct {
	// Invoked is when the request was sent, Completed when the reply was read.
	Invoked, Completed time.Duration
}

// An Outcome says how an operation ended.
type Outcome uint8

// The outcomes of an operation.
const (
	// Unknown is that no reply came, or none that says: it may have happened.
	Unknown Outcome = iota
	// Done is that a reply says that it happened.
	Done
	// Refused is that a reply says that it did not happen.
	Refused
)

// String returns the outcome in a word.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Refused:
		return "refused"
	default:
		return "unknown"
	}
}

// AnyGeneration is the generation of a place of which nobody knows it.
const AnyGeneration int64 = -1

// A History is what a crowd and its operator saw of one room.
type History struct {
	// Places are the places that the crowd held.
	Places []Place
	// Serves are the operator's changes of the serving counter, in any order.
	Serves []Serve
	// Readings are the counters that answers showed, each value once.
	Readings []Reading
	// Faults are what was wrong by itself, among as many URLs and Answers.
	Faults        []Fault
	URLs, Answers int
	// Generation is the room's life at the end, if that is known. A visit or place of
	// an earlier one may be forgotten.
	Generation int64
	// Capacity is how many visits may be alive at a time; 0 is without limit.
	Capacity int64
	// Alone says that nothing but Serves raises the serving counter, from Base on,
	// but for expired places that were handed on, Reused in all.
	Alone        bool
	Base, Reused int64
	// Stale is how old a counter may be that an answer shows. It is for rooms where
	// Alone is false.
	Stale time.Duration
}

// A Place is one place of one visitor. Who asks for a new place has another.
type Place struct {
	// Visitor is the number of the visitor.
	Visitor int
	// Generation is the room's life in which the place was dealt, or AnyGeneration.
	Generation int64
	// Sights are the first position shown, and each that differs from the one
	// before.
	Sights []Sight
	// Entries are the codes that the place was let in with, in order.
	Entries []Entry
	// Visit is what became of the visit that the first entry began.
	Visit Visit
	// Losses are the answers that said the place is unknown.
	Losses []Span
}

// Position returns the position first shown, or 0 if none was.
func (p *Place) Position() int64 {
	if len(p.Sights) == 0 {
		return 0
	}
	return p.Sights[0].Position
}

// A Sight is a position that an answer showed.
type Sight struct {
	Position int64
	Span     Span
}

// An Entry is one code that a place was let in with.
type Entry struct {
	// Span is the request that was answered with the code.
	Span Span
	// Redemptions are all attempts to redeem it.
	Redemptions []Redemption
}

// A Redemption is an attempt to redeem a code.
type Redemption struct {
	Span    Span
	Outcome Outcome
	// Admitted is the time of admission in the ID token, in seconds since 1970, or 0.
	Admitted int64
}

// A Visit is what is known of a visitor's stay on the site.
type Visit struct {
	// Alive is the last request that was granted and only a live visit is granted.
	Alive Span
	// End is the request to end the visit, if Asked, and Ended what came of it.
	Asked bool
	End   Span
	Ended Outcome
	// Forgotten are refusals of what had been promised to last for longer.
	Forgotten []Span
}

// A Serve is an operator's change of the serving counter.
type Serve struct {
	Span    Span
	Outcome Outcome
	// Add is by how much, and Serving what the reply said, if Outcome is Done.
	Add, Serving int64
}

// A Reading is one value of the serving counter, and when answers showed it.
type Reading struct {
	Serving int64
	// First is the completion of the first answer that showed it, Last the
	// invocation of the last.
	First, Last time.Duration
}

// A Fault is an answer that breaks an invariant by itself: I7, a secret in a URL, or
// I8, an answer of the wrong form.
type Fault struct {
	Invariant string
	Visitor   int
	Span      Span
	// Says is what is wrong with it, in words that hold no secret.
	Says string
}
