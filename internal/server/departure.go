package server

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// departFor is how long a node that leaves others behind goes on answering on
// connections that are open. A load balancer finds out within less.
const departFor = time.Second

// A departure ends a listener without losing requests. Somebody may send one on an idle
// connection at the very moment at which that is closed, and repeats it only if it is
// safe to repeat, which logging in is not (RFC 9112 §9.3.1). So for a moment idle connections are
// left open, and what still comes is answered, with the word that the connection
// ends.
type departure struct{ begun atomic.Bool }

// around returns a handler that says so.
func (d *departure) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close") // RFC 9112 §9.6: the last answer on it.
		}
		next.ServeHTTP(w, r)
	})
}

// begin takes no new connections any more, and returns when the others have had
// their time, or ctx ends.
func (d *departure) begin(ctx context.Context, socket net.Listener) {
	d.begun.Store(true)
	_ = socket.Close() // Whatever that says, the server is about to be shut down.
	timer := time.NewTimer(departFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
