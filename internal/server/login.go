package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// logins opens authorization requests for the waiting page.
type logins struct{ provider *oidc.Provider }

// OpenLogin implements [wait.Logins].
func (l *logins) OpenLogin(ctx context.Context, sealed string) (wait.Login, error) {
	opened, err := l.provider.OpenLogin(ctx, sealed)
	switch {
	case errors.Is(err, oidc.ErrLoginExpired):
		return nil, fmt.Errorf("%w: %w", wait.ErrLoginExpired, err)
	case errors.Is(err, oidc.ErrBadLogin):
		return nil, fmt.Errorf("%w: %w", wait.ErrBadLogin, err)
	case err != nil:
		return nil, err
	}
	return login{l.provider, opened}, nil
}

// login is an authorization request as the waiting page sees it.
type login struct {
	provider *oidc.Provider
	request  *oidc.Login
}

func (l login) Room() string          { return l.request.Room() }
func (l login) Browser() wait.Browser { return wait.Browser(l.request.Browser()) }
func (l login) SiteURL() string       { return l.request.SiteURL() }

func (l login) NeedsConfirmation(room *waitingroom.Room, s waitingroom.Session) bool {
	return l.provider.NeedsConfirmation(l.request, visitor(room, s))
}

func (l login) Requeues() bool { return l.request.Requeues() }

func (l login) EndVisit(w http.ResponseWriter, r *http.Request) error {
	return l.provider.EndVisit(w, r, l.request)
}

func (l login) Answer() (waitingroom.Code, http.HandlerFunc) {
	secret, code := l.provider.NewCode(l.request)
	return storedCode(code), func(w http.ResponseWriter, r *http.Request) {
		l.provider.Deliver(w, r, l.request, secret)
	}
}
