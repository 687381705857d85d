package admin_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func TestAuthLetsThroughOnlyThoseWithAToken(t *testing.T) {
	const missing, invalid = `Bearer realm="anteroom"`, `Bearer realm="anteroom", error="invalid_token"`
	tokens := []admin.Token{
		{Hash: sha256.Sum256([]byte("first-token")), Access: admin.Access{Role: admin.Viewer}},
		{Hash: sha256.Sum256([]byte("second-token")), Access: admin.Access{Role: admin.Viewer}},
	}
	for _, test := range []struct {
		name          string
		tokens        []admin.Token
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
			h := admin.Auth(func() []admin.Token { return test.tokens }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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

func TestATokenReachesAsFarAsItsRole(t *testing.T) {
	everywhere := map[string]admin.Access{
		"viewer":   {Role: admin.Viewer},
		"operator": {Role: admin.Operator},
		"admin":    {Role: admin.Admin},
		"one room": {Role: admin.Admin, Rooms: []string{"sale"}},
		"no role":  {},
	}
	for _, test := range []struct {
		method, path string
		allowed      []string
	}{
		{"GET", "/metrics", []string{"viewer", "operator", "admin"}},
		{"GET", "/admin/api/rooms", []string{"viewer", "operator", "admin", "one room"}},
		{"GET", "/admin/api/rooms/sale", []string{"viewer", "operator", "admin", "one room"}},
		{"HEAD", "/admin/api/rooms/sale", []string{"viewer", "operator", "admin", "one room"}},
		{"GET", "/admin/api/roomsale", []string{"viewer", "operator", "admin"}},
		{"GET", "/admin/api/keys", []string{"viewer", "operator", "admin"}},
		{"POST", "/private/increment_serving_counter", []string{"operator", "admin", "one room"}},
		{"PUT", "/private/increment_serving_counter", []string{"operator", "admin", "one room"}},
		{"POST", "/admin/api/keys", []string{"admin"}},
		{"DELETE", "/admin/api/rooms/sale", []string{"admin", "one room"}},
		{"BREW", "/metrics", []string{"admin"}},
	} {
		for name, access := range everywhere {
			tokens := []admin.Token{{Hash: sha256.Sum256([]byte("a-token")), Access: access}}
			h := admin.Auth(func() []admin.Token { return tokens },
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if diff := cmp.Diff(access, admin.AccessOf(r.Context())); diff != "" {
						t.Errorf("access (-want +got):\n%s", diff)
					}
					w.WriteHeader(http.StatusNoContent)
				}))
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Header.Set("Authorization", "Bearer a-token")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			want := http.StatusForbidden
			if slices.Contains(test.allowed, name) {
				want = http.StatusNoContent
			}
			if w.Code != want {
				t.Errorf("%s %s as %s: got %d, want %d", test.method, test.path, name, w.Code, want)
			}
			if got, want := w.Body.String(), `{"error":"this token does not allow that"}`; w.Code == http.StatusForbidden && got != want {
				t.Errorf("%s %s as %s: got %s, want %s", test.method, test.path, name, got, want)
			}
		}
	}
}

func TestARequestThatDidNotPassMayNothing(t *testing.T) {
	if admin.AccessOf(t.Context()).May(admin.Viewer, "sale") {
		t.Error("it may look at a room")
	}
}
