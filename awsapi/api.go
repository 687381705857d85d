package awsapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Options is what [New] needs. All but Engine may be left out.
type Options struct {
	// Engine runs the rooms.
	Engine *waitingroom.Engine
	// PublicRoom reports whether the public API is switched on for a room. To
	// the public API any other room is unknown. Nil switches it on for all.
	// It is asked once for each room, by New.
	PublicRoom func(id string) bool
	// PublicPath is where the public API is mounted, the issuer's path
	// included and without a slash at its end; empty stands for "/public".
	PublicPath string
	// Client returns the address that a request came from, for the flood
	// limit. Nil means that there is none.
	Client func(*http.Request) netip.Addr
	// Allow reports whether whoever sent a request to the private API may do that
	// to a room. It is asked before the room is looked for, with whatever
	// the request names. Nil allows all.
	Allow func(r *http.Request, room string, what Action) bool
	// Operator returns the name of whoever sent a request to the private API, for
	// the log. Nil means that there is none.
	Operator func(*http.Request) string
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger
}

// Action is what an order to the private API does to a room.
type Action string

// The actions.
const (
	// Serve moves the serving counter.
	Serve Action = "serve"
	// Reset ends the line and all visits.
	Reset Action = "reset"
)

// API serves the JSON APIs. It is safe for concurrent use.
type API struct {
	engine *waitingroom.Engine
	public map[string]*waitingroom.Room // Those that the public API knows.
	path   string
	client func(*http.Request) netip.Addr
	allow  func(*http.Request, string, Action) bool
	who    func(*http.Request) string
	log    *slog.Logger
}

// New returns the APIs over the rooms of an engine.
func New(o Options) *API {
	a := &API{
		engine: o.Engine,
		public: make(map[string]*waitingroom.Room),
		path:   o.PublicPath,
		client: o.Client,
		allow:  o.Allow,
		who:    o.Operator,
		log:    o.Logger,
	}
	for _, room := range o.Engine.Rooms() {
		if id := room.Config().ID; o.PublicRoom == nil || o.PublicRoom(id) {
			a.public[id] = room
		}
	}
	if a.path == "" {
		a.path = "/public"
	}
	if a.client == nil {
		a.client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	if a.allow == nil {
		a.allow = func(*http.Request, string, Action) bool { return true }
	}
	if a.who == nil {
		a.who = func(*http.Request) string { return "" }
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// Public returns the API for visitors. It compares paths itself and needs no
// router in front; a path that it doesn't know is answered 404.
func (a *API) Public() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		openToScripts(w)
		path, ok := strings.CutPrefix(r.URL.Path, a.path)
		switch {
		case ok && path == "/serving_num":
			if takes(w, r, http.MethodGet) {
				a.servingNum(w, r)
			}
		case ok && path == "/assign_queue_num":
			if takes(w, r, http.MethodPost) {
				a.assignQueueNum(w, r)
			}
		case ok && path == "/queue_num":
			if takes(w, r, http.MethodGet) {
				a.queueNum(w, r)
			}
		default:
			fail(w, http.StatusNotFound, "Not Found")
		}
	})
}

// Private returns the API for operators, mounted at /private/. It asks for no
// credentials: whoever mounts it has checked them, and says by Options.Allow what
// they are good for, as only here is known which room is meant. Preflights (OPTIONS) carry
// none, change nothing and tell nothing, so they may pass unchecked.
func (a *API) Private() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		openToScripts(w)
		switch r.URL.Path {
		case "/private/increment_serving_counter":
			if takes(w, r, http.MethodPost) {
				a.incrementServingCounter(w, r)
			}
		case "/private/reset_initial_state":
			if takes(w, r, http.MethodPost) {
				a.resetInitialState(w, r)
			}
		default:
			fail(w, http.StatusNotFound, "Not Found")
		}
	})
}
