package oidc_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// The tabs of a new browser get a browser cookie each; only for a while, and only
// from where that browser came, can their logins be bound to another.
func TestAFreshLoginCanBeBoundAnew(t *testing.T) {
	w := newWorld(t)
	w.open.Store(false)
	b := w.newBrowser()
	another := oidc.Browser{1}
	open := func(sealed string) *oidc.Login {
		t.Helper()
		login, err := w.provider.OpenLogin(t.Context(), sealed)
		if err != nil {
			t.Fatal(err)
		}
		return login
	}
	for _, state := range []string{"short", strings.Repeat("long", 3<<10)} {
		first := open(w.newBrowser().sealed(request("state", state)))
		if _, err := w.provider.Rebind(t.Context(), first, another, oidc.Whence{8}); !errors.Is(err, oidc.ErrBadLogin) {
			t.Errorf("from elsewhere: %v", err)
		}
		to, err := w.provider.Rebind(t.Context(), first, another, whence)
		if err != nil {
			t.Fatal(err)
		}
		_, sealed, _ := strings.Cut(to, "/line/wait?login=")
		again := open(sealed)
		if again.Browser() != another || again.ID() != first.ID() || !again.Received().Equal(first.Received()) || first.Browser() == another {
			t.Error("the login that was bound anew is another one")
		}
		if _, browser, err := w.provider.Peek(t.Context(), sealed); err != nil || browser != another {
			t.Errorf("the poll sees browser %v, %v", browser, err)
		}
		w.line.sleep(91 * time.Second)
		if _, err := w.provider.Rebind(t.Context(), again, oidc.Browser{2}, whence); !errors.Is(err, oidc.ErrBadLogin) {
			t.Errorf("later: %v", err)
		}
	}
	// A browser that was known keeps its cookie, and its logins are bound to it.
	b.do(http.MethodGet, "/authorize?"+request().Encode(), nil)
	known := open(b.sealed(request()))
	if known.Fresh(whence, known.Received()) || known.Fresh(oidc.Whence{}, known.Received()) {
		t.Error("the login of a browser that was known is fresh")
	}
	if _, err := w.provider.Rebind(t.Context(), known, another, oidc.Whence{}); !errors.Is(err, oidc.ErrBadLogin) {
		t.Errorf("of a browser that was known: %v", err)
	}
}
