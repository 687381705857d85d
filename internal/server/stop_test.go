package server_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// heldStore holds those up who ask for keys, until they are told to end.
type heldStore struct {
	waitingroom.Store
	asked  chan struct{} // Closed when somebody waits.
	ended  atomic.Bool   // Whoever waited has gone.
	closed chan bool     // Whether that was so when the store was closed.
}

func (h *heldStore) Kept(ctx context.Context, name string) ([]byte, error) {
	if !strings.HasPrefix(name, "keys/") {
		return h.Store.Kept(ctx, name)
	}
	close(h.asked)
	<-ctx.Done()
	h.ended.Store(true)
	return nil, errors.Join(waitingroom.ErrUnavailable, ctx.Err())
}

func (h *heldStore) Close() error {
	h.closed <- h.ended.Load()
	return h.Store.Close()
}

// What still ran in the background used to find its store closed, and said so in a
// log that was nobody's any more.
func TestStopWaitsForTheWorkInTheBackground(t *testing.T) {
	c, err := config.Parse([]byte(`
issuer: http://localhost
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0", token_file: `+t.TempDir()+`/token}
store: {url: "memory:"}
rooms: [{id: sale}]
`), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	held := &heldStore{asked: make(chan struct{}), closed: make(chan bool, 1)}
	s, err := server.New(server.Options{Config: c, AroundStore: func(store waitingroom.Store) waitingroom.Store {
		held.Store = store
		return held
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Error(err)
	} else {
		<-held.asked
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if !<-held.closed {
		t.Error("the store was closed while the keys were still being looked for")
	}
}
