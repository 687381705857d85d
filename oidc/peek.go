package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// errUnregistered says that a login's client, or its redirect URI, has gone.
	errUnregistered = errors.New("client or redirect URI is no longer registered")
	// errTooLong says that nobody looked what a seal holds.
	errTooLong = fmt.Errorf("%w: longer than %d characters", ErrBadLogin, maxSealed)
)

// Peek returns room and browser of a sealed login, which is all that a poll of
// the waiting page needs. It answers as [Provider.OpenLogin] does, but leaves
// no garbage behind: it reads the login where that was deciphered.
func (p *Provider) Peek(ctx context.Context, sealed string) (room string, browser Browser, err error) {
	if len(sealed) > maxSealed {
		return "", Browser{}, errTooLong
	}
	now, whole := p.queue.Now(), false
	err = p.loginSeal.look(now, sealed, func(value []byte) (err error) {
		if whole = len(value) > 0 && value[0] == wholeLogin; whole {
			room, browser, err = peekLogin(now, value, p.clients)
		}
		return err
	})
	if err != nil {
		return "", Browser{}, loginError(err)
	}
	if whole {
		return room, browser, nil
	}
	login, err := p.OpenLogin(ctx, sealed) // The store keeps the rest of it.
	if err != nil {
		return "", Browser{}, err
	}
	return login.Room(), login.browser, nil
}

// peekLogin reads the beginning of what [Login.encode] wrote, and what can make
// the login void: its age, its client and its redirect URI.
func peekLogin(now time.Time, value []byte, clients *registry) (room string, browser Browser, err error) {
	in, login := wire[[]byte]{rest: value}, Login{}
	id := decodeHead(&in, &login)
	redirectURI := in.string()
	if in.failed {
		return "", Browser{}, fmt.Errorf("%w: %w", ErrBadLogin, errMalformed)
	}
	client := clients.byID[string(id)]
	if client == nil || !slices.ContainsFunc(client.RedirectURIs, func(uri string) bool { return uri == string(redirectURI) }) {
		return "", Browser{}, fmt.Errorf("%w: %w", ErrBadLogin, errUnregistered)
	}
	if now.Sub(login.received) > loginLife {
		return "", Browser{}, ErrLoginExpired
	}
	return client.Room, login.browser, nil
}
