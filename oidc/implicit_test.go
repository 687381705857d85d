package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

// front is an authorization request as express-openid-connect sends it by
// default, changed like [request].
func front(changes ...string) url.Values {
	params := url.Values{
		"client_id":     {"front"},
		"scope":         {"openid profile email"},
		"response_type": {"id_token"},
		"redirect_uri":  {"https://front.example.com/cb"},
		"nonce":         {"TQbcMKHAMdkF3hPUF3BDYg9NpGj4cYxUoZm3rzYvFGM"},
		"state":         {"eyJyZXR1cm5UbyI6Ii8ifQ"},
		"response_mode": {"form_post"},
	}
	for i := 0; i < len(changes); i += 2 {
		params.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			params.Del(changes[i])
		}
	}
	return params
}

func TestIDTokenByFormPost(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	for name, want := range map[string]answer{"after the line": b.ask(front()), "admitted already": b.ask(front())} {
		t.Run(name, func(t *testing.T) {
			if !want.posted || want.uri != "https://front.example.com/cb" || want.values.Get("state") != "eyJyZXR1cm5UbyI6Ii8ifQ" {
				t.Fatalf("answer %+v, page %s", want, want.last.body)
			}
			for _, name := range []string{"code", "access_token", "error"} {
				if want.values.Has(name) {
					t.Errorf("the answer has %s", name)
				}
			}
			got := claims(t, want.values.Get("id_token"))
			if got["aud"] != "front" || got["nonce"] != front().Get("nonce") || got["sid"] == "" || got["email"] != got["sub"].(string)+"@visitors.invalid" {
				t.Errorf("claims %v", got)
			}
			// OpenID Connect Core 1.0 §3.2.2.10: without an access token there is
			// nothing to hash.
			if got["at_hash"] != nil {
				t.Errorf("at_hash %v", got["at_hash"])
			}
			if exp := time.Unix(int64(got["exp"].(float64)), 0); exp.Sub(w.line.Now()) != 15*time.Minute {
				t.Errorf("expires %v", exp)
			}
		})
	}
}

func TestIDTokenIsRefusedUnlessItIsSafe(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name   string
		params url.Values
		want   string
	}{
		{"without form_post", front("response_mode", ""), "invalid_request"},
		{"in the query", front("response_mode", "query"), "invalid_request"},
		{"in the fragment", front("response_mode", "fragment"), "invalid_request"},
		{"without a nonce", front("nonce", ""), "invalid_request"},
		{"with an access token", front("response_type", "id_token token"), "unsupported_response_type"},
		{"with a code", front("response_type", "code id_token"), "unsupported_response_type"},
		{"for a client that has not opted in", front("client_id", "shop", "redirect_uri", shopURI), "unsupported_response_type"},
		{"a code without PKCE for a public client", front("response_type", "code"), "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.newBrowser().ask(row.params)
			if got.values.Get("error") != row.want || got.values.Has("id_token") {
				t.Errorf("answer %v, page %s", got.values, got.last.body)
			}
		})
	}
}

func TestIDTokenWithoutAPageIsForTheAdmitted(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	if got := b.ask(front("prompt", "none")); got.values.Get("error") != "login_required" {
		t.Errorf("nobody: %v", got.values)
	}
	b.ask(front())
	if got := b.ask(front("prompt", "none")); got.values.Get("id_token") == "" {
		t.Errorf("admitted: %v", got.values)
	}
}

// A browser that lost the answer asks again, and must neither lose the login nor
// gain a second grant, which its client could not end.
func TestIDTokenIsOfTheSameGrantWhenTheAnswerGotLost(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	w.open.Store(false)
	waiting := b.ask(front()).last.Request.URL.String()
	w.open.Store(true)
	first := b.follow(b.do(http.MethodGet, waiting, nil))
	second := b.follow(b.do(http.MethodGet, waiting, nil))
	if first.values.Get("id_token") == "" || second.values.Get("id_token") == "" {
		t.Fatalf("answers %v and %v, page %s", first.values, second.values, second.last.body)
	}
	if n := w.line.grants(); n != 1 {
		t.Errorf("%d grants, want 1", n)
	}
}

// With the ID token of the login, the client can end the visit at once.
func TestIDTokenOfTheFrontLogsOut(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	token := b.ask(front()).values.Get("id_token")
	if got := serveLogout(w.provider, b, token); got.Code != http.StatusOK {
		t.Fatalf("status %d, body %s", got.Code, got.Body)
	}
	if got := b.ask(front("prompt", "none")); got.values.Get("error") != "login_required" {
		t.Errorf("after the logout: %v", got.values)
	}
}

// A repeated login must be confirmed here as in any other flow, for which the
// first one has to count.
func TestIDTokenCountsAsALogin(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	b.ask(front())
	w.line.sleep(time.Minute)
	if got := b.ask(front("prompt", "login")); got.last.body != "confirm" {
		t.Errorf("answer %v, page %s", got.values, got.last.body)
	}
}

// A site whose session ends with its ID token came back within the visit's last
// second and was refused: its visitor was told that the link had been used.
func TestIDTokenLastsUntilTheVisitIsOver(t *testing.T) {
	w := newWorld(t)
	w.line.sleep(300 * time.Millisecond)
	b := w.newBrowser()
	b.ask(front())
	end := w.line.Now().Add(time.Hour)
	w.line.sleep(time.Hour - 1700*time.Millisecond)
	for range 2 {
		got := b.ask(front())
		token := got.values.Get("id_token")
		if token == "" {
			t.Fatalf("answer %v, page %s", got.values, got.last.body)
		}
		if exp := time.Unix(int64(claims(t, token)["exp"].(float64)), 0); exp.Before(end) || exp.Sub(end) >= time.Second {
			t.Errorf("the ID token ends at %v, want the second in which the visit ends at %v to be over", exp, end)
		}
		w.line.sleep(time.Second)
	}
}

func TestIDTokenWithoutAnswerFromTheLine(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	b.ask(front())
	w.line.fail(oidc.ErrUnavailable)
	if got := b.ask(front("prompt", "none")); got.values.Get("error") != "temporarily_unavailable" || got.values.Has("id_token") {
		t.Errorf("answer %v, page %s", got.values, got.last.body)
	}
}

// A registration that was taken back is taken back for those who wait, too.
func TestIDTokenIsNotGivenToAClientThatMayNoLongerAsk(t *testing.T) {
	w := newWorld(t)
	b := w.newBrowser()
	w.open.Store(false)
	b.ask(front())
	seal := b.ask(front()).last.Request.URL.Query().Get(oidc.LoginParam)
	list := testClients()
	for i := range list {
		list[i].ResponseTypes = nil
	}
	if _, err := w.newProvider(secrets{"a secret of thirty-two bytes....."}, list...).OpenLogin(t.Context(), seal); err == nil {
		t.Error("the login is still good")
	}
}
