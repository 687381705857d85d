package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

// management returns the handler of the management listener. All but the health
// checks needs one of the tokens.
func (s *web) management(tokens func() []admin.Token, version string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newMetrics(s, version)...)

	router := mux.NewRouter()
	private := s.api().Private()
	router.PathPrefix("/private/").Handler(private)
	signing := admin.Keys(s.ring, s.log)
	router.Path("/admin/api/keys").Handler(signing)
	router.Path("/admin/api/keys/rotate").Handler(signing)
	router.Path("/admin/api/prune").Handler(admin.Prune(s.engine, s.log))
	router.PathPrefix("/admin/api/").Handler(admin.Rooms(s.engine))
	router.Path("/metrics").Handler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	guarded := admin.Auth(tokens, router)

	return s.recovering(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			alive(w, r)
		case "/readyz":
			s.ready(w, r)
		default:
			if r.Method == http.MethodOptions && strings.HasPrefix(r.URL.Path, "/private/") {
				// A browser asks before it sends a token, and must be answered
				// without one. It learns nothing but which methods there are.
				private.ServeHTTP(w, r)
				return
			}
			guarded.ServeHTTP(w, r)
		}
	}))
}

// fitTimeout bounds how long a probe waits for the store.
const fitTimeout = 2 * time.Second

// ready says whether this node can do all that it is there for, and if not,
// what is missing.
func (s *web) ready(w http.ResponseWriter, r *http.Request) {
	faults := make(map[string]string)
	ctx, cancel := context.WithTimeout(r.Context(), fitTimeout)
	defer cancel()
	if err := s.engine.Fit(ctx); err != nil {
		faults["store"] = err.Error()
	}
	for _, room := range s.engine.Rooms() {
		if err := room.Healthy(); err != nil {
			faults["room "+room.Config().ID] = "the store doesn't answer"
		}
	}
	select {
	case <-s.ring.Ready():
	default:
		faults["keys"] = "no signing key yet"
	}
	status := http.StatusOK
	if len(faults) > 0 {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Strings always encode, and an error of writing means that the caller has gone.
	_ = json.NewEncoder(w).Encode(struct {
		Ready  bool              `json:"ready"`
		Faults map[string]string `json:"faults,omitempty"`
	}{len(faults) == 0, faults})
}
