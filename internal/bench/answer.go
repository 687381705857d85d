package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// exchangeLimit bounds one run.
const exchangeLimit = 2 * time.Minute

// An answer is what an endpoint sends, without what net/http adds by itself.
type answer struct {
	Fields []field
	Body   []byte
	Size   int // Bytes on the wire, all included.
}

// A field is one header field of an answer.
type field struct{ Name, Value string }

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
