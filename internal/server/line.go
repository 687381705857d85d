package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

const (
	// codeLife is how long a code can be redeemed.
	codeLife = time.Minute
	// keptLife is how long an authorization request waits in the store.
	keptLife = 48 * time.Hour
	keptName = "login/"
	// vaultTimeout is how long a visitor waits for the vault, as for a room.
	vaultTimeout = 5 * time.Second
)

// line is the line as the OpenID Provider sees it.
type line struct {
	engine  *waitingroom.Engine
	vault   waitingroom.Vault
	page    *wait.Handler
	cookies wait.Cookies
	clients map[string]config.Client
	kept    budget
}

var _ oidc.Queue = (*line)(nil)

// translate turns the engine's errors into the provider's.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, waitingroom.ErrReplayed):
		return fmt.Errorf("%w: %w", oidc.ErrReplayed, err)
	case errors.Is(err, waitingroom.ErrUnavailable), errors.Is(err, waitingroom.ErrUnsettled),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", oidc.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", oidc.ErrNoVisitor, err)
}

// visitor returns a session in the provider's words.
func visitor(room *waitingroom.Room, s waitingroom.Session) oidc.Visitor {
	amr := "fifo"
	if room.Config().Inlet.Kind == waitingroom.InletOpen {
		amr = "open"
	}
	v := oidc.Visitor{
		Room: room.Config().ID, Subject: s.ID.String(), Generation: s.Generation, Position: s.Position,
		AuthTime: s.AuthTime, Admitted: s.Admitted.Truncate(time.Second), AMR: []string{amr}, Expires: s.Expires, Redeemed: make(map[string]time.Time),
		Holder: s.Holder,
	}
	for _, g := range s.Grants {
		if g.Redeemed.After(v.Redeemed[g.Client]) {
			v.Redeemed[g.Client] = g.Redeemed
		}
	}
	return v
}

func grant(g waitingroom.Grant) oidc.Grant {
	return oidc.Grant{ID: g.ID, Client: g.Client, AuthTime: g.AuthTime, Number: g.Number}
}

func storedCode(c oidc.Code) waitingroom.Code {
	return waitingroom.Code{
		Hash: c.Hash, Login: c.Login, Client: c.Client, Binding: c.Binding, Payload: c.Payload, Life: codeLife,
	}
}

// Browser implements [oidc.Queue].
func (l *line) Browser(w http.ResponseWriter, r *http.Request) (oidc.Browser, oidc.Whence, error) {
	browser, whence := l.page.Greet(w, r)
	return oidc.Browser(browser), oidc.Whence(whence), nil
}

// Visitor implements [oidc.Queue].
func (l *line) Visitor(r *http.Request, name string) (oidc.Visitor, error) {
	room, err := l.engine.Room(name)
	if err != nil {
		return oidc.Visitor{}, translate(err)
	}
	_, s, err := l.page.Session(r, room)
	if err != nil {
		return oidc.Visitor{}, translate(err)
	}
	return visitor(room, s), nil
}

// Issue implements [oidc.Queue]. The claim finds the session and compares its
// holder in one step with storing the code.
func (l *line) Issue(ctx context.Context, v oidc.Visitor, code oidc.Code) error {
	room, ticket, err := l.ticket(v.Room, v.Subject, v.Generation)
	if err != nil {
		return translate(err)
	}
	stored := storedCode(code)
	_, err = room.Claim(ctx, waitingroom.Claim{Ticket: ticket, Holder: v.Holder, Code: &stored})
	return translate(err)
}

// Redeem implements [oidc.Queue].
func (l *line) Redeem(ctx context.Context, name string, hash [32]byte, client string, binding [32]byte, op [16]byte) (oidc.Redemption, error) {
	room, err := l.engine.Room(name)
	if err != nil {
		return oidc.Redemption{}, translate(err)
	}
	taken, err := room.TakeCode(ctx, waitingroom.TakeCode{Hash: hash, Client: client, Binding: binding, Op: op})
	if err != nil {
		return oidc.Redemption{}, translate(err)
	}
	return oidc.Redemption{Visitor: visitor(room, taken.Session), Grant: grant(taken.Grant), Payload: taken.Payload}, nil
}

// ticket returns the ticket of a visitor.
func (l *line) ticket(name, subject string, generation int64) (*waitingroom.Room, waitingroom.Ticket, error) {
	room, err := l.engine.Room(name)
	if err != nil {
		return nil, waitingroom.Ticket{}, err
	}
	id, err := waitingroom.ParseRequestID(subject)
	if err != nil {
		return nil, waitingroom.Ticket{}, err
	}
	ticket, err := room.TicketOf(id, generation)
	return room, ticket, err
}

// session returns the live session that a token names.
func (l *line) session(ctx context.Context, name, subject string, generation int64) (*waitingroom.Room, waitingroom.Session, error) {
	room, ticket, err := l.ticket(name, subject, generation)
	if err != nil {
		return nil, waitingroom.Session{}, err
	}
	standing, err := room.Lookup(ctx, ticket)
	if err != nil {
		return nil, waitingroom.Session{}, err
	}
	if standing.State != waitingroom.StateActive {
		return nil, waitingroom.Session{}, waitingroom.ErrNoSession
	}
	return room, standing.Session, nil
}

// Grant implements [oidc.Queue].
func (l *line) Grant(ctx context.Context, name, subject string, generation int64, id uint64) (oidc.Visitor, oidc.Grant, error) {
	room, s, err := l.session(ctx, name, subject, generation)
	if err != nil {
		return oidc.Visitor{}, oidc.Grant{}, translate(err)
	}
	for _, g := range s.Grants {
		if g.ID == id && !g.Ended {
			return visitor(room, s), grant(g), nil
		}
	}
	return oidc.Visitor{}, oidc.Grant{}, translate(waitingroom.ErrNoSession)
}

// Rotate implements [oidc.Queue].
func (l *line) Rotate(ctx context.Context, name, subject string, generation int64, id uint64, number uint32, grace bool) (oidc.Visitor, oidc.Grant, error) {
	room, s, err := l.session(ctx, name, subject, generation)
	if err != nil {
		return oidc.Visitor{}, oidc.Grant{}, translate(err)
	}
	s, g, err := room.Rotate(ctx, waitingroom.Rotate{ID: s.ID, Generation: generation, Grant: id, Number: number, Grace: grace})
	if err != nil {
		return oidc.Visitor{}, oidc.Grant{}, translate(err)
	}
	return visitor(room, s), grant(g), nil
}

// Revoke implements [oidc.Queue].
func (l *line) Revoke(ctx context.Context, name, subject string, generation int64, id uint64) error {
	room, s, err := l.session(ctx, name, subject, generation)
	if err = translate(err); errors.Is(err, oidc.ErrNoVisitor) {
		return nil // It has ended already.
	}
	if err != nil {
		return err
	}
	var holds time.Time
	for _, g := range s.Grants {
		if g.ID == id {
			holds = l.lasts(s, g, g.Client)
		}
	}
	return translate(room.Revoke(ctx, s.ID, id, holds))
}

// End implements [oidc.Queue].
func (l *line) End(w http.ResponseWriter, r *http.Request, name, client string) error {
	room, err := l.engine.Room(name)
	if err != nil {
		return translate(err)
	}
	ticket, s, err := l.page.Session(r, room)
	if err != nil {
		return translate(err)
	}
	var holds time.Time
	for _, g := range s.Grants {
		if until := l.lasts(s, g, client); until.After(holds) {
			holds = until
		}
	}
	if err := room.End(r.Context(), ticket.ID, waitingroom.StatusCompleted, holds); err != nil {
		return translate(err)
	}
	l.cookies.ClearSession(w, name)
	return nil
}

// lasts returns until when a grant of a session keeps the visitor's slot,
// although the client by has ended the visit: not at all if the grant is that
// client's own or has ended, else until the last token handed out runs out. The
// grants of a client that never releases a slot keep it as long as the session
// would have lived.
func (l *line) lasts(s waitingroom.Session, g waitingroom.Grant, by string) time.Time {
	client := l.clients[g.Client]
	switch {
	case client.Release == config.ReleaseNever:
		return s.Expires
	case g.Ended || g.Client == by:
		return time.Time{}
	}
	return g.Rotated.Add(client.AccessTokenTTL)
}

// Keep implements [oidc.Queue].
func (l *line) Keep(ctx context.Context, value []byte) (string, error) {
	now := l.Now()
	if !l.kept.take(len(value), now, now.Add(keptLife)) {
		return "", fmt.Errorf("%w: too many long authorization requests are kept", oidc.ErrUnavailable)
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails.
	name := hex.EncodeToString(random[:])
	ctx, cancel := context.WithTimeout(ctx, vaultTimeout)
	defer cancel()
	_, err := l.vault.Keep(ctx, keptName+name, value, keptLife)
	return name, translate(err)
}

// Kept implements [oidc.Queue].
func (l *line) Kept(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, vaultTimeout)
	defer cancel()
	value, err := l.vault.Kept(ctx, keptName+name)
	return value, translate(err)
}

// Now implements [oidc.Queue].
func (l *line) Now() time.Time { return l.engine.Now() }
