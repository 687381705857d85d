package wait

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/anteroom-dev/anteroom/templates"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// retryParam counts how often a page was asked for again because another tab
// of the same browser was taking the turn up at that moment.
const retryParam = "retry"

// retries is how often the browser is sent round, and retryPause how long it
// is kept each time for the other tab's answer to arrive.
const (
	retries    = 3
	retryPause = 150 * time.Millisecond
)

// claim takes up a turn and sends the browser back to the relying party. It
// looks at the session first, so that a code is made only when it will be used.
func (h *Handler) claim(v *visit, ticket waitingroom.Ticket) {
	ctx, id := v.r.Context(), v.room.Config().ID
	standing, err := v.room.Lookup(ctx, ticket)
	if err != nil {
		h.refused(v, ticket, err)
		return
	}
	holder, held := h.Cookies.holder(v.r, id)
	active := standing.State == waitingroom.StateActive
	var fresh string
	switch {
	case !active:
		fresh, holder = newHolder()
	case !held || standing.Session.Holder != holder:
		h.held(v)
		return
	}
	if v.login.Late(h.Engine.Now()) {
		h.startAfresh(v, ticket, holder, fresh)
		return
	}
	if active && h.asks(v, standing.Session) {
		return
	}
	code, deliver := v.login.Answer()
	if _, err := v.room.Claim(ctx, waitingroom.Claim{Ticket: ticket, Holder: holder, Code: &code}); err != nil {
		h.refused(v, ticket, err)
		return
	}
	if fresh != "" {
		h.Cookies.setSession(v.w, id, fresh)
	}
	deliver(v.w, v.r)
}

// asks asks an admitted visitor to confirm being there, if the relying party
// wants that, and reports whether it did.
func (h *Handler) asks(v *visit, s waitingroom.Session) bool {
	if !v.login.NeedsConfirmation(v.room, s) {
		return false
	}
	page, action := h.Pages.Confirm, actionConfirm
	if v.login.Requeues() {
		page, action = h.Pages.Requeue, actionRequeue
	}
	page(v.w, templates.Question{Room: v.room.Config().Name, Form: h.form(v, action)})
	return true
}

// startAfresh keeps a turn, whose login the relying party has given up by now,
// and sends the browser to start that afresh. The relying party's new request is
// answered at once, because the visitor holds a session. Fresh is the session
// cookie to set, or "".
func (h *Handler) startAfresh(v *visit, ticket waitingroom.Ticket, holder [32]byte, fresh string) {
	_, err := v.room.Claim(v.r.Context(), waitingroom.Claim{Ticket: ticket, Holder: holder, Reserve: v.login.Reservation()})
	looping := errors.Is(err, waitingroom.ErrSentRound)
	if err != nil && !looping {
		h.refused(v, ticket, err)
		return
	}
	if fresh != "" {
		h.Cookies.setSession(v.w, v.room.Config().ID, fresh)
	}
	can := v.login.CanStartAfresh()
	if looping && can {
		h.Logger.WarnContext(v.r.Context(), "a visitor was sent to start the login afresh again and again, and no code was redeemed",
			"room", v.room.Config().ID, "client", v.login.Client())
	}
	if looping || !can {
		h.Pages.StartAfresh(v.w, templates.StartAfresh{Room: v.room.Config().Name, SiteURL: v.login.SiteURL()})
		return
	}
	v.login.StartAfresh(v.w, v.r)
}

// refused answers a claim that the store refused.
func (h *Handler) refused(v *visit, ticket waitingroom.Ticket, err error) {
	switch {
	case errors.Is(err, waitingroom.ErrHeld):
		h.held(v)
	case errors.Is(err, waitingroom.ErrNotServed), errors.Is(err, waitingroom.ErrFull):
		// The counter was moved back meanwhile, or the capacity was lowered.
		h.waiting(v, ticket, templates.StateWaiting)
	case errors.Is(err, waitingroom.ErrExpired):
		h.again(v, ticket.ID, h.Pages.Expired)
	case errors.Is(err, waitingroom.ErrSpent):
		h.again(v, ticket.ID, h.Pages.Spent)
	case errors.Is(err, waitingroom.ErrLineEnded):
		h.again(v, ticket.ID, h.Pages.Ended)
	default:
		h.later(v.w, v.r, v.room.Config().Name, err)
	}
}

// held answers a browser whose place another session cookie holds. It may be
// another tab of the same browser, whose answer with the cookie is still on its
// way, so the browser is sent round a few times before it is asked.
func (h *Handler) held(v *visit) {
	tried, _ := strconv.Atoi(v.r.URL.Query().Get(retryParam))
	if _, ok := h.Cookies.holder(v.r, v.room.Config().ID); !ok && tried >= 0 && tried < retries && v.r.Method == http.MethodGet {
		select {
		case <-time.After(retryPause):
		case <-v.r.Context().Done():
		}
		//nolint:gosec // To our own path; what comes from outside is escaped.
		http.Redirect(v.w, v.r, h.self(v.r)+"&"+retryParam+"="+strconv.Itoa(tried+1), http.StatusSeeOther)
		return
	}
	h.Pages.ContinueHere(v.w, templates.Question{Room: v.room.Config().Name, Form: h.form(v, actionContinue)})
}

// Session returns the place and the live session that r's cookies prove in a
// room, or an error that wraps [waitingroom.ErrNoSession]. It looks at the
// store, not at what was known a moment ago.
func (h *Handler) Session(r *http.Request, room *waitingroom.Room) (waitingroom.Ticket, waitingroom.Session, error) {
	none := func() (waitingroom.Ticket, waitingroom.Session, error) {
		return waitingroom.Ticket{}, waitingroom.Session{}, waitingroom.ErrNoSession
	}
	id := room.Config().ID
	proof, placed := h.Cookies.place(r, id)
	holder, held := h.Cookies.holder(r, id)
	if !placed || !held {
		return none()
	}
	ticket, _, err := room.Verify(r.Context(), proof)
	switch {
	case errors.Is(err, waitingroom.ErrUnavailable):
		return ticket, waitingroom.Session{}, err
	case err != nil:
		return none()
	}
	standing, err := room.Lookup(r.Context(), ticket)
	if err != nil {
		return ticket, waitingroom.Session{}, err
	}
	if standing.State != waitingroom.StateActive || standing.Session.Holder != holder {
		return none()
	}
	return ticket, standing.Session, nil
}
