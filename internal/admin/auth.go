package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
)

// Role says what a token is good for. Each role may all that those before it may.
type Role int

// The roles. The zero Role may nothing.
const (
	// Viewer may look: every GET, metrics included.
	Viewer Role = iota + 1
	// Operator may move the line.
	Operator
	// Admin may do what cannot be undone, such as a reset.
	Admin
)

// Token is a credential of the management listener.
type Token struct {
	// Hash is the SHA-256 of the token itself.
	Hash [sha256.Size]byte
	// Access is what it opens.
	Access Access
}

// Access is what the holder of a token may do. The zero Access may nothing.
type Access struct {
	// Name says whose token it is, for the log.
	Name string
	// Role says what may be done.
	Role Role
	// Rooms says in which rooms; an empty list means all, and what belongs to no
	// room besides.
	Rooms []string
}

// May reports whether what takes a role may be done in a room. Whether there is
// such a room is not looked at.
func (a Access) May(role Role, room string) bool {
	return a.Role >= role && (len(a.Rooms) == 0 || slices.Contains(a.Rooms, room))
}

// reaches reports whether a request may be passed on. For the private API and
// the rooms that is not the last word: only what serves them knows the room.
// Elsewhere nothing belongs to one room, so that a token for some rooms
// has no business there.
func (a Access) reaches(r *http.Request) bool {
	private := strings.HasPrefix(r.URL.Path, "/private/")
	rooms := r.URL.Path == roomsPath || strings.HasPrefix(r.URL.Path, roomsPath+"/")
	if len(a.Rooms) > 0 && !private && !rooms {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return a.Role >= Viewer // RFC 9110 §9.2.1: these change nothing.
	}
	if private {
		return a.Role >= Operator
	}
	return a.Role >= Admin
}

// accessKey is the key of a request's Access in its context.
type accessKey struct{}

// AccessOf returns what the holder of a request's token may do, as [Auth] has
// found out. A request that did not pass there may nothing.
func AccessOf(ctx context.Context) Access {
	access, _ := ctx.Value(accessKey{}).(Access)
	return access
}

// Auth lets a request through to next if it carries one of the tokens that are good
// at the moment as "Authorization: Bearer", and answers 401 otherwise; without any tokens, nothing
// gets through. A token whose role or rooms do not reach that far gets 403:
// what changes something takes an operator below /private/ and an admin elsewhere.
// A token in the query is not looked at, since addresses end up in logs.
func Auth(tokens func() []Token, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, given := bearer(r)
		access, known := find(tokens(), token)
		if !given || !known {
			// RFC 6750 §3: a challenge has a parameter, and says what was wrong
			// only to those who tried.
			challenge := `Bearer realm="anteroom"`
			if given {
				challenge += `, error="invalid_token"`
			}
			w.Header().Set("WWW-Authenticate", challenge)
			fail(w, http.StatusUnauthorized, "a valid admin token is required")
			return
		}
		if !access.reaches(r) {
			forbid(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accessKey{}, access)))
	})
}

// forbid answers a request that its token doesn't allow.
func forbid(w http.ResponseWriter) {
	// RFC 6750 §3.1: a token that is good, but not for this.
	w.Header().Set("WWW-Authenticate", `Bearer realm="anteroom", error="insufficient_scope"`)
	fail(w, http.StatusForbidden, "this token does not allow that")
}

// bearer returns the token of a request.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	// RFC 9110 §11.1: the scheme's case doesn't matter.
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(token, " "), true
}

// find returns what a token opens, if it is one of tokens. Hashes are compared,
// all of them and each to its end, so that time tells nothing about any.
func find(tokens []Token, token string) (found Access, ok bool) {
	hash := sha256.Sum256([]byte(token))
	at := -1
	for i := range tokens {
		equal := subtle.ConstantTimeCompare(hash[:], tokens[i].Hash[:])
		at = subtle.ConstantTimeSelect(equal, i, at)
	}
	if at < 0 {
		return Access{}, false
	}
	return tokens[at].Access, true
}
