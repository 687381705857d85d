package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// logins opens authorization requests for the waiting page.
type logins struct{ provider *oidc.Provider }

// OpenLogin implements [wait.Logins].
func (l *logins) OpenLogin(ctx context.Context, sealed string) (wait.Login, error) {
	opened, err := l.provider.OpenLogin(ctx, sealed)
	if err != nil {
		return nil, loginError(err)
	}
	return login{l.provider, opened}, nil
}

// Peek implements [wait.Logins].
func (l *logins) Peek(ctx context.Context, sealed string) (string, wait.Browser, error) {
	room, browser, err := l.provider.Peek(ctx, sealed)
	return room, wait.Browser(browser), loginError(err)
}

// loginError translates an error of the provider for the waiting page.
func loginError(err error) error {
	switch {
	case errors.Is(err, oidc.ErrLoginExpired):
		return fmt.Errorf("%w: %w", wait.ErrLoginExpired, err)
	case errors.Is(err, oidc.ErrBadLogin):
		return fmt.Errorf("%w: %w", wait.ErrBadLogin, err)
	}
	return err
}

// login is an authorization request as the waiting page sees it.
type login struct {
	provider *oidc.Provider
	request  *oidc.Login
}

func (l login) Room() string          { return l.request.Room() }
func (l login) Browser() wait.Browser { return wait.Browser(l.request.Browser()) }
func (l login) SiteURL() string       { return l.request.SiteURL() }

func (l login) Fresh(whence wait.Whence, now time.Time) bool {
	return l.request.Fresh(oidc.Whence(whence), now)
}

func (l login) Rebind(ctx context.Context, b wait.Browser, whence wait.Whence) (string, error) {
	return l.provider.Rebind(ctx, l.request, oidc.Browser(b), oidc.Whence(whence))
}

func (l login) NeedsConfirmation(room *waitingroom.Room, s waitingroom.Session) bool {
	return l.provider.NeedsConfirmation(l.request, visitor(room, s))
}

func (l login) Requeues() bool { return l.request.Requeues() }

func (l login) EndVisit(w http.ResponseWriter, r *http.Request) error {
	return l.provider.EndVisit(w, r, l.request)
}

func (l login) Client() string          { return l.request.Client() }
func (l login) Late(now time.Time) bool { return l.request.Late(now) }

func (l login) Reservation() *waitingroom.Reservation {
	return &waitingroom.Reservation{
		Op: waitingroom.NewOpID(), Client: l.request.Client(), Login: l.request.ID(), Received: l.request.Received(),
	}
}

func (l login) CanStartAfresh() bool { return l.request.CanStartAfresh() }

func (l login) StartAfresh(w http.ResponseWriter, r *http.Request) {
	l.provider.Reinitiate(w, r, l.request)
}

func (l login) Answer() (waitingroom.Code, http.HandlerFunc) {
	secret, code := l.provider.NewCode(l.request)
	return storedCode(code), func(w http.ResponseWriter, r *http.Request) {
		l.provider.Deliver(w, r, l.request, secret)
	}
}
