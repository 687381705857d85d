package wait

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Answers of [Logins] that the page branches on.
var (
	// ErrBadLogin says that the sealed request was tampered with or cut off.
	ErrBadLogin = errors.New("not a sealed login of ours")
	// ErrLoginExpired says that the sealed request is too old.
	ErrLoginExpired = errors.New("sealed login has expired")
)

// LoginParam is the query parameter that carries the sealed request.
const LoginParam = "login"

// Logins opens the authorization requests that visitors carry.
type Logins interface {
	// OpenLogin opens a sealed request. Errors wrap ErrBadLogin or
	// ErrLoginExpired; any other means that nobody can say now.
	OpenLogin(ctx context.Context, sealed string) (Login, error)
	// Peek tells what a poll asks of a sealed request: the line that the visitor
	// stands in, and the browser that the request is bound to. Its errors are
	// those of OpenLogin.
	Peek(ctx context.Context, sealed string) (room string, browser Browser, err error)
}

// Login is an authorization request on its way through the line.
type Login interface {
	// Room is the line that the visitor stands in.
	Room() string
	// Browser is the browser that the request is bound to.
	Browser() Browser
	// Fresh reports whether the request is that of a browser which was new a
	// moment ago and came from whence, so that its tabs may have got a browser
	// cookie each.
	Fresh(whence Whence, now time.Time) bool
	// Rebind binds a fresh request to the cookie that the browser has by now, and
	// returns path and query of the page for it.
	Rebind(ctx context.Context, b Browser, whence Whence) (string, error)
	// NeedsConfirmation reports whether the relying party wants the visitor of
	// a room's session to confirm being there.
	NeedsConfirmation(*waitingroom.Room, waitingroom.Session) bool
	// Requeues reports whether such a visitor confirms it by joining the line
	// anew, rather than by a button.
	Requeues() bool
	// EndVisit ends the session that r's cookies prove, and clears its cookie on
	// w. A session that has ended is no error.
	EndVisit(w http.ResponseWriter, r *http.Request) error
	// Late reports whether the relying party must be expected to have given its
	// side of the login up at that time, by the store's clock.
	Late(now time.Time) bool
	// Reservation asks to keep the turn while the login is started afresh, once
	// for each call.
	Reservation() *waitingroom.Reservation
	// CanStartAfresh reports whether there is a place where the relying party starts
	// the login afresh, and StartAfresh sends the browser there.
	CanStartAfresh() bool
	StartAfresh(w http.ResponseWriter, r *http.Request)
	// Client names the relying party, for the log.
	Client() string
	// Answer makes a code, and what sends the browser back to the relying
	// party with it once the code is stored.
	Answer() (waitingroom.Code, http.HandlerFunc)
	// SiteURL is where to start afresh, or "".
	SiteURL() string
}
