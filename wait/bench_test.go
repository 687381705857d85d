package wait_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/wait"
	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/memstore"
)

// opened is a sealed request that is open already, whatever it says.
type opened struct {
	wait.Logins
	browser wait.Browser
}

func (o *opened) Peek(context.Context, string) (string, wait.Browser, error) {
	return "sale", o.browser, nil
}

// nowhere is a response that nobody reads.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(status int)      { n.status = status }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkStatus is one poll of somebody who waits, but for opening the sealed
// request, which BenchmarkPeek of package oidc measures.
func BenchmarkStatus(b *testing.B) {
	secrets, err := waitingroom.NewSecrets([]byte(strings.Repeat("s", waitingroom.MinSecretSize)))
	if err != nil {
		b.Fatal(err)
	}
	engine, err := waitingroom.New(waitingroom.Options{
		Store: memstore.New(time.Now), Secrets: secrets, Revision: 1,
		Rooms: []waitingroom.RoomConfig{{
			ID: "sale", Settings: waitingroom.Settings{SessionTTL: time.Hour, SessionMax: time.Hour},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := engine.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(engine.Stop)
	room := engine.Rooms()[0]
	ticket, err := room.Join(b.Context(), waitingroom.Join{Lane: waitingroom.LaneBrowser})
	if err != nil {
		b.Fatal(err)
	}
	cookies := wait.Cookies{Secure: true}
	login := &opened{}
	handler := wait.New(wait.Options{Engine: engine, Logins: login, Cookies: cookies, Path: "/wait"})

	r := httptest.NewRequest(http.MethodGet, "/wait/status?login="+strings.Repeat("x", 400), nil)
	r.Header.Set("Cookie", "__Host-anteroom-browser="+base64.RawURLEncoding.EncodeToString(make([]byte, 16))+
		"; __Host-anteroom-place-sale="+room.Prove(ticket, 0))
	login.browser, _ = cookies.Browser(r)
	w := &nowhere{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		handler.Status(w, r)
	}
	if w.status != http.StatusOK {
		b.Fatalf("got %d, want 200", w.status)
	}
}
