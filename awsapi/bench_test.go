package awsapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

const (
	assignRequest = "POST /public/assign_queue_num HTTP/1.1\r\nHost: localhost\r\n" +
		"Content-Type: application/json\r\nContent-Length: 19\r\n\r\n" + `{"event_id":"sale"}`
	servingRequest = "GET /public/serving_num?event_id=sale HTTP/1.1\r\nHost: localhost\r\n\r\n"
)

// bare sends what the real endpoint sends, and does nothing else.
func bare(cache, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Content-Type", "application/json")
		header.Set("Cache-Control", cache)
		header.Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, body)
	})
}

func BenchmarkAssignQueueNum(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		hammer(b, bare("no-store", `{"api_request_id":"01234567-89ab-cdef-0123-456789abcdef"}`), assignRequest)
	})
	b.Run("anteroom", func(b *testing.B) { hammer(b, start(b, newStore(), nil).public, assignRequest) })
}

func BenchmarkServingNum(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		hammer(b, bare("public, max-age=5", `{"serving_counter":"0"}`), servingRequest)
	})
	b.Run("anteroom", func(b *testing.B) { hammer(b, start(b, newStore(), nil).public, servingRequest) })
}

// hammer sends one request over and over on connections that stay open, from a
// client that does as little as possible, so that nearly all the time is the
// server's.
func hammer(b *testing.B, h http.Handler, request string) {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		read := bufio.NewReader(conn)
		for pb.Next() {
			if err := exchange(conn, read, request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// exchange sends a request and reads the answer to its end.
func exchange(w io.Writer, r *bufio.Reader, request string) error {
	if _, err := io.WriteString(w, request); err != nil {
		return err
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch text := string(line); {
		case strings.HasPrefix(text, "HTTP/1.1 ") && text != "HTTP/1.1 200 OK\r\n":
			return fmt.Errorf("got %q", text)
		case strings.HasPrefix(text, "Content-Length: "):
			if length, err = strconv.Atoi(strings.TrimSpace(text[len("Content-Length: "):])); err != nil {
				return err
			}
		case text == "\r\n":
			_, err := r.Discard(length)
			return err
		}
	}
}
