package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener without a network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A request that a load balancer sent on an idle connection of a node that was just
// asked to stop used to be lost.
func TestARequestOnAnIdleConnectionIsAnsweredDuringADeparture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &departure{}
		side := &http.Server{Handler: d.around(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "answer")
		}))}
		socket := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- side.Serve(socket) }()
		client, conn := net.Pipe()
		defer client.Close()
		socket.conns <- conn
		answers := bufio.NewReader(client)
		ask := func() (ends bool) {
			t.Helper()
			if _, err := fmt.Fprint(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "answer" {
				t.Errorf("got %q, %v", body, err)
			}
			return resp.Close
		}
		if ask() {
			t.Error("a connection ends before the departure begins")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.begin(t.Context(), socket)
			_ = side.Shutdown(t.Context())
		}()
		time.Sleep(departFor / 2)
		if !ask() {
			t.Error("an answer during the departure doesn't say that the connection ends")
		}
		<-done
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener ended with %v", err)
		}
	})
}
