package admin

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

const prunePath = "/admin/api/prune"

// pruned is the answer to an order to prune.
type pruned struct {
	Removed []string `json:"removed"`
}

// Prune serves POST /admin/api/prune, which removes what the store keeps of rooms
// that this server doesn't have. It asks for no credentials; [Auth] belongs in front.
func Prune(engine *waitingroom.Engine, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			fail(w, http.StatusMethodNotAllowed, "method not allowed")
			return
		}
		removed, err := engine.Prune(r.Context())
		if err != nil {
			log.WarnContext(r.Context(), "rooms not pruned", "error", err)
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusServiceUnavailable, "the store doesn't answer")
			return
		}
		log.InfoContext(r.Context(), "rooms pruned by hand", "name", AccessOf(r.Context()).Name, "rooms", removed)
		answer(w, http.StatusOK, pruned{Removed: append([]string{}, removed...)})
	})
}

// Prune removes what the store keeps of rooms that the server doesn't have, and
// returns their IDs.
func (c *Client) Prune(ctx context.Context) ([]string, error) {
	var gone pruned
	if err := c.do(ctx, http.MethodPost, prunePath, []byte("{}"), &gone); err != nil {
		return nil, err
	}
	return gone.Removed, nil
}
