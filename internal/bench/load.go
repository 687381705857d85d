package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// exchangeLimit bounds one run on one connection.
const exchangeLimit = 2 * time.Minute

// An answer is what an endpoint sends, without what net/http adds by itself.
type answer struct {
	Fields []field
	Body   []byte
	Size   int // Bytes on the wire, all included.
}

// A field is one header field of an answer.
type field struct{ Name, Value string }

// A generator sends one request over and over, on connections that stay open.
// It does as little as it can: it believes what the server says but for the
// status, and reads a body only to get past it.
type generator struct {
	request []byte
	lines   []*connection
}

type connection struct {
	socket net.Conn
	read   *bufio.Reader
}

// dial opens connections to an address.
func dial(ctx context.Context, address string, connections int, request string) (*generator, error) {
	g := &generator{request: []byte(request)}
	for range connections {
		socket, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, errors.Join(err, g.close())
		}
		g.lines = append(g.lines, &connection{socket, bufio.NewReader(socket)})
	}
	return g, nil
}

func (g *generator) close() error {
	var errs []error
	for _, c := range g.lines {
		errs = append(errs, c.socket.Close())
	}
	return errors.Join(errs...)
}

// send sends n requests over all connections, each of which has one request
// under way at a time, and returns how long that took.
func (g *generator) send(n int) (time.Duration, error) {
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	errs := make([]error, len(g.lines))
	begin := time.Now()
	for i, c := range g.lines {
		if err := c.socket.SetDeadline(begin.Add(exchangeLimit)); err != nil {
			return 0, err
		}
		group.Go(func() {
			for left.Add(-1) >= 0 && errs[i] == nil {
				errs[i] = c.exchange(g.request)
			}
		})
	}
	group.Wait()
	return time.Since(begin), errors.Join(errs...)
}

// exchange sends a request and reads its answer to the end.
func (c *connection) exchange(request []byte) error {
	if _, err := c.socket.Write(request); err != nil {
		return err
	}
	row, err := c.read.ReadSlice('\n')
	if err != nil {
		return err
	}
	if string(row) != "HTTP/1.1 200 OK\r\n" {
		return fmt.Errorf("the server answers %q", row)
	}
	length, lengthField := 0, []byte("Content-Length: ")
	for string(row) != "\r\n" {
		if row, err = c.read.ReadSlice('\n'); err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(row, lengthField); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = c.read.Discard(length)
	return err
}

// ask sends a request once and returns the whole answer.
func ask(ctx context.Context, address, request string) (answer, error) {
	socket, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return answer{}, err
	}
	defer socket.Close() //nolint:errcheck // Nothing is lost.
	if err := socket.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(socket, request); err != nil {
		return answer{}, err
	}
	counted := &counter{Reader: socket}
	response, err := http.ReadResponse(bufio.NewReader(counted), nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // Read to its end.
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	if response.StatusCode != http.StatusOK || response.Close {
		return answer{}, fmt.Errorf("the server answers %s %s, or closes the connection", response.Status, body)
	}
	a := answer{Body: body, Size: counted.n}
	for name, values := range response.Header {
		if name != "Date" && name != "Content-Length" {
			a.Fields = append(a.Fields, field{name, strings.Join(values, ", ")})
		}
	}
	slices.SortFunc(a.Fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return a, nil
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}
