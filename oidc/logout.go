package oidc

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	// confirmParam is the field of the logout page that holds what was asked.
	confirmParam = "confirm"
	// confirmLife is how long the logout page may be answered.
	confirmLife = 10 * time.Minute
)

// farewell is a logout request that has been understood as far as it can be.
type farewell struct {
	hint   *idToken // nil unless it is an ID token of ours
	client *Client  // whom the hint was issued to; else whom client_id names; or nil
	next   string   // registered URI to go on to, with state; "" without
	sound  bool     // nothing in the request was wrong
}

// logout is GET on the end session endpoint (OpenID Connect RP-Initiated
// Logout 1.0 §2). It ends the visit at once only for a client that shows the ID
// token of this very session, and sends the browser on if there is none (any
// more); in all other cases the visitor is asked. A waiting place is never ended.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	if refusePrefetch(w, r) {
		return
	}
	noStore(w)
	q, ok := p.readQuery(w, r)
	if !ok {
		return
	}
	if repeated(q) != "" {
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "The site sent a request that cannot be read."})
		return
	}
	f := p.readFarewell(q)
	if f.hint == nil || !f.sound {
		p.ask(w, r, f)
		return
	}
	visitor, err := p.queue.Visitor(r, f.client.Room)
	if err == nil && !p.isSession(f.hint.SessionID, visitor) {
		// RP-Initiated Logout 1.0 §4: a token of another session is suspect.
		p.ask(w, r, f)
		return
	}
	if err == nil {
		err = p.queue.End(w, r, f.client.Room, f.client.ID)
	}
	// Without a visit there is nothing to ask: it has run out, or the client has
	// revoked its tokens a moment ago.
	switch {
	case err != nil && !errors.Is(err, ErrNoVisitor):
		p.lineUnavailable(w, r, err)
	case f.next != "":
		seeOther(w, f.next)
	default:
		p.pages.LoggedOut(w, r, "")
	}
}

// readFarewell checks the parameters of a logout request.
func (p *Provider) readFarewell(q url.Values) farewell {
	f := farewell{client: p.clients.byID[q.Get("client_id")], sound: true}
	if token := q.Get("id_token_hint"); token != "" {
		hint, err := p.openHint(token)
		if err == nil && p.clients.byID[hint.Audience] != nil {
			f.hint = hint
		}
	}
	// RP-Initiated Logout 1.0 §2: with both, client_id must be the audience.
	if f.hint != nil {
		f.sound = q.Get("client_id") == "" || q.Get("client_id") == f.hint.Audience
		f.client = p.clients.byID[f.hint.Audience]
	}
	uri := q.Get("post_logout_redirect_uri")
	if f.client == nil || uri == "" || !f.sound {
		return f
	}
	// RP-Initiated Logout 1.0 §3: only an exactly registered URI is gone to. Without
	// a hint it is at most a link on the page that says that the visit is over.
	if !slices.Contains(f.client.PostLogoutRedirectURIs, uri) {
		f.sound = false
		return f
	}
	f.next = uri
	if state := q.Get("state"); state != "" {
		f.next = withQuery(uri, []Field{{"state", state}})
	}
	return f
}

// logoutByPost is POST on the end session endpoint. The answer to our own page
// ends the visit; a client's POST, which carries no SameSite=Lax cookies, comes
// back by GET.
func (p *Provider) logoutByPost(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	form, err := readForm(w, r)
	if err != nil || repeated(form) != "" {
		p.problem(w, r, formStatus(err), Problem{InvalidRequest, "The site sent a request that cannot be read."})
		return
	}
	if form.Has(confirmParam) {
		p.confirmLogout(w, r, form.Get(confirmParam))
		return
	}
	query := pick(form, "id_token_hint", "client_id", "post_logout_redirect_uri", "state").Encode()
	if len(query) > maxQuery {
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "The site sent a request that is too long."})
		return
	}
	seeOther(w, p.base+pathLogout+"?"+query)
}

// roomsOf returns the lines that a logout is about: the client's, or all.
func (p *Provider) roomsOf(room string) []string {
	if room == "" {
		return p.clients.rooms
	}
	return []string{room}
}

// ask shows the page that asks whether to end the visit, or says that there is
// none.
func (p *Provider) ask(w http.ResponseWriter, r *http.Request, f farewell) {
	var room string
	if f.client != nil {
		room = f.client.Room
	}
	admitted := false
	for _, name := range p.roomsOf(room) {
		_, err := p.queue.Visitor(r, name)
		if err != nil && !errors.Is(err, ErrNoVisitor) {
			p.lineUnavailable(w, r, err)
			return
		}
		admitted = admitted || err == nil
	}
	if !admitted {
		p.pages.LoggedOut(w, r, f.next)
		return
	}
	browser, _, err := p.queue.Browser(w, r)
	if err != nil {
		p.lineUnavailable(w, r, err)
		return
	}
	now := p.queue.Now()
	question := appendString(appendString(browser[:], room), f.next)
	sealed, err := p.logoutSeal.seal(now, binary.AppendVarint(question, now.Unix()))
	if err != nil {
		p.lineUnavailable(w, r, err)
		return
	}
	p.pages.ConfirmLogout(w, r, p.base+pathLogout, []Field{{confirmParam, sealed}})
}

// confirmLogout ends the visit after the person has said yes. Only a page that
// this browser was shown a moment ago can say so: what it holds is bound to the
// browser cookie, and the request must come from our own origin.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request, sealed string) {
	if !p.isOwnForm(r) {
		p.ask(w, r, farewell{})
		return
	}
	browser, _, err := p.queue.Browser(w, r)
	if err != nil {
		p.lineUnavailable(w, r, err)
		return
	}
	room, next, ok := p.openQuestion(sealed, browser)
	if !ok {
		p.ask(w, r, farewell{})
		return
	}
	for _, name := range p.roomsOf(room) {
		if err := p.queue.End(w, r, name, ""); err != nil && !errors.Is(err, ErrNoVisitor) {
			p.lineUnavailable(w, r, err)
			return
		}
	}
	// Chromium applies a page's form-action to the redirects behind its forms,
	// so the way on is a link.
	p.pages.LoggedOut(w, r, next)
}

// openQuestion returns what a logout page shown to this browser asked.
func (p *Provider) openQuestion(sealed string, browser Browser) (room, next string, ok bool) {
	if len(sealed) > 2*maxSealed {
		return "", "", false
	}
	now := p.queue.Now()
	value, err := p.logoutSeal.open(now, sealed)
	if err != nil {
		return "", "", false
	}
	in := wire[string]{rest: string(value)}
	var shownTo Browser
	copy(shownTo[:], in.bytes(uint64(len(shownTo))))
	room, next = in.string(), in.string()
	shownAt, size := binary.Varint([]byte(in.rest))
	if in.failed || size != len(in.rest) || shownTo != browser {
		return "", "", false
	}
	return room, next, now.Sub(time.Unix(shownAt, 0)) <= confirmLife
}

// isOwnForm reports whether a POST can have come from a page of ours. A page
// with Referrer-Policy: no-referrer sends the Origin "null".
func (p *Provider) isOwnForm(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	return origin == "" || origin == "null" || origin == p.origin
}

// lineUnavailable shows that the line doesn't answer.
func (p *Provider) lineUnavailable(w http.ResponseWriter, r *http.Request, err error) {
	p.logger.WarnContext(r.Context(), "cannot answer now", "path", r.URL.Path, "error", err)
	w.Header().Set("Retry-After", "1")
	p.problem(w, r, http.StatusServiceUnavailable, Problem{TemporarilyUnavailable, "The waiting room cannot answer right now. Please try again."})
}
