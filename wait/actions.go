package wait

import (
	"errors"
	"net/http"

	"github.com/anteroom-dev/anteroom/templates"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// The buttons of the pages.
const (
	actionField    = "action"
	actionJoin     = "join"
	actionContinue = "continue"
	actionConfirm  = "confirm"
	actionRequeue  = "requeue"
)

// maxForm bounds the body of a button's request, in bytes.
const maxForm = 64 << 10

func (h *Handler) form(v *visit, action string) templates.Form {
	return templates.Form{Action: h.self(v.r), Fields: []templates.Field{{Name: actionField, Value: action}}}
}

// post does what a button asks for and sends the browser on to the page.
func (h *Handler) post(w http.ResponseWriter, r *http.Request) {
	if !h.sameOrigin(r) {
		h.problem(w, r, http.StatusForbidden, "Use the button on our own page",
			"This request came from another site.", "")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		h.problem(w, r, status, "That didn't work", "Please go back and try again.", "")
		return
	}
	v := h.open(w, r)
	if v == nil {
		return
	}
	var done bool
	switch r.PostForm.Get(actionField) {
	case actionJoin:
		done = h.rejoin(v)
	case actionContinue:
		done = h.continueHere(v)
	case actionConfirm:
		done = h.confirm(v)
	case actionRequeue:
		done = h.requeue(v)
	default:
		done = true
	}
	if done {
		// Not a redirect: browsers apply the page's form-action policy to
		// redirects that follow a form, and the way leads on to another site.
		h.Pages.Onward(w, templates.Onward{Room: v.room.Config().Name, URL: h.self(r)})
	}
}

// sameOrigin reports whether a POST comes from a page of ours. Our pages keep
// their referrer to themselves, so browsers send "Origin: null" with their forms
// (Fetch Standard, "append a request Origin header"), and Sec-Fetch-Site is what
// tells. A browser without that header is old; its cookies are SameSite, and
// without the browser cookie it gets no further.
func (h *Handler) sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	return origin == "" || origin == "null" || origin == h.Origin
}

// rejoin deals a new place to a visitor whose place is dead. A place that is
// still good is kept, so that pressing the button twice loses nothing.
func (h *Handler) rejoin(v *visit) bool {
	var dead waitingroom.RequestID
	if proof, ok := h.Cookies.place(v.r, v.room.Config().ID); ok {
		ticket, p, err := v.room.Verify(v.r.Context(), proof)
		dead = p.ID
		switch {
		case err == nil:
			standing, err := v.room.Lookup(v.r.Context(), ticket)
			if err != nil {
				h.later(v.w, v.r, v.room.Config().Name, err)
				return false
			}
			if standing.State != waitingroom.StateExpired && standing.State != waitingroom.StateSpent {
				return true
			}
		case errors.Is(err, waitingroom.ErrLineEnded), errors.Is(err, waitingroom.ErrBrokenProof), errors.Is(err, waitingroom.ErrUnknownTicket):
		default:
			h.later(v.w, v.r, v.room.Config().Name, err)
			return false
		}
	}
	_, ok := h.deal(v, dead)
	if ok {
		h.Cookies.ClearSession(v.w, v.room.Config().ID)
	}
	return ok
}

// continueHere moves the session of a place to this browser.
func (h *Handler) continueHere(v *visit) bool {
	ctx, id := v.r.Context(), v.room.Config().ID
	proof, ok := h.Cookies.place(v.r, id)
	if !ok {
		return true
	}
	ticket, p, err := v.room.Verify(ctx, proof)
	if err != nil {
		return true // The page says what is wrong with it.
	}
	standing, err := v.room.Lookup(ctx, ticket)
	if err != nil {
		h.later(v.w, v.r, v.room.Config().Name, err)
		return false
	}
	if standing.State != waitingroom.StateActive {
		return true
	}
	value, holder := newHolder()
	if _, err := v.room.Claim(ctx, waitingroom.Claim{Ticket: ticket, Holder: holder, Take: true}); err != nil {
		h.refused(v, ticket, err)
		return false
	}
	h.Cookies.setPlace(v.w, v.r, id, v.room.Prove(ticket, p.Holder+1))
	h.Cookies.setSession(v.w, id, value)
	return true
}

// confirm notes that an admitted visitor is still there.
func (h *Handler) confirm(v *visit) bool {
	if v.login.Requeues() {
		return true // The page says what is asked for instead.
	}
	ticket, session, err := h.Session(v.r, v.room)
	if errors.Is(err, waitingroom.ErrNoSession) {
		return true
	}
	if err == nil {
		_, err = v.room.Extend(v.r.Context(), ticket.ID, session.AuthTime)
	}
	if err != nil && !errors.Is(err, waitingroom.ErrNoSession) {
		h.later(v.w, v.r, v.room.Config().Name, err)
		return false
	}
	return true
}

// requeue ends the visit of an admitted visitor and deals a place at the end of
// the line, if that is what the relying party demands and still due. It takes a
// button on our own page, so that nobody loses a visit by following a link.
func (h *Handler) requeue(v *visit) bool {
	ticket, session, err := h.Session(v.r, v.room)
	switch {
	case errors.Is(err, waitingroom.ErrNoSession):
		return true // It has been done, or the page says how the place stands.
	case err != nil:
		h.later(v.w, v.r, v.room.Config().Name, err)
		return false
	case !v.login.Requeues() || !v.login.NeedsConfirmation(v.room, session):
		return true
	case v.room.Phase() != waitingroom.PhaseOpen:
		// There is no line to join, so nothing is given up for it.
		h.closed(v)
		return false
	}
	if err := v.login.EndVisit(v.w, v.r); err != nil {
		h.later(v.w, v.r, v.room.Config().Name, err)
		return false
	}
	// Should this fail, the place is spent, and its page offers a new one.
	_, ok := h.deal(v, ticket.ID)
	return ok
}
