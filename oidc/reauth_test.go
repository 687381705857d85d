package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// A client with reauth requeue goes by when the visitor came through the line: a
// confirmation at another client, which moves auth_time, is none of its concern.
func TestARequeuingClientGoesByTheAdmission(t *testing.T) {
	w := newWorld(t)
	w.open.Store(false)
	received := w.line.Now()
	login := func(changes ...string) *oidc.Login {
		r := w.newBrowser().do(http.MethodGet, "/authorize?"+request(as("strict", changes...)...).Encode(), nil)
		location, err := url.Parse(r.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		login, err := w.provider.OpenLogin(t.Context(), location.Query().Get(oidc.LoginParam))
		if err != nil {
			t.Fatal(err)
		}
		if !login.Requeues() {
			t.Fatal("the login does not requeue")
		}
		return login
	}
	before, after := received.Add(-time.Minute), received.Add(time.Second)
	for _, row := range []struct {
		name               string
		login              *oidc.Login
		admitted, authTime time.Time
		redeemed           map[string]time.Time
		want               bool
	}{
		{"nobody asks for it", login(), before, before, map[string]time.Time{"strict": before}, false},
		{"prompt=login after a login", login("prompt", "login"), before, before, map[string]time.Time{"strict": before}, true},
		{"prompt=login, confirmed since", login("prompt", "login"), before, after, map[string]time.Time{"strict": before}, true},
		{"prompt=login, admitted since", login("prompt", "login"), after, after, map[string]time.Time{"strict": after}, false},
		{"prompt=login, this client's first code", login("prompt", "login"), before, after, nil, false},
		{"max_age that is not exceeded", login("max_age", "60"), before, before, map[string]time.Time{"strict": before}, false},
		{"max_age that only a confirmation keeps", login("max_age", "59"), before, received.Add(-time.Second), map[string]time.Time{"strict": before}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			visitor := oidc.Visitor{Admitted: row.admitted, AuthTime: row.authTime, Redeemed: row.redeemed}
			if got := w.provider.NeedsConfirmation(row.login, visitor); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestPromptNoneNeverRequeues(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	tokens := b.tokensOf("strict")
	w.line.sleep(time.Minute)
	if got := b.ask(request(as("strict", "prompt", "none", "max_age", "30")...)).values; got.Get("error") != "login_required" {
		t.Errorf("answer %v", got)
	}
	if r := w.userinfo(tokens.AccessToken); r.StatusCode != http.StatusOK {
		t.Errorf("the visit has ended: %d", r.StatusCode)
	}
}
