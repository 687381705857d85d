package oidc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	// loginLife is how long a sealed login is good for.
	loginLife = 48 * time.Hour
	// maxLoginInURL is the longest seal, in characters, that travels with the
	// visitor. What is longer waits in the store.
	maxLoginInURL = 6 << 10
	// maxLogin bounds what is kept of an authorization request, in bytes.
	maxLogin = 16 << 10
	// maxSealed bounds what is accepted as a seal, in characters.
	maxSealed = 16 << 10
)

// Login is a validated authorization request on its way through the line. Its
// redirect URI is registered for its client: only [Provider.OpenLogin] and the
// authorization endpoint make one, so that whatever is delivered through a
// Login can't go astray.
//
// The waiting visitor carries the login along, sealed, in the URL of the
// waiting page; the server keeps nothing. Whoever steals the URL gains nothing
// without the browser cookie that it is bound to, and whoever loses it starts
// again at the client. At most one code of a login is ever redeemed.
type Login struct {
	id          [16]byte // random; what codes of this login have in common
	client      *Client
	redirectURI string
	idToken     bool   // response_type=id_token
	formPost    bool   // response_mode=form_post
	state       string // any bytes
	nonce       string
	challenge   string // PKCE, S256; "" without
	offline     bool   // scope offline_access, granted
	silent      bool   // prompt=none
	again       bool   // prompt=login
	maxAge      int64  // in seconds; -1 without
	subject     string // the sub of the id_token_hint; "" without
	received    time.Time
	browser     Browser // zero until the login is bound to a browser
	whence      Whence  // zero unless that browser's cookie is new

	kept   string // name under which the store keeps it, or ""
	sealed string // as it stands in the URL, or ""
}

// ID identifies the login. All codes that answer it carry it.
func (l *Login) ID() [16]byte { return l.id }

// Client returns the ID of the client that sent the visitor.
func (l *Login) Client() string { return l.client.ID }

// Room returns the line that the visitor is to stand in.
func (l *Login) Room() string { return l.client.Room }

// Browser returns the browser that the login is bound to. The waiting page must
// compare it with the browser that sent the request.
func (l *Login) Browser() Browser { return l.browser }

// Requeues reports whether a visitor who must confirm to be there does so by
// standing in line again.
func (l *Login) Requeues() bool { return l.client.Reauth == ReauthRequeue }

// Received returns when the authorization request came in, by the store's
// clock, in whole seconds.
func (l *Login) Received() time.Time { return l.received }

// What a sealed value holds, as its first byte.
const (
	wholeLogin     = 1
	referenceLogin = 2
)

// Bits of a login's flags.
const (
	flagFormPost = 1 << iota
	flagOffline
	flagSilent
	flagAgain
	flagMaxAge
	flagIDToken
	flagFresh
)

// encode lays the login out in bytes. Strings keep every byte, because a state
// must come back exactly as it was sent.
func (l *Login) encode() []byte {
	var flags byte
	for _, f := range []struct {
		set bool
		bit byte
	}{
		{l.formPost, flagFormPost},
		{l.offline, flagOffline},
		{l.silent, flagSilent},
		{l.again, flagAgain},
		{l.maxAge >= 0, flagMaxAge},
		{l.idToken, flagIDToken},
		{l.whence != Whence{}, flagFresh},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	b := []byte{wholeLogin, flags}
	b = append(b, l.id[:]...)
	b = append(b, l.browser[:]...)
	if l.whence != (Whence{}) {
		b = append(b, l.whence[:]...)
	}
	b = binary.AppendUvarint(b, uint64(l.received.Unix()))
	if l.maxAge >= 0 {
		b = binary.AppendUvarint(b, uint64(l.maxAge))
	}
	for _, s := range []string{l.client.ID, l.redirectURI, l.state, l.nonce, l.challenge, l.subject} {
		b = appendString(b, s)
	}
	return b
}

// decodeLogin reads what encode wrote and asks the registry again: a client, a
// redirect URI or a room may have changed since the login was sealed.
func decodeLogin(text string, clients *registry) (*Login, error) {
	in := wire[string]{rest: text}
	login := &Login{}
	id := decodeHead(&in, login)
	login.redirectURI = in.string()
	login.state = in.string()
	login.nonce = in.string()
	login.challenge = in.string()
	login.subject = in.string()
	if err := in.done(); err != nil {
		return nil, err
	}
	login.client = clients.byID[id]
	if login.client == nil || !login.client.redirectsTo(login.redirectURI) || !login.client.asksFor(login.responseType()) {
		return nil, errUnregistered
	}
	return login, nil
}

// responseType returns what the client asked for.
func (l *Login) responseType() ResponseType {
	if l.idToken {
		return ResponseIDToken
	}
	return ResponseCode
}

// decodeHead reads the part of a login that has a fixed form into login, and
// returns the ID of the client, which follows.
func decodeHead[T string | []byte](in *wire[T], login *Login) (client T) {
	if in.byte() != wholeLogin {
		in.failed = true
	}
	flags := in.byte()
	login.formPost = flags&flagFormPost != 0
	login.idToken = flags&flagIDToken != 0
	login.offline = flags&flagOffline != 0
	login.silent = flags&flagSilent != 0
	login.again = flags&flagAgain != 0
	login.maxAge = -1
	copy(login.id[:], in.bytes(16))
	copy(login.browser[:], in.bytes(16))
	if flags&flagFresh != 0 {
		copy(login.whence[:], in.bytes(8))
	}
	login.received = time.Unix(int64(in.uvarint()&(1<<40-1)), 0).UTC()
	if flags&flagMaxAge != 0 {
		login.maxAge = int64(in.uvarint() & (1<<40 - 1))
	}
	return in.string()
}

// sealLogin seals a login for a URL and remembers the seal in it. Only a login
// too long for a URL costs the store anything.
func (p *Provider) sealLogin(ctx context.Context, s *sealer, login *Login) error {
	now := p.queue.Now()
	whole := login.encode()
	if len(whole) <= (maxLoginInURL*3/4)-sealedOverhead {
		sealed, err := s.seal(now, whole)
		login.sealed = sealed
		return err
	}
	if login.kept == "" {
		sealed, err := p.keptSeal.seal(now, whole)
		if err != nil {
			return err
		}
		if login.kept, err = p.queue.Keep(ctx, []byte(sealed)); err != nil {
			return fmt.Errorf("keep a long login: %w", err)
		}
	}
	reference := append([]byte{referenceLogin}, login.browser[:]...)
	sealed, err := s.seal(now, appendString(reference, login.kept))
	login.sealed = sealed
	return err
}

// openLogin opens what sealLogin sealed with the same sealer.
func (p *Provider) openLogin(ctx context.Context, s *sealer, sealed string) (*Login, error) {
	if len(sealed) > maxSealed {
		return nil, errTooLong
	}
	now := p.queue.Now()
	value, err := openSeal(s, now, sealed)
	if err != nil {
		return nil, err
	}
	login, err := p.unfold(ctx, now, value)
	if err != nil {
		return nil, err
	}
	if now.Sub(login.received) > loginLife {
		return nil, ErrLoginExpired
	}
	login.sealed = sealed
	return login, nil
}

// unfold decodes a login, or gets it from the store if value only names it.
func (p *Provider) unfold(ctx context.Context, now time.Time, value string) (*Login, error) {
	var kept string
	var browser Browser
	if len(value) > 0 && value[0] == referenceLogin {
		in := wire[string]{rest: value[1:]}
		copy(browser[:], in.bytes(16))
		kept = in.string()
		if err := in.done(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadLogin, err)
		}
		sealed, err := p.queue.Kept(ctx, kept)
		if errors.Is(err, ErrNoVisitor) {
			return nil, fmt.Errorf("%w: %w", ErrLoginExpired, err)
		}
		if err != nil {
			return nil, fmt.Errorf("find a long login: %w", err)
		}
		// What lies in the store is sealed too, so that a stolen store tells
		// nothing and a changed one is noticed.
		if value, err = openSeal(p.keptSeal, now, string(sealed)); err != nil {
			return nil, err
		}
	}
	login, err := decodeLogin(value, p.clients)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadLogin, err)
	}
	if kept != "" {
		login.kept, login.browser = kept, browser
	}
	return login, nil
}

// openSeal opens a seal and translates the reasons why it might not.
func openSeal(s *sealer, now time.Time, sealed string) (string, error) {
	value, err := s.openText(now, sealed)
	return value, loginError(err)
}

// loginError translates an error of a sealer.
func loginError(err error) error {
	switch {
	case errors.Is(err, errOutdated):
		return ErrLoginExpired
	case errors.Is(err, errBroken):
		return ErrBadLogin
	}
	return err
}
