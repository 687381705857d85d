package oidc

import (
	"context"
	"fmt"
	"time"
)

// freshFor is how long a login whose browser was new can be bound to another
// browser cookie: longer than the waiting page ever lets a tab rest.
const freshFor = 90 * time.Second

// Fresh reports whether the login belongs to a browser that was new a moment ago
// and came from whence. Such a browser may have got several browser cookies, one
// for each tab that it opened, and keeps the last of them.
func (l *Login) Fresh(whence Whence, now time.Time) bool {
	return l.whence != Whence{} && l.whence == whence && now.Sub(l.received) <= freshFor
}

// Rebind binds a login that is [Login.Fresh] to the cookie that its browser has
// by now, and returns path and query of the waiting page for it. It is for the
// waiting page of a browser that came from whence. An error wraps [ErrBadLogin]
// unless the login may be bound anew.
func (p *Provider) Rebind(ctx context.Context, login *Login, browser Browser, whence Whence) (string, error) {
	if !login.Fresh(whence, p.queue.Now()) {
		return "", fmt.Errorf("%w: bound to another browser", ErrBadLogin)
	}
	bound := *login
	bound.browser = browser
	if err := p.sealLogin(ctx, p.loginSeal, &bound); err != nil {
		return "", fmt.Errorf("bind a login anew: %w", err)
	}
	return p.WaitURL(&bound), nil
}
