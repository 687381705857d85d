package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

// office is a server with a token for each kind of operator.
type office struct {
	*testing.T
	server *server.Server
	log    journal // To be read when the server has stopped.
}

// startOffice runs a server with the rooms sale and summer. Each token is its
// name and a tail.
func startOffice(t *testing.T) *office {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"viewer", "operator", "boss", "sale-viewer", "sale-operator", "sale-boss"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+"-0123456789abcdef\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Parse([]byte(`
issuer: https://wait.example.com
listen: "127.0.0.1:0"
management:
  listen: "127.0.0.1:0"
  tokens:
    - {name: viewer, file: viewer, role: viewer}
    - {name: operator, file: operator, role: operator}
    - {name: boss, file: boss, role: admin}
    - {name: sale-viewer, file: sale-viewer, role: viewer, rooms: [sale]}
    - {name: sale-operator, file: sale-operator, role: operator, rooms: [sale]}
    - {name: sale-boss, file: sale-boss, role: admin, rooms: [sale]}
store: {url: "memory:"}
rooms: [{id: sale}, {id: summer}]
`), dir, []string{"ANTEROOM_SECRET=" + strings.Repeat("m", 32)})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t}
	o.server, err = server.New(server.Options{Config: c, Logger: slog.New(slog.NewTextHandler(&o.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.stop)
	if err := o.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "admin-token")); err == nil {
		t.Error("an admin token was made although there are tokens")
	}
	return o
}

func (o *office) stop() {
	if err := o.server.Stop(context.Background()); err != nil {
		o.Error(err)
	}
}

// ask sends a request with somebody's token: a body is posted.
func (o *office) ask(name, path, body string) (status int, answer string) {
	o.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(o.Context(), method, "http://"+o.server.ManagementAddr().String()+path, strings.NewReader(body))
	if err != nil {
		o.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+name+"-0123456789abcdef")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		o.Fatal(err)
	}
	return response.StatusCode, text.String()
}

func TestEachTokenOpensWhatItsRoleAndRoomsSay(t *testing.T) {
	o := startOffice(t)
	const serve, reset = "/private/increment_serving_counter", "/private/reset_initial_state"
	names := []string{"viewer", "operator", "boss", "sale-viewer", "sale-operator", "sale-boss", "stranger"}
	for _, row := range []struct {
		what, path, body string
		want             [7]int // By names.
	}{
		{"metrics", "/metrics", "", [7]int{200, 200, 200, 403, 403, 403, 401}},
		{"the list of rooms", "/admin/api/rooms", "", [7]int{200, 200, 200, 200, 200, 200, 401}},
		{"a look at the room", "/admin/api/rooms/sale", "", [7]int{200, 200, 200, 200, 200, 200, 401}},
		{"a look at another room", "/admin/api/rooms/summer", "", [7]int{200, 200, 200, 403, 403, 403, 401}},
		{"a look at no room", "/admin/api/rooms/nowhere", "", [7]int{404, 404, 404, 403, 403, 403, 401}},
		{"moving the room's line", serve, `{"event_id":"sale","increment_by":1}`, [7]int{403, 200, 200, 403, 200, 200, 401}},
		{"moving another's", serve, `{"event_id":"summer","increment_by":1}`, [7]int{403, 200, 200, 403, 403, 403, 401}},
		{"moving none", serve, `{"event_id":"nowhere","increment_by":1}`, [7]int{403, 400, 400, 403, 403, 403, 401}},
		{"resetting the room", reset, `{"event_id":"sale"}`, [7]int{403, 403, 200, 403, 403, 200, 401}},
		{"resetting another", reset, `{"event_id":"summer"}`, [7]int{403, 403, 200, 403, 403, 403, 401}},
		{"an order where there are none", "/admin/api/rooms", "{}", [7]int{403, 403, 405, 403, 403, 405, 401}},
	} {
		for i, name := range names {
			status, answer := o.ask(name, row.path, row.body)
			if status != row.want[i] {
				t.Errorf("%s by %s: got %d %s, want %d", row.what, name, status, answer, row.want[i])
			}
			if status == http.StatusForbidden && !strings.HasPrefix(answer, `{"error":"`) {
				t.Errorf("%s by %s: got %s, want an error in JSON", row.what, name, answer)
			}
		}
	}
}

func TestAViewerMovesNoLine(t *testing.T) {
	o := startOffice(t)
	for _, path := range []string{"/private/increment_serving_counter", "/private//increment_serving_counter", "/private/../private/increment_serving_counter"} {
		o.ask("viewer", path, `{"event_id":"sale","increment_by":5}`)
		o.ask("sale-viewer", path, `{"event_id":"sale","increment_by":5}`)
		// Of a field that is there twice the last counts, for the check as for the deed.
		o.ask("sale-operator", path, `{"event_id":"sale","event_id":"summer","increment_by":5}`)
	}
	for _, room := range []string{"sale", "summer"} {
		if _, answer := o.ask("boss", "/admin/api/rooms/"+room, ""); !strings.Contains(answer, `"serving":0`) {
			t.Errorf("the line of %s moved: %s", room, answer)
		}
	}
}

func TestAListShowsTheRoomsOfTheToken(t *testing.T) {
	o := startOffice(t)
	for name, all := range map[string]bool{"viewer": true, "sale-viewer": false, "sale-boss": false} {
		_, answer := o.ask(name, "/admin/api/rooms", "")
		if !strings.Contains(answer, `"id":"sale"`) || strings.Contains(answer, `"id":"summer"`) != all {
			t.Errorf("%s sees %s, want the other room %t", name, answer, all)
		}
	}
}

func TestTheLogSaysWhoGaveWhichOrder(t *testing.T) {
	o := startOffice(t)
	o.ask("sale-operator", "/private/increment_serving_counter", `{"event_id":"sale","increment_by":7}`)
	o.ask("sale-operator", "/private/increment_serving_counter", `{"event_id":"sale","increment_by":0}`)
	o.ask("sale-operator", "/private/reset_initial_state", `{"event_id":"sale"}`)
	o.ask("boss", "/private/reset_initial_state", `{"event_id":"summer"}`)
	o.stop()
	var orders []string
	for line := range strings.Lines(o.log.String()) {
		if _, order, ok := strings.Cut(line, `msg="operator's order" `); ok {
			orders = append(orders, order)
		}
	}
	if len(orders) != 2 || orders[0] != "name=sale-operator room=sale what=serve before=0 after=7\n" ||
		!strings.HasPrefix(orders[1], "name=boss room=summer what=reset before=0 after=1") {
		t.Errorf("got %q, want one order of sale-operator and one of boss", orders)
	}
	if strings.Contains(o.log.String(), "0123456789abcdef") {
		t.Errorf("the log shows a token: %s", &o.log)
	}
}
