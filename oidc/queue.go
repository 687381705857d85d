package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Answers of a [Queue] that the provider branches on. Any other error means
// that the line can't answer now, and becomes temporarily_unavailable.
var (
	// ErrNoVisitor says that the browser, the code or the token belongs to
	// nobody who is on the site now.
	ErrNoVisitor = errors.New("no admitted visitor")
	// ErrReplayed says that a code or refresh token was used before. The
	// queue has ended the tokens of that grant by then (invariant I4).
	ErrReplayed = errors.New("used before")
	// ErrUnavailable says that the store doesn't answer; the caller may try
	// again.
	ErrUnavailable = errors.New("the line is unavailable")
)

// Visitor is somebody whose turn has come and who has taken it up: a live
// session in a room, in the words of OpenID Connect an authenticated end user.
type Visitor struct {
	// Room is the line that the visitor stood in.
	Room string
	// Subject is the visitor's request ID, by which tokens find the session, and
	// the sub that clients see unless their [Client] Subject says otherwise. It has
	// the shape of a UUID in lower case.
	Subject string
	// Generation is the life of the room that the place belongs to, from 0 to
	// 2^48-1.
	Generation int64
	// Position is the place in the line, from 1.
	Position int64
	// AuthTime is when the visitor was admitted, or last confirmed to still
	// be there, by the store's clock, in whole seconds.
	AuthTime time.Time
	// Admitted is when the visitor came through the line, by the store's clock, in
	// whole seconds. Unlike AuthTime, no confirmation moves it.
	Admitted time.Time
	// AMR tells how the visitor came in: "fifo" or "open".
	AMR []string
	// Expires is when the session ends unless a refresh extends it.
	Expires time.Time
	// Redeemed holds, by client ID, when that client last redeemed a code
	// within this session.
	Redeemed map[string]time.Time
	// Holder is what the queue tells the browser of the session by, for
	// [Queue.Issue]; it means nothing to the provider.
	Holder [32]byte
}

// Code is what the queue keeps of an authorization code. Only its hash is
// stored, so that a stolen store yields no code that can be used.
type Code struct {
	// Hash is the keyed hash of the code handed to the browser.
	Hash [32]byte
	// Login identifies the sealed authorization request that the code answers.
	// Of all codes of one login at most one is ever redeemed.
	Login [16]byte
	// Client is the ID of the client that may redeem the code.
	Client string
	// Binding is a hash of what the token request must repeat: redirect URI
	// and PKCE challenge. A redemption with another binding fails and leaves
	// the code usable.
	Binding [32]byte
	// Payload is what the provider wants back on redemption, at most 8 KiB.
	Payload []byte
}

// Grant is one client's login within a visitor's session.
type Grant struct {
	// ID names the grant within the session.
	ID uint64
	// Client is the ID of the client that the grant belongs to.
	Client string
	// AuthTime is the visitor's auth_time when the code was issued; it never
	// changes within a grant.
	AuthTime time.Time
	// Number counts the refresh tokens of this grant; see [Queue.Rotate].
	Number uint32
}

// Redemption is what a redeemed code yields.
type Redemption struct {
	Visitor Visitor
	Grant   Grant
	Payload []byte
}

// Queue is all that the provider asks of the line. Methods are safe for
// concurrent use. Time is the store's, never the node's.
type Queue interface {
	// Browser returns the identity of the browser that sent r, by its browser
	// cookie. Without a valid one it makes a new identity, sets the cookie on w,
	// and returns where the browser came from; that is zero for a browser that has
	// been known for a while.
	Browser(w http.ResponseWriter, r *http.Request) (Browser, Whence, error)

	// Visitor returns the admitted visitor whom r's cookies prove to be on the
	// site of room, or an error wrapping [ErrNoVisitor].
	Visitor(r *http.Request, room string) (Visitor, error)

	// Issue stores a code for 60 seconds for a visitor whom [Queue.Visitor] returned
	// for the same request. If the session has ended since, or has moved to another
	// browser, it returns an error wrapping [ErrNoVisitor].
	Issue(ctx context.Context, visitor Visitor, code Code) error

	// Redeem takes a code, at most once. Client and binding must be those of
	// [Queue.Issue], otherwise it returns an error wrapping [ErrNoVisitor] and
	// the code stays usable. op identifies this redemption, so that a repeated
	// call whose first reply was lost answers the same; another op on a code
	// that was taken ends the grant and returns an error wrapping [ErrReplayed].
	Redeem(ctx context.Context, room string, hash [32]byte, client string, binding [32]byte, op [16]byte) (Redemption, error)

	// Grant returns the live grant that a token names, or an error wrapping
	// [ErrNoVisitor] once the grant or the session has ended.
	Grant(ctx context.Context, room string, subject string, generation int64, grant uint64) (Visitor, Grant, error)

	// Rotate moves a grant from refresh token number to the next, extends the
	// session as far as the room allows and returns the grant with its new
	// number. While grace is true the predecessor is accepted again for 60
	// seconds until its successor is used, and yields the same successor. Any
	// older number ends the grant and returns an error wrapping [ErrReplayed].
	//
	// Grace is false for public clients. One whose reply was lost has thus no
	// token that works, and its repetition ends the grant: from here it can't be
	// told from a thief's. The way on is a new authorization request, which is
	// answered at once while the session lives.
	Rotate(ctx context.Context, room string, subject string, generation int64, grant uint64, number uint32, grace bool) (Visitor, Grant, error)

	// Revoke ends one grant. The session ends with its last grant, which frees
	// the visitor's slot. An unknown grant is not an error.
	Revoke(ctx context.Context, room string, subject string, generation int64, grant uint64) error

	// End ends the session that r's cookies prove in room, with all its grants,
	// and clears the session cookie on w. Client is the client that ended it, or
	// "" if the visitor did: grants of others have not been ended by their own
	// client, so the slot is free only when the last of their tokens is worth
	// nothing any more. Without such a session it returns an error wrapping
	// [ErrNoVisitor].
	End(w http.ResponseWriter, r *http.Request, room, client string) error

	// Keep stores a value that is too large for a URL, for at most 48 hours,
	// and returns the name under which Kept finds it again.
	Keep(ctx context.Context, value []byte) (name string, err error)
	// Kept returns a kept value, or an error wrapping [ErrNoVisitor].
	Kept(ctx context.Context, name string) ([]byte, error)

	// Now returns the store's time.
	Now() time.Time
}

// Whence says where a browser came from whose identity is new: a hash of the
// client's address and user agent. Many browsers may have one in common.
type Whence [8]byte

// Browser identifies a browser by a hash of its browser cookie.
type Browser [16]byte
