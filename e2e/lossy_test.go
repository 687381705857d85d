//go:build e2e && linux

package e2e_test

import (
	"bufio"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	// lostReplies is how many replies of a lossy way are between two that get lost, on
	// average.
	lostReplies = 10
	// maxArgument is longer than any argument of a command.
	maxArgument = 16 << 20
)

// A lossyWay leads to a Redis. Requests always get there; now and then the
// connection ends instead of bringing the reply.
type lossyWay struct {
	Addr string

	texts map[string]string // The script of each verb.

	mu     sync.Mutex // Guards the rest.
	active bool
	spare  bool              // Only the first reply of each verb gets lost.
	verbs  map[string]string // By the hash of their scripts.
	lost   map[string]int    // How many replies to a verb never arrived.
}

// newLossyWay opens a way that ends with the test. It loses nothing until told to.
func newLossyWay(t *testing.T, to string) *lossyWay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &lossyWay{Addr: listener.Addr().String(), texts: verbs(t), verbs: make(map[string]string), lost: make(map[string]int)}
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

// verbs returns the texts of the scripts that verbs consist of. Those of room and
// vault stand before others.
func verbs(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	files, err := filepath.Glob("../waitingroom/redisstore/lua/*.lua")
	if err != nil || len(files) < 3 {
		t.Fatalf("there are %d scripts: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".lua")] = string(text)
	}
	delete(texts, "room")
	delete(texts, "vault")
	return texts
}

// Lose begins or ends the losses.
func (w *lossyWay) Lose(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = on
}

// Spare begins or ends a time in which a verb that has lost a reply loses no other.
func (w *lossyWay) Spare(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare = on
}

// Spared returns the verbs of which no reply was lost, and how many replies were lost
// in all.
func (w *lossyWay) Spared() (verbs []string, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, verb := range slices.Sorted(maps.Keys(w.texts)) {
		if w.lost[verb] == 0 {
			verbs = append(verbs, verb)
		}
		lost += w.lost[verb]
	}
	return verbs, lost
}

// lead carries one connection.
func (w *lossyWay) lead(near net.Conn, to string) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	asked := &asked{}
	go func() {
		w.ask(far, bufio.NewReader(near), asked) // Ends with either side.
		_ = far.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := far.Read(buffer)
		if err != nil || w.loses(asked.take()) {
			return
		}
		if _, err := near.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// asked are the verbs that a connection has brought since the last reply.
type asked struct {
	mu    sync.Mutex // Guards verbs.
	verbs []string
}

func (a *asked) add(verb string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.verbs = append(a.verbs, verb)
}

func (a *asked) take() (verbs []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	verbs, a.verbs = a.verbs, nil
	return verbs
}

// ask passes commands on.
func (w *lossyWay) ask(far io.Writer, near *bufio.Reader, asked *asked) {
	for {
		raw, arguments, err := readCommand(near)
		if err != nil {
			return
		}
		if verb := w.verb(arguments); verb != "" {
			asked.add(verb)
		}
		if _, err := far.Write(raw); err != nil {
			return
		}
	}
}

// verb returns which verb a command calls, or "". A script is sent in full before it
// is called by its hash.
func (w *lossyWay) verb(arguments []string) string {
	if len(arguments) < 2 {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch strings.ToLower(arguments[0]) {
	case "evalsha":
		return w.verbs[arguments[1]]
	case "eval":
		for verb, text := range w.texts {
			if strings.HasSuffix(arguments[1], text) {
				w.verbs[fmt.Sprintf("%x", sha1.Sum([]byte(arguments[1])))] = verb
				return verb
			}
		}
	}
	return ""
}

// loses decides whether a reply gets lost, and counts it: the first of each verb, and
// then some.
func (w *lossyWay) loses(verbs []string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := slices.ContainsFunc(verbs, func(verb string) bool { return w.lost[verb] == 0 })
	if !w.active || !first && (w.spare || rand.IntN(lostReplies) > 0) {
		return false
	}
	for _, verb := range verbs {
		w.lost[verb]++
	}
	return true
}

var errCommand = errors.New("no command of Redis")

// readCommand reads a command of Redis, and returns it as it was sent as well.
func readCommand(r *bufio.Reader) (raw []byte, arguments []string, err error) {
	number := func(kind byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		raw = append(raw, line...)
		n, err := strconv.Atoi(strings.TrimSuffix(line[1:], "\r\n"))
		if err != nil || line[0] != kind || n < 0 || n > maxArgument {
			return 0, errCommand
		}
		return n, nil
	}
	count, err := number('*')
	if err != nil {
		return nil, nil, err
	}
	for range count {
		length, err := number('$')
		if err != nil {
			return nil, nil, err
		}
		text := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, nil, err
		}
		raw = append(raw, text...)
		arguments = append(arguments, string(text[:length]))
	}
	return raw, arguments, nil
}
