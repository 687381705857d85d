package admin_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func TestAuthLetsThroughOnlyThoseWithAToken(t *testing.T) {
	const missing, invalid = `Bearer realm="anteroom"`, `Bearer realm="anteroom", error="invalid_token"`
	tokens := [][sha256.Size]byte{sha256.Sum256([]byte("first-token")), sha256.Sum256([]byte("second-token"))}
	for _, test := range []struct {
		name          string
		tokens        [][sha256.Size]byte
		authorization string
		query         string
		status        int
		challenge     string
	}{
		{"the first token", tokens, "Bearer first-token", "", 204, ""},
		{"the second token", tokens, "Bearer second-token", "", 204, ""},
		{"a scheme in lower case", tokens, "bearer first-token", "", 204, ""},
		{"more than one space", tokens, "Bearer   first-token", "", 204, ""},
		{"no header", tokens, "", "", 401, missing},
		{"another scheme", tokens, "Basic first-token", "", 401, missing},
		{"no scheme", tokens, "first-token", "", 401, missing},
		{"a wrong token", tokens, "Bearer third-token", "", 401, invalid},
		{"the start of a token", tokens, "Bearer first-toke", "", 401, invalid},
		{"a token and more", tokens, "Bearer first-token ", "", 401, invalid},
		{"an empty token", tokens, "Bearer ", "", 401, invalid},
		// An address ends up in logs and histories.
		{"a token in the query", tokens, "", "?access_token=first-token", 401, missing},
		// A server without tokens must not take that for "no token needed".
		{"no tokens configured", nil, "Bearer ", "", 401, invalid},
		{"no tokens configured and none given", nil, "", "", 401, missing},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := admin.Auth(test.tokens, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}))
			r := httptest.NewRequest(http.MethodGet, "/admin/api/rooms"+test.query, nil)
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("status: got %d, want %d", w.Code, test.status)
			}
			if got := w.Header().Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate: got %q, want %q", got, test.challenge)
			}
			if want := `{"error":"a valid admin token is required"}`; w.Code == http.StatusUnauthorized && w.Body.String() != want {
				t.Errorf("body: got %s, want %s", w.Body, want)
			}
		})
	}
}
