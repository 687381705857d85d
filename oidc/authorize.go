package oidc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// LoginParam is the query parameter of the waiting page that holds the
	// sealed login.
	LoginParam = "login"
	// pendingParam is the query parameter of the authorization endpoint that
	// holds a sealed request which came by POST.
	pendingParam = "pending"
)

// authorize is GET on the authorization endpoint. It never takes a place in the
// line: whoever is admitted gets a code, and everybody else goes to the waiting
// page.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if refusePrefetch(w, r) {
		return
	}
	noStore(w)
	q, ok := p.readQuery(w, r)
	if !ok {
		return
	}
	if q.Has(pendingParam) {
		p.resume(w, r, q.Get(pendingParam))
		return
	}
	if login := p.receive(w, r, q); login != nil {
		p.proceed(w, r, login)
	}
}

// authorizeByPost is POST on the authorization endpoint. A POST from another
// site carries no SameSite=Lax cookies, so nothing can be decided here: the
// request is sealed and comes back by GET, which carries them.
//
// OpenID Connect Core 1.0 §3.1.2.1: the endpoint must support both methods.
func (p *Provider) authorizeByPost(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	form, err := readForm(w, r)
	if err != nil {
		p.problem(w, r, formStatus(err), Problem{InvalidRequest, "The site sent a request that cannot be read."})
		return
	}
	login := p.receive(w, r, form)
	if login == nil {
		return
	}
	if err := p.sealLogin(r.Context(), p.pendingSeal, login); err != nil {
		p.fail(w, r, login, unavailable(err))
		return
	}
	seeOther(w, p.base+pathAuthorize+"?"+pendingParam+"="+login.sealed)
}

// formStatus returns the HTTP status for a form that readForm didn't read.
func formStatus(err error) int {
	if errors.Is(err, errTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// receive validates an authorization request. If anything is wrong it answers
// and returns nil.
func (p *Provider) receive(w http.ResponseWriter, r *http.Request, q url.Values) *Login {
	login, problem := p.addressee(q)
	if problem != nil {
		p.problem(w, r, http.StatusBadRequest, *problem)
		return nil
	}
	if fault := p.complete(login, q); fault != nil {
		p.fail(w, r, login, fault)
		return nil
	}
	_, _ = rand.Read(login.id[:]) // never fails
	// auth_time has whole seconds; what it is compared with has them too.
	login.received = p.queue.Now().UTC().Truncate(time.Second)
	if len(login.encode()) > maxLogin {
		// A state of this size wouldn't fit into the URL of an answer either.
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "The site sent a request that is too long."})
		return nil
	}
	return login
}

// resume goes on with a request that came by POST.
func (p *Provider) resume(w http.ResponseWriter, r *http.Request, sealed string) {
	login, err := p.openLogin(r.Context(), p.pendingSeal, sealed)
	switch {
	case errors.Is(err, ErrLoginExpired):
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "This request is too old. Please go back to the site and try again."})
	case errors.Is(err, ErrBadLogin):
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "This link is not valid. Please go back to the site and try again."})
	case err != nil:
		p.logger.WarnContext(r.Context(), "pending login not found", "error", err)
		p.problem(w, r, http.StatusServiceUnavailable, Problem{TemporarilyUnavailable, "The waiting room cannot answer right now. Please try again."})
	default:
		p.proceed(w, r, login)
	}
}

// proceed answers a valid request of a browser whose cookies can be seen.
func (p *Provider) proceed(w http.ResponseWriter, r *http.Request, login *Login) {
	// A frame or an image must not stand in line unseen; it is answered as a
	// client that asks not to show anything.
	silent := login.silent || !isNavigation(r)
	if !silent && login.Late(p.queue.Now()) {
		// It came by POST, long ago. The waiting page knows how to start it afresh.
		p.wait(w, r, login)
		return
	}
	secret, err := p.admitted(w, r, login)
	switch {
	case err == nil:
		p.Deliver(w, r, login, secret)
	case !silent:
		// The waiting page also knows what to say while the line doesn't answer.
		p.wait(w, r, login)
	case errors.Is(err, ErrNoVisitor):
		// OpenID Connect Core 1.0 §3.1.2.6: without a login and without leave to
		// show a page, the answer is login_required. Nobody is admitted here
		// unseen, not even in an open room.
		p.fail(w, r, login, &Error{
			Code:        LoginRequired,
			Description: "The visitor has not been admitted.",
			Cause:       err,
		})
	default:
		p.fail(w, r, login, unavailable(err))
	}
}

// admitted returns a code if the browser belongs to an admitted visitor who
// has nothing left to do, or else an error wrapping [ErrNoVisitor].
func (p *Provider) admitted(w http.ResponseWriter, r *http.Request, login *Login) (string, error) {
	visitor, err := p.queue.Visitor(r, login.Room())
	if err != nil {
		return "", err
	}
	if p.NeedsConfirmation(login, visitor) {
		return "", fmt.Errorf("a new confirmation is due: %w", ErrNoVisitor)
	}
	if login.client.Subject == SubjectBrowser {
		if login.browser, _, err = p.queue.Browser(w, r); err != nil {
			return "", err
		}
	}
	// OpenID Connect Core 1.0 §3.1.2.1: with prompt=none the user must be the
	// one whom the hint names. Otherwise the hint of an earlier visit must not
	// keep its owner out, whose sub is another one today.
	if login.silent && login.subject != "" && !p.isSubject(login.subject, login, visitor) {
		return "", fmt.Errorf("the hint names another visitor: %w", ErrNoVisitor)
	}
	secret, code := p.NewCode(login)
	if err := p.queue.Issue(r.Context(), visitor, code); err != nil {
		return "", err
	}
	return secret, nil
}

// wait binds the login to the browser and sends it to the waiting page.
func (p *Provider) wait(w http.ResponseWriter, r *http.Request, login *Login) {
	browser, whence, err := p.queue.Browser(w, r)
	if err != nil {
		p.fail(w, r, login, unavailable(err))
		return
	}
	login.browser, login.whence = browser, whence
	if err := p.sealLogin(r.Context(), p.loginSeal, login); err != nil {
		p.fail(w, r, login, unavailable(err))
		return
	}
	seeOther(w, p.WaitURL(login))
}

// OpenLogin opens a sealed login as the waiting page finds it under
// [LoginParam]. Its errors wrap [ErrBadLogin] or [ErrLoginExpired], or say that
// the line can't answer now. The caller must compare [Login.Browser].
func (p *Provider) OpenLogin(ctx context.Context, sealed string) (*Login, error) {
	return p.openLogin(ctx, p.loginSeal, sealed)
}

// WaitURL returns path and query of the waiting page for a login.
func (p *Provider) WaitURL(login *Login) string {
	return p.base + p.waitPath + "?" + LoginParam + "=" + login.sealed
}

// NeedsConfirmation reports whether an admitted visitor must confirm to be
// there before login is answered: the client demands it (prompt=login, or
// max_age is exceeded) and neither was the visitor admitted after the client
// asked, nor is this the first code that the client gets from that admission.
// What the visitor must do then, [Login.Requeues] tells.
//
// OpenID Connect Core 1.0 §3.1.2.1: both parameters ask for an active
// authentication, and who just came through the line has just done that.
func (p *Provider) NeedsConfirmation(login *Login, visitor Visitor) bool {
	since := visitor.AuthTime
	if login.Requeues() {
		// Pressing the button of another client is not standing in line.
		since = visitor.Admitted
	}
	stale := login.again ||
		login.maxAge >= 0 && login.received.Unix()-since.Unix() > login.maxAge
	if !stale || !since.Before(login.received) {
		return false
	}
	redeemed, ok := visitor.Redeemed[login.client.ID]
	return ok && !redeemed.Before(since)
}

// EndVisit ends the visit of the browser that sent r, which is to join the line
// of login anew. The grants of all clients end with it, and its slot is free when
// the last of their tokens has run out. A visit that is over already is no
// error.
func (p *Provider) EndVisit(w http.ResponseWriter, r *http.Request, login *Login) error {
	if err := p.queue.End(w, r, login.Room(), ""); err != nil && !errors.Is(err, ErrNoVisitor) {
		return fmt.Errorf("end a visit: %w", err)
	}
	return nil
}

// Deliver sends the browser back to the client with the code that
// [Provider.NewCode] returned as secret, after the queue has taken it in, or with
// the ID token that the client asked for instead.
func (p *Provider) Deliver(w http.ResponseWriter, r *http.Request, login *Login, secret string) {
	if login.idToken {
		p.deliverIDToken(w, r, login, secret)
		return
	}
	p.respond(w, r, login, []Field{{"code", secret}})
}

// fail tells the client what is wrong.
func (p *Provider) fail(w http.ResponseWriter, r *http.Request, login *Login, fault *Error) {
	p.report(r, login.client, fault)
	fields := []Field{{"error", string(fault.Code)}}
	if fault.Description != "" {
		fields = append(fields, Field{"error_description", fault.Description})
	}
	p.respond(w, r, login, fields)
}

// respond sends an authorization response, in the mode that was asked for, with
// the state exactly as it came.
func (p *Provider) respond(w http.ResponseWriter, r *http.Request, login *Login, fields []Field) {
	if login.state != "" {
		fields = append(fields, Field{"state", login.state})
	}
	if login.formPost {
		noStore(w)
		p.pages.FormPost(w, r, login.redirectURI, fields)
		return
	}
	seeOther(w, withQuery(login.redirectURI, fields))
}

// withQuery appends fields to the query of a URI and leaves the rest of it as
// it is (RFC 6749 §3.1.2).
func withQuery(uri string, fields []Field) string {
	var b strings.Builder
	b.WriteString(uri)
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
		if strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&") {
			separator = ""
		}
	}
	for _, f := range fields {
		// A space as %20 is understood by those too who don't decode forms.
		value := strings.ReplaceAll(url.QueryEscape(f.Value), "+", "%20")
		b.WriteString(separator + f.Name + "=" + value)
		separator = "&"
	}
	return b.String()
}

// problem shows a fault to the person at the browser.
func (p *Provider) problem(w http.ResponseWriter, r *http.Request, status int, problem Problem) {
	noStore(w)
	p.pages.Problem(w, r, status, problem)
}

// report logs a refusal that a client is told of. Queries, states and tokens
// stay out of the log.
func (p *Provider) report(r *http.Request, client *Client, fault *Error) {
	var id string
	if client != nil {
		id = client.ID
	}
	if fault.Code == TemporarilyUnavailable && fault.Cause != nil {
		p.logger.WarnContext(r.Context(), "cannot answer now", "client", id, "path", r.URL.Path, "error", fault.Cause)
		return
	}
	p.logger.DebugContext(r.Context(), "refused", "client", id, "path", r.URL.Path, "error", fault)
}
