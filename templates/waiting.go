package templates

import (
	"net/http"
	"time"
)

// State is the state of a place that the waiting page shows.
type State string

// The states of the waiting page. They are spelt as in the answers of the
// status poll.
const (
	// StateWaiting is a place in a line that moves. It is the zero value's meaning too.
	StateWaiting State = "waiting"
	// StatePaused is a place in a line that does not move for now.
	StatePaused State = "paused"
	// StateServed is a place whose turn has come, while the visitor is held at
	// the door for [Waiting.EnterAfter].
	StateServed State = "served"
)

// Estimate is a range for the time still to wait. Low is not above High.
type Estimate struct {
	Low, High time.Duration
}

// Waiting is the waiting page.
type Waiting struct {
	// Room is the name of the room as visitors know it.
	Room string
	// State says which of the three forms the page takes.
	State State
	// Position is the visitor's position, Serving the position up to which
	// visitors may enter, and Ahead the number of people before the visitor.
	Position, Serving, Ahead int64
	// Wait is the estimated wait; nil means that it cannot be said yet.
	Wait *Estimate
	// Updated is when the numbers were true.
	Updated time.Time
	// Message is a text of the operator for the visitors, or "".
	Message string
	// PageURL is the path and query of this page, where the visitor enters.
	PageURL string
	// StatusURL is the path and query that the script polls.
	StatusURL string
	// PollAfter is how long the script waits before its first poll.
	PollAfter time.Duration
	// RefreshAfter is after how long a browser without scripts loads the page
	// again. It goes out in the Refresh header, rounded up to seconds.
	RefreshAfter time.Duration
	// EnterAfter is, in [StateServed], how long the door holds the visitor.
	EnterAfter time.Duration
}

// waitingView is what waiting.html reads.
type waitingView struct {
	frame
	State              State
	PageURL, StatusURL string
	PollMillis         int64
	EnterMillis        int64
	Words              waitingWords
	WordsJSON          string // Words as the script reads them
	Heading            string
	Note               string // what the state means, or ""
	Ahead, AheadLabel  string
	RawAhead           int64
	RawPosition        int64
	Passed             int64 // positions that are not ahead any more
	Wait               string
	Position, Serving  string
	UpdatedMachine     string // RFC 3339
	Updated            string
	Message            string
	Refreshes          string // says that the page refreshes itself
}

// Waiting writes the waiting page with status 200.
func (p *Pages) Waiting(w http.ResponseWriter, d Waiting) {
	words := p.words.Waiting
	heading, note, title := words.InLine, "", fill(words.TitleAhead.of(d.Ahead), "n", p.words.number(d.Ahead))
	if d.Ahead == 0 {
		title = words.Next
	}
	switch d.State {
	case StatePaused:
		heading, note, title = words.Paused, words.PausedNote, words.Paused
	case StateServed:
		heading, note, title = words.Turn, words.TurnNote, words.Turn
	default:
		d.State = StateWaiting
	}
	view := waitingView{
		frame:          p.frame(title, d.Room, "wait.js"),
		State:          d.State,
		PageURL:        d.PageURL,
		StatusURL:      d.StatusURL,
		PollMillis:     d.PollAfter.Milliseconds(),
		EnterMillis:    d.EnterAfter.Milliseconds(),
		Words:          words,
		WordsJSON:      p.waitingJSON,
		Heading:        heading,
		Note:           note,
		Ahead:          p.words.number(d.Ahead),
		AheadLabel:     words.Ahead.of(d.Ahead),
		RawAhead:       max(d.Ahead, 0),
		RawPosition:    max(d.Position, 1),
		Passed:         max(d.Position-d.Ahead-1, 0),
		Wait:           words.estimate(d.Wait, p.words.number),
		Position:       p.words.number(d.Position),
		Serving:        p.words.number(d.Serving),
		UpdatedMachine: d.Updated.UTC().Format(time.RFC3339),
		Updated:        d.Updated.UTC().Format("15:04:05 UTC"),
		Message:        d.Message,
		Refreshes:      p.words.every(d.RefreshAfter),
	}
	p.write(w, response{status: http.StatusOK, refresh: max(d.RefreshAfter, time.Second), target: d.PageURL}, p.waiting, view)
}
