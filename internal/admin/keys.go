package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/anteroom-dev/anteroom/keys"
)

// Key is one signing key, as the management listener tells it.
type Key struct {
	// Purpose is what the key is for, such as "oidc".
	Purpose string `json:"purpose"`
	// ID is the kid, and Alg is what the key signs with.
	ID  string `json:"kid"`
	Alg string `json:"alg"`
	// State is next (published, will sign), active (signs) or retired (published,
	// so that what it signed can be verified).
	State string `json:"state"`
	// SignsFrom is since or from when it signs; zero if that is not known.
	SignsFrom time.Time `json:"signs_from,omitzero"`
	// RetiredAt is when it stopped signing, and DroppedAt when it will no longer be
	// published; both are zero unless it is retired.
	RetiredAt time.Time `json:"retired_at,omitzero"`
	DroppedAt time.Time `json:"dropped_at,omitzero"`
}

// KeyRotation is an order to rotate the keys of a purpose.
type KeyRotation struct {
	// Purpose is what the keys are for.
	Purpose string `json:"purpose"`
	// Now lets the new keys sign at once, before relying parties have seen them.
	Now bool `json:"now"`
	// Revoke forgets all older keys, and lets the new ones sign at once.
	Revoke bool `json:"revoke"`
}

// keyList is the answer with all keys.
type keyList struct {
	Keys []Key `json:"keys"`
}

const (
	keysPath   = "/admin/api/keys"
	rotatePath = keysPath + "/rotate"

	// maxOrder bounds the body of an order, in bytes.
	maxOrder = 4 << 10

	// firstKeyPatience is how long a list waits for the first keys.
	firstKeyPatience = 3 * time.Second
)

// ErrUnknownPurpose says that no keys are for that purpose.
var ErrUnknownPurpose = errors.New("no keys are for that purpose")

// Keys serves GET /admin/api/keys and POST /admin/api/keys/rotate. It asks for no
// credentials; [Auth] belongs in front. No answer has more of a key than its
// name.
func Keys(ring *keys.Ring, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := "GET, HEAD"
		if r.URL.Path == rotatePath {
			allowed = "POST"
		}
		switch {
		case r.URL.Path == keysPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			awaitKeys(r.Context(), ring)
			answer(w, http.StatusOK, listKeys(ring.Purpose(), ring.Keys()))
		case r.URL.Path == rotatePath && r.Method == http.MethodPost:
			rotate(w, r, ring, log)
		case r.URL.Path == keysPath || r.URL.Path == rotatePath:
			w.Header().Set("Allow", allowed)
			fail(w, http.StatusMethodNotAllowed, "method not allowed")
		default:
			fail(w, http.StatusNotFound, "not found")
		}
	})
}

// awaitKeys gives a server that has just been started for the first time the
// moment that it takes to make its first keys.
func awaitKeys(ctx context.Context, ring *keys.Ring) {
	ctx, cancel := context.WithTimeout(ctx, firstKeyPatience)
	defer cancel()
	_ = ring.Wait(ctx) // Without keys the list is empty, which is the truth.
}

// rotate carries an order out.
func rotate(w http.ResponseWriter, r *http.Request, ring *keys.Ring, log *slog.Logger) {
	var order KeyRotation
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	if err == nil {
		err = json.Unmarshal(body, &order)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "the order cannot be read")
		return
	}
	if order.Purpose != ring.Purpose() {
		fail(w, http.StatusNotFound, ErrUnknownPurpose.Error())
		return
	}
	list, err := ring.Rotate(r.Context(), keys.Rotation{AtOnce: order.Now, Revoke: order.Revoke})
	switch {
	case errors.Is(err, keys.ErrTooManyKeys):
		fail(w, http.StatusConflict, keys.ErrTooManyKeys.Error())
	case err != nil:
		log.WarnContext(r.Context(), "keys not rotated", "error", err)
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "the store doesn't answer")
	default:
		log.InfoContext(r.Context(), "keys rotated by hand", "name", AccessOf(r.Context()).Name, "purpose", order.Purpose, "now", order.Now, "revoke", order.Revoke)
		answer(w, http.StatusOK, listKeys(ring.Purpose(), list))
	}
}

// listKeys puts the keys of a purpose in the words of this package.
func listKeys(purpose string, infos []keys.Info) keyList {
	all := keyList{Keys: []Key{}}
	for _, info := range infos {
		all.Keys = append(all.Keys, Key{
			Purpose: purpose, ID: info.ID, Alg: string(info.Algorithm), State: string(info.State),
			SignsFrom: info.SignsFrom.UTC(), RetiredAt: info.RetiredAt.UTC(), DroppedAt: info.DroppedAt.UTC(),
		})
	}
	return all
}

// Keys returns all signing keys, in the order in which they were made.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var all keyList
	if err := c.do(ctx, http.MethodGet, keysPath, nil, &all); err != nil {
		return nil, err
	}
	return all.Keys, nil
}

// RotateKeys rotates the keys of a purpose and returns all keys after that. An
// unknown purpose is an error that wraps [ErrUnknownPurpose].
func (c *Client) RotateKeys(ctx context.Context, order KeyRotation) ([]Key, error) {
	body, err := json.Marshal(order)
	if err != nil {
		return nil, fmt.Errorf("write the order: %w", err)
	}
	var all keyList
	err = c.do(ctx, http.MethodPost, rotatePath, body, &all)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.text == ErrUnknownPurpose.Error() {
		return nil, fmt.Errorf("%w: %q on the server at %s", ErrUnknownPurpose, order.Purpose, c.where())
	}
	if err != nil {
		return nil, err
	}
	return all.Keys, nil
}
