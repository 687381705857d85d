package redisstore_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// scripted is a server that answers as a test says, for what real ones can't be
// brought to.
type scripted struct {
	addr  string
	asked atomic.Int64 // How often a script was to be run.
}

// script starts a server. The answer to a command, in RESP, gets its name in upper
// case.
func script(t *testing.T, answer func(s *scripted, command string) string) *scripted {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &scripted{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, answer)
		}
	}()
	return s
}

func (s *scripted) serve(conn net.Conn, answer func(s *scripted, command string) string) {
	defer func() { _ = conn.Close() }()
	for in := bufio.NewReader(conn); ; {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		reply := "+OK\r\n"
		switch command {
		case "HELLO":
			reply = "-ERR unknown command\r\n"
		case "EVALSHA", "EVAL":
			s.asked.Add(1)
			reply = answer(s, command)
		case "CLUSTER", "WAIT":
			reply = answer(s, command)
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings, and returns the first in upper case.
func readCommand(in *bufio.Reader) (name string, err error) {
	count := func(kind byte) int {
		line, readErr := in.ReadString('\n')
		if err == nil {
			err = readErr
		}
		n, _ := strconv.Atoi(strings.Trim(line, string(kind)+"\r\n"))
		return n
	}
	for i, n := 0, count('*'); i < n && err == nil; i++ {
		text := make([]byte, count('$')+2)
		if _, readErr := io.ReadFull(in, text); err == nil {
			err = readErr
		}
		if i == 0 {
			name = strings.ToUpper(strings.TrimSpace(string(text)))
		}
	}
	return name, err
}

// slots says that a server has all slots.
func (s *scripted) slots() string {
	host, port, _ := net.SplitHostPort(s.addr)
	return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n", len(host), host, port)
}

// However often a cluster sends a node elsewhere, the visitor gets an answer.
func TestAClusterThatSendsOneRoundAndRoundMeansThatTheStoreIsAway(t *testing.T) {
	for _, reply := range []string{"MOVED", "ASK", "TRYAGAIN", "READONLY"} {
		for _, acks := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, acks %d", reply, acks), func(t *testing.T) {
				s := script(t, func(s *scripted, command string) string {
					if command == "CLUSTER" {
						return s.slots()
					}
					return fmt.Sprintf("-%s 1974 %s\r\n", reply, s.addr)
				})
				store, err := redisstore.Open("redis+cluster://"+s.addr, redisstore.Options{Acks: acks})
				n := newNode(t, store, err)
				defer func() { _ = store.Close() }()
				orders := n.orders(waitingroom.Code{})[:1]
				n.refused(reply, orders)
				if asked := s.asked.Load(); asked > 50 {
					t.Errorf("asked %d times", asked)
				}
			})
		}
	}
}
