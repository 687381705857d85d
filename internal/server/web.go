package server

import (
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/gorilla/mux"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/internal/certificate"
	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/keys"
	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/static"
	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// shedAbove is how many polls and page loads for each core are under way when
// further ones are turned away. They take microseconds: so many at once means
// that the node can't keep up, and what keeps visitors moving (tokens, entries)
// goes first.
const shedAbove = 512

// web puts the handlers on their paths.
type web struct {
	config   *config.Config
	base     string // Path of the issuer, "" or "/…".
	engine   *waitingroom.Engine
	ring     *keys.Ring
	provider *oidc.Provider
	page     *wait.Handler
	pages    *pages
	assets   *static.Files
	client   func(*http.Request) netip.Addr
	log      *slog.Logger
	shed     atomic.Int64
	// certificates are those of the sides that have one, by the side's name.
	certificates map[string]*certificate.Pair
}

// public returns the handler of the public listener. The paths that a crowd
// asks for are matched first, before the router.
func (s *web) public() http.Handler {
	api := s.api().Public()
	status := s.shedding(http.HandlerFunc(s.page.Status))
	page := s.shedding(s.page)

	router := mux.NewRouter()
	router.UseEncodedPath()
	// RFC 9700 §4.11 and §4.12: the router would answer //path with a permanent
	// redirect, a POST too, and to the host of an absolute request target.
	router.SkipClean(true)
	s.provider.Mount(router)
	router.PathPrefix(s.base + "/static/").Handler(s.assets.Handler())
	router.Path(s.base + "/healthz").HandlerFunc(alive)
	router.NotFoundHandler = http.HandlerFunc(s.notFound)

	prefix, waitPath, statusPath := s.base+"/public/", s.base+"/wait", s.base+"/wait/status"
	return s.recovering(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == statusPath:
			status.ServeHTTP(w, r)
		case len(path) > len(prefix) && path[:len(prefix)] == prefix:
			api.ServeHTTP(w, r)
		case path == waitPath:
			page.ServeHTTP(w, r)
		default:
			router.ServeHTTP(w, r)
		}
	}))
}

// api returns the JSON API of the line.
func (s *web) api() *awsapi.API {
	open := make(map[string]bool)
	for _, room := range s.config.Rooms {
		open[room.ID] = room.PublicAPI
	}
	return awsapi.New(awsapi.Options{
		Engine: s.engine, PublicRoom: func(room string) bool { return open[room] }, PublicPath: s.base + "/public",
		Client: s.client, Allow: allowed, Operator: operator, Logger: s.log,
	})
}

// shedding turns requests away while too many are under way.
func (s *web) shedding(next http.Handler) http.Handler {
	limit := int64(shedAbove * runtime.GOMAXPROCS(0))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.shed.Add(-1)
		if s.shed.Add(1) > limit {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Retry-After", "5")
			http.Error(w, "busy, please come again in a moment", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recovering answers a request whose handler panicked, and logs where.
func (s *web) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch fault := recover(); fault {
			case nil:
			case http.ErrAbortHandler:
				panic(fault)
			default:
				s.log.ErrorContext(r.Context(), "a request failed by a fault of this program; please report it",
					"path", r.URL.Path, "fault", fault, "stack", string(debug.Stack()))
				s.pages.show(w, r, http.StatusInternalServerError, "Something went wrong",
					"Your place is kept. Please try again in a moment.", "server_error")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *web) notFound(w http.ResponseWriter, r *http.Request) {
	s.pages.show(w, r, http.StatusNotFound, "There is nothing here",
		"Please go back to the site that you came from.", "not_found")
}

// alive says that the process answers.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // An error means that the caller has gone.
}
