package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// maxAnswer bounds an answer under load, in bytes.
const maxAnswer = 8 << 10

// A generator sends one request over and over, or holds dialogs, on connections
// that stay open.
//
// It never sleeps: it asks the kernel for answers in a loop. Waking a generator
// that sleeps is work done in the server's write, and the more of it the slower
// the server is, so it would count against the server twice. It also does as
// little as it can: it looks at the status and at the length of an answer, and at
// nothing else.
type generator struct {
	request []byte
	poll    int // Of epoll.
	lines   map[int32]*connection
}

// A connection is a socket, the dialog that is held on it, if any, and what has
// come in of an answer.
type connection struct {
	to     netip.AddrPort
	socket int
	dialog dialog
	n      int
	in     [maxAnswer]byte
}

// dial opens connections, to each address in turn.
func dial(ctx context.Context, connections int, request string, addresses ...string) (*generator, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	g := &generator{request: []byte(request), poll: poll, lines: make(map[int32]*connection)}
	for n := range connections {
		to, err := netip.ParseAddrPort(addresses[n%len(addresses)])
		if err := errors.Join(ctx.Err(), err); err != nil {
			return nil, errors.Join(err, g.close())
		}
		if err := g.connect(&connection{to: to}); err != nil {
			return nil, errors.Join(err, g.close())
		}
	}
	return g, nil
}

// connect opens a connection, which doesn't block from then on.
func (g *generator) connect(c *connection) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	c.socket = socket
	g.lines[int32(socket)] = c
	if err := unix.Connect(socket, &unix.SockaddrInet4{Port: int(c.to.Port()), Addr: c.to.Addr().As4()}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	if err := unix.SetNonblock(socket, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	// As net does: a request goes out at once.
	if err := unix.SetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(socket)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(g.poll, unix.EPOLL_CTL_ADD, socket, &event))
}

func (g *generator) close() error {
	errs := []error{unix.Close(g.poll)}
	for _, c := range g.lines {
		errs = append(errs, unix.Close(c.socket))
	}
	return errors.Join(errs...)
}

// send sends n requests over all connections, each of which has one request
// under way at a time, and returns how long that took.
func (g *generator) send(n int) (time.Duration, error) {
	begin := time.Now()
	unsent, unanswered := n, n
	for _, c := range g.lines {
		if unsent == 0 {
			break
		}
		if err := c.write(g.request); err != nil {
			return 0, err
		}
		unsent--
	}
	events := make([]unix.EpollEvent, len(g.lines))
	for unanswered > 0 {
		ready, err := g.ready(events)
		if err != nil {
			return 0, err
		}
		for _, event := range ready {
			c := g.lines[event.Fd]
			answer, err := g.read(c)
			if err != nil {
				return 0, err
			}
			if answer == nil {
				continue
			}
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
				return 0, fmt.Errorf("the server answers %q", answer)
			}
			unanswered--
			if unsent == 0 {
				continue
			}
			if err := c.write(g.request); err != nil {
				return 0, err
			}
			unsent--
		}
		if time.Since(begin) > exchangeLimit {
			return 0, fmt.Errorf("%d of %d requests are still unanswered after %s", unanswered, n, exchangeLimit)
		}
	}
	return time.Since(begin), nil
}

// ready returns the events that there are, which may be none.
func (g *generator) ready(events []unix.EpollEvent) ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(g.poll, events, 0)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, os.NewSyscallError("epoll_wait", err)
	}
	return events[:max(0, n)], nil
}

// hold holds n dialogs, one at a time on each connection. The next one that is due
// comes from begin, which returns nil if that is in the future.
func (g *generator) hold(n int, begin func() dialog) error {
	start := time.Now()
	var idle []*connection
	for _, c := range g.lines {
		idle = append(idle, c)
	}
	events := make([]unix.EpollEvent, len(g.lines))
	for begun, ended := 0, 0; ended < n; {
		for ; begun < n && len(idle) > 0; begun++ {
			next := begin()
			if next == nil {
				break
			}
			c := idle[len(idle)-1]
			c.dialog, idle = next, idle[:len(idle)-1]
			if _, err := c.converse(nil); err != nil {
				return err
			}
		}
		ready, err := g.ready(events)
		if err != nil {
			return err
		}
		for _, event := range ready {
			c := g.lines[event.Fd]
			answer, err := g.read(c)
			if err != nil {
				return err
			}
			if answer == nil {
				continue
			}
			over, err := c.converse(answer)
			if err != nil {
				return err
			}
			if over {
				ended, idle = ended+1, append(idle, c)
			}
		}
		if time.Since(start) > exchangeLimit {
			return fmt.Errorf("%d of %d dialogs are still going on after %s", n-ended, n, exchangeLimit)
		}
	}
	return nil
}

// converse sends what the dialog answers to an answer, if it isn't over.
func (c *connection) converse(answer []byte) (over bool, err error) {
	request, err := c.dialog.next(answer)
	if err != nil || request == nil {
		return true, err
	}
	return false, c.write(request)
}

// write sends a request, which always fits into the socket's buffer.
func (c *connection) write(request []byte) error {
	n, err := unix.Write(c.socket, request)
	if err != nil {
		return os.NewSyscallError("write", err)
	}
	if n != len(request) {
		return fmt.Errorf("only %d of %d bytes of a request went out", n, len(request))
	}
	return nil
}

// read reads what has come in. It returns the answer once that is whole, until
// the next call. If the server closes the connection after it, there is a new one
// by then.
func (g *generator) read(c *connection) (answer []byte, err error) {
	n, err := unix.Read(c.socket, c.in[c.n:])
	if err != nil {
		return nil, os.NewSyscallError("read", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("the server closed a connection after %q", c.in[:c.n])
	}
	c.n += n
	size, err := answerSize(c.in[:c.n])
	if err != nil || size == 0 || c.n < size {
		return nil, err
	}
	c.n = 0
	answer = c.in[:size]
	head, _, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	if bytes.Contains(head, []byte("\r\nConnection: close")) {
		delete(g.lines, int32(c.socket))
		err = errors.Join(unix.Close(c.socket), g.connect(c))
	}
	return answer, err
}

// answerSize returns how long an answer is of which the beginning is known, or 0
// if that can't be said yet.
func answerSize(begin []byte) (int, error) {
	head, _, ok := bytes.Cut(begin, []byte("\r\n\r\n"))
	if !ok {
		if len(begin) == maxAnswer {
			return 0, fmt.Errorf("the head of an answer is longer than %d bytes", maxAnswer)
		}
		return 0, nil
	}
	_, value, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !ok {
		return 0, fmt.Errorf("an answer does not say how long it is: %q", head)
	}
	value, _, _ = bytes.Cut(value, []byte("\r\n"))
	length, err := strconv.Atoi(string(value))
	if err != nil {
		return 0, fmt.Errorf("read the length of an answer: %w", err)
	}
	return len(head) + len("\r\n\r\n") + length, nil
}
