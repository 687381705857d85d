//go:build e2e && linux

package e2e_test

import (
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// lostReplies is how many replies of a lossy way are between two that get lost, on
// average.
const lostReplies = 10

// A lossyWay leads to a server. Requests always get there; now and then the
// connection ends instead of bringing the reply.
type lossyWay struct {
	Addr string
	Lost atomic.Int64 // How many replies never arrived.

	active atomic.Bool
}

// newLossyWay opens a way that ends with the test. It loses nothing until told to.
func newLossyWay(t *testing.T, to string) *lossyWay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &lossyWay{Addr: listener.Addr().String()}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return // The test is over.
			}
			go w.lead(near, to)
		}
	}()
	return w
}

// Lose begins or ends the losses.
func (w *lossyWay) Lose(on bool) { w.active.Store(on) }

// lead carries one connection.
func (w *lossyWay) lead(near net.Conn, to string) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		_, _ = io.Copy(far, near) // Ends with either side.
		_ = far.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := far.Read(buffer)
		if err != nil {
			return
		}
		if w.active.Load() && rand.IntN(lostReplies) == 0 {
			w.Lost.Add(1)
			return
		}
		if _, err := near.Write(buffer[:n]); err != nil {
			return
		}
	}
}
