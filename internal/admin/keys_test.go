package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/keys"
)

// vault keeps one value.
type vault struct{ value []byte }

func (v *vault) Load(context.Context, string) ([]byte, error) {
	if v.value == nil {
		return nil, keys.ErrNotFound
	}
	return v.value, nil
}

func (v *vault) Create(_ context.Context, _ string, value []byte) ([]byte, error) {
	v.value = value
	return value, nil
}

func (v *vault) Swap(_ context.Context, _ string, _, value []byte) ([]byte, error) {
	v.value = value
	return value, nil
}

// signing serves the keys of a ring whose time stands still.
func signing(t *testing.T) http.Handler {
	t.Helper()
	ring, err := keys.New(keys.Options{
		Vault: &vault{}, WrappingKeys: [][]byte{make([]byte, 32)}, Purpose: "oidc",
		Algorithms: []jose.SignatureAlgorithm{jose.ES256}, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return admin.Keys(ring, slog.New(slog.DiscardHandler))
}

func TestKeysAreListedAndRotated(t *testing.T) {
	client := admin.Client{URL: serve(t, signing(t)), Token: token}
	list, err := client.Keys(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("got %+v, %v", list, err)
	}
	want := []admin.Key{{Purpose: "oidc", ID: list[0].ID, Alg: "ES256", State: "active", SignsFrom: now}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	list, err = client.RotateKeys(t.Context(), admin.KeyRotation{Purpose: "oidc"})
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	want = append(want, admin.Key{Purpose: "oidc", ID: list[1].ID, Alg: "ES256", State: "next", SignsFrom: now.Add(time.Hour)})
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("keys after rotation (-want +got):\n%s", diff)
	}
	list, err = client.RotateKeys(t.Context(), admin.KeyRotation{Purpose: "oidc", Now: true})
	if err != nil {
		t.Fatal(err)
	}
	want[0].State, want[0].RetiredAt, want[0].DroppedAt = "retired", now, now.Add(30*24*time.Hour)
	want[1].State, want[1].SignsFrom = "active", now
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("keys after rotation at once (-want +got):\n%s", diff)
	}
	if _, err := client.RotateKeys(t.Context(), admin.KeyRotation{Purpose: "tea"}); !errors.Is(err, admin.ErrUnknownPurpose) {
		t.Errorf("another purpose gives %v, want ErrUnknownPurpose", err)
	}
}

func TestKeysAnswersOddRequests(t *testing.T) {
	h := signing(t)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		answer                   string
	}{
		{"a reading of an order", "GET", "/admin/api/keys/rotate", "", 405, `{"error":"method not allowed"}`},
		{"an order to the list", "POST", "/admin/api/keys", "{}", 405, `{"error":"method not allowed"}`},
		{"a path below", "GET", "/admin/api/keys/x", "", 404, `{"error":"not found"}`},
		{"no JSON", "POST", "/admin/api/keys/rotate", "now", 400, `{"error":"the order cannot be read"}`},
		{"a long order", "POST", "/admin/api/keys/rotate", `{"purpose":"` + strings.Repeat("x", 5000) + `"}`, 400, `{"error":"the order cannot be read"}`},
		{"no purpose", "POST", "/admin/api/keys/rotate", "{}", 404, `{"error":"no keys are for that purpose"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if w.Code != test.status || w.Body.String() != test.answer {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, test.status, test.answer)
			}
		})
	}
}
