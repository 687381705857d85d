package demo

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// taken reports whether somebody answers at a port of localhost. The server
// listens on 127.0.0.1 alone, while browsers may try [::1] first: whoever has the
// port there would get the visitors. Some systems also let two programs
// listen on the same port, one on all addresses and one on this.
func taken(ctx context.Context, port int) bool {
	dialer := net.Dialer{Timeout: time.Second}
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close() // Nothing was sent.
			return true
		}
	}
	return false
}

// freePort returns a port at which nobody listened just now.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	socket, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer socket.Close() //nolint:errcheck // nobody ever connected
	_, text, err := net.SplitHostPort(socket.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(text)
}
