package wait

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anteroom-dev/anteroom/templates"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Options is what [New] needs. All but Logger and Client are required.
type Options struct {
	// Engine runs the rooms.
	Engine *waitingroom.Engine
	// Logins opens the sealed requests.
	Logins Logins
	// Pages renders the pages.
	Pages *templates.Pages
	// Cookies names the cookies.
	Cookies Cookies
	// Origin is the issuer's scheme and host, as browsers send it in Origin.
	Origin string
	// Path is where the page is mounted, base path included, such as "/wait".
	Path string
	// Client returns the address that a request came from, for the flood limit.
	Client func(*http.Request) netip.Addr
	// Logger takes what an operator should know.
	Logger *slog.Logger
}

// Handler serves the waiting page and its poll. It is safe for concurrent use.
type Handler struct {
	Options
	pages, polls atomic.Int64
	sheets       sync.Pool // Of *[statusSize]byte, for answers to polls.
	greetings    *greetings
}

// New returns a handler.
func New(o Options) *Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	return &Handler{Options: o, greetings: newGreetings()}
}

// Loads returns how often the page and the poll were asked for.
func (h *Handler) Loads() (pages, polls int64) { return h.pages.Load(), h.polls.Load() }

// visit is one request for the page, as far as it is understood.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	login   Login
	room    *waitingroom.Room
	browser Browser
}

// ServeHTTP serves the page.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodGet:
		h.pages.Add(1)
		h.get(w, r)
	case http.MethodPost:
		h.post(w, r)
	case http.MethodHead:
		// A probe takes no place, and learns nothing.
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	if speculative(r) {
		// The browser asks again when the person really comes.
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		h.problem(w, r, http.StatusForbidden, "Open this page by itself",
			"The waiting room can't be shown inside another page.", "")
		return
	}
	if v := h.open(w, r); v != nil {
		h.place(v)
	}
}

// speculative reports whether a browser loads the page before anybody asked
// for it.
func speculative(r *http.Request) bool {
	for _, header := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		purpose := strings.ToLower(r.Header.Get(header))
		if strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "prerender") {
			return true
		}
	}
	return false
}

// open opens the sealed request and checks that it belongs to the browser. If
// it doesn't, open answers and returns nil.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) *visit {
	login, err := h.Logins.OpenLogin(r.Context(), sealed(r))
	switch {
	case errors.Is(err, ErrLoginExpired):
		h.problem(w, r, http.StatusBadRequest, "This link is too old",
			"Please go back to the site and start again.", "")
		return nil
	case errors.Is(err, ErrBadLogin):
		h.problem(w, r, http.StatusBadRequest, "This link is not valid",
			"It may have been cut off or changed. Please go back to the site and start again.", "")
		return nil
	case err != nil:
		h.later(w, r, "", err)
		return nil
	}
	room, err := h.Engine.Room(login.Room())
	if err != nil {
		h.problem(w, r, http.StatusBadRequest, "This line does not exist any more",
			"Please go back to the site and start again.", login.SiteURL())
		return nil
	}
	name := room.Config().Name
	browser, ok := h.Cookies.Browser(r)
	if !ok {
		h.Pages.NoCookies(w, templates.NoCookies{Room: name, RetryURL: h.self(r)})
		return nil
	}
	if browser != login.Browser() {
		if r.Method == http.MethodGet && h.rebind(w, r, login, browser) {
			return nil
		}
		h.Pages.OtherBrowser(w, templates.OtherBrowser{Room: name, SiteURL: login.SiteURL()})
		return nil
	}
	return &visit{w: w, r: r, login: login, room: room, browser: browser}
}

// sealed returns the sealed request that the URL of r carries. It is nearly always
// all of the query, and nothing in it is escaped.
func sealed(r *http.Request) string {
	value, ok := strings.CutPrefix(r.URL.RawQuery, LoginParam+"=")
	if !ok || strings.Contains(value, "&") || strings.Contains(value, "%") {
		return r.URL.Query().Get(LoginParam)
	}
	return value
}

// self returns path and query of the page that r asks for.
func (h *Handler) self(r *http.Request) string {
	return h.Path + "?" + LoginParam + "=" + url.QueryEscape(sealed(r))
}

// statusURL returns path and query of the poll that belongs to the page.
func (h *Handler) statusURL(r *http.Request) string {
	return h.Path + "/status?" + LoginParam + "=" + url.QueryEscape(sealed(r))
}

// place finds the visitor's place, or deals one, and shows how it stands.
func (h *Handler) place(v *visit) {
	proof, ok := h.Cookies.place(v.r, v.room.Config().ID)
	if h.settles(v, ok) {
		return
	}
	if !ok {
		h.join(v, waitingroom.RequestID{})
		return
	}
	ticket, p, err := v.room.Verify(v.r.Context(), proof)
	switch {
	case err == nil:
		h.stand(v, ticket)
	case errors.Is(err, waitingroom.ErrLineEnded):
		h.again(v, p.ID, h.Pages.Ended)
	case errors.Is(err, waitingroom.ErrBrokenProof), errors.Is(err, waitingroom.ErrUnknownTicket):
		h.again(v, waitingroom.RequestID{}, h.Pages.Broken)
	default:
		// Also a place of a later generation than the store's: it is about to
		// hear of that reset.
		h.later(v.w, v.r, v.room.Config().Name, err)
	}
}

// again offers a new place by a button. In an open room there is no line to
// lose, and it is given at once.
func (h *Handler) again(v *visit, dead waitingroom.RequestID, page func(http.ResponseWriter, templates.Rejoin)) {
	if v.room.Config().Inlet.Kind == waitingroom.InletOpen {
		h.join(v, dead)
		return
	}
	d := templates.Rejoin{Room: v.room.Config().Name, Form: h.form(v, actionJoin)}
	// A turn that has passed may have been reserved, which is nearly always for as long.
	if rules := v.room.Config().Settings; rules.Reservation() == rules.PositionTTL {
		d.Kept = rules.PositionTTL
	}
	page(v.w, d)
}

// join deals a place, stores it in the browser and shows how it stands.
func (h *Handler) join(v *visit, dead waitingroom.RequestID) {
	if v.room.Phase() != waitingroom.PhaseOpen {
		h.closed(v)
		return
	}
	ticket, ok := h.deal(v, dead)
	if ok {
		h.stand(v, ticket)
	}
}

// deal deals a place and stores it in the browser, or answers why not.
func (h *Handler) deal(v *visit, dead waitingroom.RequestID) (waitingroom.Ticket, bool) {
	name := v.room.Config().Name
	ticket, err := v.room.Join(v.r.Context(), waitingroom.Join{
		Lane: waitingroom.LaneBrowser, From: h.Client(v.r), Browser: v.browser, Dead: dead,
	})
	flood, flooded := errors.AsType[*waitingroom.FloodError](err)
	switch {
	case flooded:
		h.Pages.TooMany(v.w, templates.Later{Room: name, RetryAfter: flood.RetryAfter, PageURL: h.self(v.r)})
	case errors.Is(err, waitingroom.ErrClosed):
		h.closed(v)
	case err != nil:
		h.later(v.w, v.r, name, err)
	default:
		h.Cookies.setPlace(v.w, v.r, v.room.Config().ID, v.room.Prove(ticket, 0))
		return ticket, true
	}
	return waitingroom.Ticket{}, false
}

// stand shows how a place stands, or takes up the turn.
func (h *Handler) stand(v *visit, ticket waitingroom.Ticket) {
	s, err := v.room.Standing(v.r.Context(), ticket)
	if err != nil {
		h.later(v.w, v.r, v.room.Config().Name, err)
		return
	}
	switch s.State {
	case waitingroom.StateWaiting:
		if v.room.Phase() != waitingroom.PhaseOpen {
			h.closed(v)
			return
		}
		h.waiting(v, ticket, templates.StateWaiting)
	case waitingroom.StateServed:
		if pace := v.room.Pace(ticket); pace.EnterAfter > 0 {
			h.waiting(v, ticket, templates.StateServed)
			return
		}
		h.claim(v, ticket)
	case waitingroom.StateActive:
		h.claim(v, ticket)
	case waitingroom.StateExpired:
		h.again(v, ticket.ID, h.Pages.Expired)
	default:
		h.again(v, ticket.ID, h.Pages.Spent)
	}
}

// waiting shows the page of somebody who waits.
func (h *Handler) waiting(v *visit, ticket waitingroom.Ticket, state templates.State) {
	c, pace := v.room.Counters(), v.room.Pace(ticket)
	page := templates.Waiting{
		Room: v.room.Config().Name, State: state,
		Position: ticket.Position, Serving: c.Serving, Ahead: pace.Ahead,
		Updated: c.Now, PageURL: h.self(v.r), StatusURL: h.statusURL(v.r),
		PollAfter: pace.PollAfter, RefreshAfter: pace.PollAfter, EnterAfter: pace.EnterAfter,
	}
	if pace.Low >= 0 {
		page.Wait = &templates.Estimate{Low: pace.Low, High: pace.High}
	}
	if pace.EnterAfter > 0 {
		page.RefreshAfter = pace.EnterAfter
	}
	rest(v.w, page.RefreshAfter)
	h.Pages.Waiting(v.w, page)
}

// rest closes the connection of a browser that comes back much later: keeping
// it open would cost more than opening it again.
func rest(w http.ResponseWriter, until time.Duration) {
	if until > 10*time.Second {
		w.Header().Set("Connection", "close")
	}
}

// closed shows that the room is closed, and when it opens.
func (h *Handler) closed(v *visit) {
	inlet := v.room.Config().Inlet
	page := templates.Closed{Room: v.room.Config().Name, PageURL: h.self(v.r), RefreshAfter: time.Minute}
	if v.room.Phase() == waitingroom.PhaseBefore {
		page.Opens = inlet.Start
		page.RefreshAfter = min(max(inlet.Start.Sub(v.room.Now()), 0)+spread(), time.Minute)
	}
	h.Pages.Closed(v.w, page)
}

// spread returns up to 5 s, so that not everybody comes in the second in which
// the room opens.
func spread() time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:])
	return time.Duration(b[0]) * 5 * time.Second / 256
}

// later asks to come again in a moment: the store doesn't answer, and the
// place is safe. The engine logs, once, that a store doesn't answer; a line for each
// visitor would bury that.
func (h *Handler) later(w http.ResponseWriter, r *http.Request, room string, err error) {
	level := slog.LevelWarn
	if errors.Is(err, waitingroom.ErrUnavailable) {
		level = slog.LevelDebug
	}
	h.Logger.Log(r.Context(), level, "a visitor has to come again in a moment", "path", r.URL.Path, "error", err)
	h.Pages.OneMoment(w, templates.Later{Room: room, RetryAfter: 3*time.Second + spread(), PageURL: h.self(r)})
}

// problem shows an error with a reference that the log has too.
func (h *Handler) problem(w http.ResponseWriter, r *http.Request, status int, title, explanation, site string) {
	reference := NewReference()
	h.Logger.InfoContext(r.Context(), "a visitor was shown an error", "reference", reference, "title", title, "path", r.URL.Path)
	h.Pages.Problem(w, templates.Problem{
		Status: status, Title: title, Explanation: explanation, Reference: reference, SiteURL: site,
	})
}

// NewReference returns a short random name under which a visitor's error is
// found in the log.
func NewReference() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails.
	return hex.EncodeToString(b[:])
}
