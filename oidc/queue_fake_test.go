package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// line is a queue in memory with the semantics that [oidc.Queue] asks for. It
// has no positions to wait for: admit lets a browser in.
type line struct {
	mu       sync.Mutex
	now      time.Time
	broken   error // what every call answers, if not nil
	last     int64 // position dealt last
	sessions map[string]*session
	codes    map[[32]byte]*issued
	redeemed map[[16]byte]bool // by login
	kept     map[string][]byte
	cookies  int // browser cookies set
}

type session struct {
	visitor oidc.Visitor
	browser oidc.Browser
	grants  map[uint64]*oidc.Grant
	rotated map[uint64]time.Time // when the grant's current number was made
	ended   bool
}

type issued struct {
	oidc.Code
	session  *session
	authTime time.Time
	expires  time.Time
	op       [16]byte
	result   *oidc.Redemption
}

var _ oidc.Queue = (*line)(nil)

func newLine() *line {
	return &line{
		now:      time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC),
		sessions: make(map[string]*session),
		codes:    make(map[[32]byte]*issued),
		redeemed: make(map[[16]byte]bool),
		kept:     make(map[string][]byte),
	}
}

func (l *line) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *line) sleep(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *line) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

func browserOf(r *http.Request) (oidc.Browser, bool) {
	cookie, err := r.Cookie("browser")
	if err != nil {
		return oidc.Browser{}, false
	}
	sum := sha256.Sum256([]byte(cookie.Value))
	return oidc.Browser(sum[:16]), true
}

func (l *line) Browser(w http.ResponseWriter, r *http.Request) (oidc.Browser, oidc.Whence, error) {
	if browser, ok := browserOf(r); ok {
		return browser, oidc.Whence{}, nil
	}
	l.mu.Lock()
	l.cookies++
	l.mu.Unlock()
	value := rand.Text()
	http.SetCookie(w, &http.Cookie{Name: "browser", Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	sum := sha256.Sum256([]byte(value))
	return oidc.Browser(sum[:16]), whence, nil
}

// whence is where all browsers of the tests come from.
var whence = oidc.Whence{7}

// admit lets the browser of r in, or confirms that the visitor is still there.
func (l *line) admit(w http.ResponseWriter, r *http.Request, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, err := l.session(r, room); err == nil {
		later := s.visitor.AuthTime.Add(time.Second)
		if now := l.now.Truncate(time.Second); now.After(later) {
			later = now
		}
		s.visitor.AuthTime = later
		return
	}
	browser, _ := browserOf(r)
	l.last++
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	h := hex.EncodeToString(id)
	token := rand.Text()
	l.sessions[token] = &session{
		visitor: oidc.Visitor{
			Room:       room,
			Subject:    fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:]),
			Generation: 1_793_000_000_000,
			Position:   l.last,
			AuthTime:   l.now.Truncate(time.Second),
			Admitted:   l.now.Truncate(time.Second),
			AMR:        []string{"fifo"},
			Expires:    l.now.Add(time.Hour),
			Redeemed:   make(map[string]time.Time),
			Holder:     sha256.Sum256([]byte(token)),
		},
		browser: browser,
		grants:  make(map[uint64]*oidc.Grant),
		rotated: make(map[uint64]time.Time),
	}
	cookie := &http.Cookie{Name: "session-" + room, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	http.SetCookie(w, cookie)
	r.AddCookie(cookie) // for Visitor within the same request
}

func (l *line) session(r *http.Request, room string) (*session, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	cookie, err := r.Cookie("session-" + room)
	if err != nil {
		return nil, oidc.ErrNoVisitor
	}
	return l.alive(l.sessions[cookie.Value])
}

func (l *line) alive(s *session) (*session, error) {
	if s == nil || s.ended || !l.now.Before(s.visitor.Expires) {
		return nil, fmt.Errorf("session: %w", oidc.ErrNoVisitor)
	}
	return s, nil
}

func (s *session) copy() oidc.Visitor {
	v := s.visitor
	v.Redeemed = maps.Clone(v.Redeemed)
	return v
}

func (l *line) Visitor(r *http.Request, room string) (oidc.Visitor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.session(r, room)
	if err != nil {
		return oidc.Visitor{}, err
	}
	return s.copy(), nil
}

func (l *line) Issue(_ context.Context, visitor oidc.Visitor, code oidc.Code) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	var named *session
	for _, s := range l.sessions {
		if s.visitor.Subject == visitor.Subject && s.visitor.Holder == visitor.Holder {
			named = s
		}
	}
	s, err := l.alive(named)
	if err != nil || l.codes[code.Hash] != nil {
		return err
	}
	l.codes[code.Hash] = &issued{Code: code, session: s, authTime: s.visitor.AuthTime, expires: l.now.Add(time.Minute)}
	return nil
}

func (l *line) Redeem(_ context.Context, room string, hash [32]byte, client string, binding [32]byte, op [16]byte) (oidc.Redemption, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return oidc.Redemption{}, l.broken
	}
	code := l.codes[hash]
	if code == nil || code.session.visitor.Room != room || code.Client != client || code.Binding != binding {
		return oidc.Redemption{}, oidc.ErrNoVisitor
	}
	if code.result != nil {
		if code.op == op {
			return *code.result, nil
		}
		delete(code.session.grants, code.result.Grant.ID)
		return oidc.Redemption{}, oidc.ErrReplayed
	}
	if !l.now.Before(code.expires) || l.redeemed[code.Login] {
		return oidc.Redemption{}, oidc.ErrNoVisitor
	}
	s, err := l.alive(code.session)
	if err != nil {
		return oidc.Redemption{}, err
	}
	l.redeemed[code.Login] = true
	s.visitor.Redeemed[client] = l.now
	grant := &oidc.Grant{ID: uint64(len(s.rotated) + 1), Client: client, AuthTime: code.authTime, Number: 1}
	s.grants[grant.ID] = grant
	s.rotated[grant.ID] = l.now
	code.op = op
	code.result = &oidc.Redemption{Visitor: s.copy(), Grant: *grant, Payload: code.Payload}
	return *code.result, nil
}

func (l *line) find(room, subject string, generation int64, grant uint64) (*session, *oidc.Grant, error) {
	if l.broken != nil {
		return nil, nil, l.broken
	}
	for _, s := range l.sessions {
		v := s.visitor
		if v.Room != room || v.Subject != subject || v.Generation != generation {
			continue
		}
		if _, err := l.alive(s); err == nil && s.grants[grant] != nil {
			return s, s.grants[grant], nil
		}
	}
	return nil, nil, oidc.ErrNoVisitor
}

func (l *line) Grant(_ context.Context, room, subject string, generation int64, grant uint64) (oidc.Visitor, oidc.Grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, g, err := l.find(room, subject, generation, grant)
	if err != nil {
		return oidc.Visitor{}, oidc.Grant{}, err
	}
	return s.copy(), *g, nil
}

func (l *line) Rotate(_ context.Context, room, subject string, generation int64, grant uint64, number uint32, grace bool) (oidc.Visitor, oidc.Grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, g, err := l.find(room, subject, generation, grant)
	if err != nil {
		return oidc.Visitor{}, oidc.Grant{}, err
	}
	switch {
	case number == g.Number:
		g.Number++
		s.rotated[grant] = l.now
	case grace && number+1 == g.Number && l.now.Sub(s.rotated[grant]) <= time.Minute:
	default:
		delete(s.grants, grant)
		return oidc.Visitor{}, oidc.Grant{}, oidc.ErrReplayed
	}
	s.visitor.Expires = l.now.Add(time.Hour)
	return s.copy(), *g, nil
}

func (l *line) Revoke(_ context.Context, room, subject string, generation int64, grant uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, _, err := l.find(room, subject, generation, grant)
	if errors.Is(err, oidc.ErrNoVisitor) {
		return nil
	}
	if err != nil {
		return err
	}
	delete(s.grants, grant)
	s.ended = len(s.grants) == 0
	return nil
}

func (l *line) End(w http.ResponseWriter, r *http.Request, room, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.session(r, room)
	if err != nil {
		return err
	}
	s.ended = true
	http.SetCookie(w, &http.Cookie{Name: "session-" + room, Path: "/", MaxAge: -1})
	return nil
}

func (l *line) Keep(_ context.Context, value []byte) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return "", l.broken
	}
	name := rand.Text()
	l.kept[name] = value
	return name, nil
}

func (l *line) Kept(_ context.Context, name string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	if value, ok := l.kept[name]; ok {
		return value, nil
	}
	return nil, oidc.ErrNoVisitor
}

// grants returns how many grants there are in all sessions.
func (l *line) grants() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		n += len(s.grants)
	}
	return n
}
