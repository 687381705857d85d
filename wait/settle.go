package wait

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"time"
)

// A browser that has never been here and opens several tabs at once asks for
// each without a browser cookie, is given one for each, and keeps the last. Its
// tabs must not join under different ones, or it takes several places; and what
// was bound to one that is gone must be bound to the one that stayed.

// settledParam marks a page that was asked for again after the cookies have
// settled.
const settledParam = "settled"

const (
	// besides is how soon after another new browser one must come from the same
	// place to be taken for another tab of it.
	besides = time.Second
	// quiet is how long no new browser must have come from there for the cookies
	// to be taken for settled, and settleMost how long a tab waits for that.
	quiet      = 150 * time.Millisecond
	settleMost = 1500 * time.Millisecond
	// settleStep is how often a tab looks, and how long it waits at least: another
	// one may have joined just before, and its answer be on the way.
	settleStep = 25 * time.Millisecond
)

// Whence says where a browser came from: a hash of the client's address, of an
// IPv6 address the first half, and the user agent. Many browsers may have one in
// common.
type Whence [8]byte

// whence returns where r comes from. It is never zero.
func (h *Handler) whence(r *http.Request) Whence {
	client := h.Client(r)
	address := client.As16()
	if client.Is6() {
		clear(address[8:]) // A browser may change the second half at any time.
	}
	sum := sha256.Sum256(append(address[:], r.UserAgent()...))
	sum[0] |= 1
	return Whence(sum[:8])
}

// Greet returns the identity of the browser that sent r, and gives it one if it
// has none. It also returns where the browser came from, if it is new, or if it
// may be one that was new a moment ago: the answer to another tab of that is about
// to replace its cookie.
func (h *Handler) Greet(w http.ResponseWriter, r *http.Request) (Browser, Whence) {
	from := h.whence(r)
	if b, ok := h.Cookies.Browser(r); ok && !h.greetings.recent(from) {
		return b, Whence{}
	}
	h.greetings.note(from)
	return h.Cookies.GreetBrowser(w, r), from
}

// rebind sends a new browser, whose tabs got a cookie each, on to the same page,
// bound to the cookie that has stayed. It reports whether it did.
func (h *Handler) rebind(w http.ResponseWriter, r *http.Request, login Login, browser Browser) bool {
	from := h.whence(r)
	if !login.Fresh(from, h.Engine.Now()) {
		return false
	}
	to, err := login.Rebind(r.Context(), browser, from)
	if err != nil {
		h.later(w, r, "", err)
		return true
	}
	if hasSettled(r) {
		to += "&" + settledParam + "=1"
	}
	//nolint:gosec // To our own path, with a seal of ours.
	http.Redirect(w, r, to, http.StatusSeeOther)
	return true
}

// hasSettled reports whether r is for a page that was asked for again.
func hasSettled(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "&"+settledParam+"=")
}

// settles keeps a new browser that isn't alone from joining until its cookies
// have settled, and then sends it round, once. It reports whether it did.
func (h *Handler) settles(v *visit, placed bool) bool {
	if hasSettled(v.r) {
		return false
	}
	from := h.whence(v.r)
	if !v.login.Fresh(from, h.Engine.Now()) {
		return false
	}
	// Whoever holds a place has nothing to wait for, but others wait for its return.
	tabs := h.greetings.returned(from)
	if placed || !h.rests(v, from, tabs) {
		return false
	}
	//nolint:gosec // To our own path; what comes from outside is escaped.
	http.Redirect(v.w, v.r, h.self(v.r)+"&"+settledParam+"=1", http.StatusSeeOther)
	return true
}

// rests keeps a new browser that is about to join until its cookies have settled, and
// reports whether it did. Tabs says whether it seems to be one of several tabs, of
// those that came to this node. Where other nodes serve the room, too, the store says
// who came first, on whichever of them. That one joins at once, and the others wait
// until its place has reached the browser.
func (h *Handler) rests(v *visit, from Whence, tabs bool) bool {
	came := time.Now()
	switch n := v.room.Newcomers(v.r.Context(), from, besides); {
	case n == 0:
		return tabs && h.greetings.rest(v.r.Context(), func() bool { return h.greetings.settled(from) })
	case n == 1 || n > maxTabs:
		return false
	}
	return h.greetings.rest(v.r.Context(), func() bool { return time.Since(came) >= quiet })
}
