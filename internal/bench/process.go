package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startLimit is how long a process may take to listen, stopLimit how long
	// to stop.
	startLimit = 20 * time.Second
	stopLimit  = 15 * time.Second
)

// A process is a server that runs on its core, from start to stop.
type process struct {
	name    string
	address string        // HOST:PORT where it is asked.
	started time.Duration // From exec to the line that says that it listens.

	lab   *lab
	cmd   *exec.Cmd
	stdin io.Closer
	log   string // File with its standard error.
}

// start starts a program pinned to the server's core and waits until it
// listens. An order, if not nil, is sent to its standard input as JSON.
func (l *lab) start(name string, order any, program string, args ...string) (*process, error) {
	const greeting = "listening "
	p, said, err := l.startOn(serverCore, name, greeting, order, program, args...)
	if err != nil {
		return nil, err
	}
	for field := range strings.FieldsSeq(said) {
		if address, ok := strings.CutPrefix(field, "public="); ok {
			p.address = address
		}
	}
	return p, nil
}

// startOn starts a program pinned to a core, and waits for a line of its standard
// output that contains greeting, which it returns.
func (l *lab) startOn(core int, name, greeting string, order any, program string, args ...string) (p *process, said string, err error) {
	l.made++
	p = &process{name: name, lab: l, log: filepath.Join(l.dir, fmt.Sprintf("%s-%d.log", name, l.made))}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, "", err
	}
	defer log.Close()                      //nolint:errcheck // The child has its own.
	p.cmd = exec.Command(program, args...) //nolint:gosec,noctx // Our own binaries, and Redis; stop ends them.
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = dieWithParent()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	begin := time.Now()
	if err := startOn(core, p.cmd); err != nil {
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}
	l.running[p] = true
	if order != nil {
		if err := json.NewEncoder(stdin).Encode(order); err != nil {
			return nil, "", fmt.Errorf("give %s its order: %w", name, err)
		}
	}
	overdue := time.AfterFunc(startLimit, func() { _ = p.cmd.Process.Kill() }) // Reading fails then.
	defer overdue.Stop()
	said, err = awaitLine(stdout, greeting)
	p.started = time.Since(begin)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("%s does not listen: %w\n%s", name, err, p.logged()), p.stop())
	}
	return p, said, nil
}

// awaitLine reads lines until one contains a text, and returns that one.
func awaitLine(from io.Reader, text string) (string, error) {
	for lines := bufio.NewReader(from); ; {
		row, err := lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.Contains(row, text) {
			return row, nil
		}
	}
}

// logged returns the end of what the process wrote to standard error.
func (p *process) logged() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2048):])
}

// stop asks the process to end, and makes it.
func (p *process) stop() error {
	if !p.lab.running[p] {
		return nil
	}
	delete(p.lab.running, p)
	_ = p.stdin.Close()                       // A child of ours ends with its standard input,
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // the server by signal. Either may be over already.
	overdue := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	defer overdue.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stop %s: %w\n%s", p.name, err, p.logged())
	}
	return nil
}

// cpu returns the CPU time that all threads of the process have used, user and
// system.
func (p *process) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("%s has no threads with statistics in /proc", p.name)
	}
	var total time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // Of /proc.
		if err != nil {
			return 0, err
		}
		used, err := parseSchedstat(string(text))
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		total += used
	}
	return total, nil
}

// parseSchedstat returns the first field of /proc/PID/schedstat, the time spent
// on a CPU in nanoseconds.
func parseSchedstat(text string) (time.Duration, error) {
	field, _, _ := strings.Cut(text, " ")
	ns, err := strconv.ParseInt(field, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the time on the CPU: %w", err)
	}
	return time.Duration(ns), nil
}

// anonymous returns the resident anonymous memory of the process in bytes: its
// heap and stacks, without the pages of files (such as the store's).
func (p *process) anonymous() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseAnonymous(string(text))
}

// parseAnonymous returns RssAnon of /proc/PID/status in bytes.
func parseAnonymous(status string) (int64, error) {
	for row := range strings.Lines(status) {
		value, ok := strings.CutPrefix(row, "RssAnon:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read RssAnon: %w", err)
		}
		return kb << 10, nil
	}
	return 0, errors.New("no RssAnon in the status of the process")
}
