package admin_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

func TestTheClientMovesARoom(t *testing.T) {
	engine := startEngine(t)
	join(t, engine, "sale", 3)
	client := admin.Client{URL: serve(t, management(engine)) + "/", Token: token}
	for _, step := range []struct{ by, want int64 }{{2, 2}, {0, 2}, {-1, 1}} {
		if got, err := client.Serve(t.Context(), "sale", step.by); err != nil || got != step.want {
			t.Errorf("serve %d: got %d, %v; want %d", step.by, got, err, step.want)
		}
	}
	room, err := client.Room(t.Context(), "sale")
	if err != nil || room.Serving != 1 || room.Waiting != 2 {
		t.Errorf("room: got %+v, %v; want 1 serving, 2 waiting", room, err)
	}
	if err := client.Reset(t.Context(), "sale"); err != nil {
		t.Fatal(err)
	}
	room, err = client.Room(t.Context(), "sale")
	if err != nil || room.Generation == 0 || room.Dealt != 0 || room.Serving != 0 {
		t.Errorf("room after the reset: got %+v, %v; want a new generation, empty", room, err)
	}
}

func TestTheClientNamesAnUnknownRoom(t *testing.T) {
	client := admin.Client{URL: serve(t, management(startEngine(t))), Token: token}
	for _, id := range []string{"nowhere", "", "..", "sale/..", "a b?c#d%e"} {
		_, room := client.Room(t.Context(), id)
		_, serving := client.Serve(t.Context(), id, 1)
		for verb, err := range map[string]error{"room": room, "serve": serving, "reset": client.Reset(t.Context(), id)} {
			if !errors.Is(err, waitingroom.ErrNoRoom) || !strings.Contains(err.Error(), client.URL) {
				t.Errorf("%s %q: got %v, want that there is no such room at %s", verb, id, err, client.URL)
			}
		}
	}
}

func TestTheClientExplainsWhatWentWrong(t *testing.T) {
	reply := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	for _, test := range []struct {
		name    string
		handler http.Handler
		want    string
	}{
		{"another token", management(startEngine(t)), "the server at URL refused the token"},
		{"a token for less", reply(403, `{"error":"x"}`), "the token does not allow that on the server at URL: "},
		{"a website", reply(200, "<html>"), "what answers at URL is not the management listener of Anteroom: "},
		{"a website without that page", reply(404, "<html>"), "the server at URL answered 404 Not Found"},
		{"a server whose store is away", reply(503, `{"error":"Service Unavailable"}`), `the server at URL doesn't reach its store, and its log says why; look how things stand before you repeat an order`},
		// A terminal obeys what it is shown.
		{"a server that writes to the terminal", reply(500, `{"error":"\u001b[2J"}`), `the server at URL answered 500 Internal Server Error: "\x1b[2J"`},
		{"a server that sends the client elsewhere", http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound), "the server at URL answered 302 Found"},
		{"an answer without an end", reply(200, strings.Repeat("[", 5<<20)), "what answers at URL is not the management listener of Anteroom: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := admin.Client{URL: serve(t, test.handler), Token: "not-" + token}
			_, err := client.Rooms(t.Context())
			if want := strings.ReplaceAll(test.want, "URL", client.URL); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestTheClientExplainsThatNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client := admin.Client{URL: server.URL, Token: token, HTTP: &http.Client{}}
	_, err := client.Room(t.Context(), "sale")
	if want := "no server answers at " + server.URL + "; is it running?"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheClientRefusesWhatIsNoURL(t *testing.T) {
	for _, url := range []string{"", "localhost:8081", "127.0.0.1:8081", "ftp://localhost", "http://", "http://[::1"} {
		client := admin.Client{URL: url, Token: token}
		if err := client.Reset(t.Context(), "sale"); err == nil || !strings.Contains(err.Error(), "must be of the form") {
			t.Errorf("%q: got %v, want what a URL looks like", url, err)
		}
	}
}
