package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	joinBound       = 1.33 // Times the CPU of the bare handler.
	throughputBound = 0.7  // Times the throughput of the bare handler.
	pollBound       = 1.2
	// commitDelay stands for a slow disk.
	commitDelay = 5 * time.Millisecond
)

// joinRequest takes a place by the JSON API.
func joinRequest() string {
	body := fmt.Sprintf(`{"event_id":%q}`, room)
	return fmt.Sprintf("POST /public/assign_queue_num HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		host, len(body), body)
}

// measureJoin measures the joining of a line whose store is durable, on the disk
// that there is and on a slow one.
func measureJoin(ctx context.Context, l *lab) ([]line, error) {
	var lines []line
	for _, disk := range []struct {
		what  string
		delay time.Duration
	}{
		{"join", 0},
		{"join, each commit 5 ms later", commitDelay},
	} {
		c, err := l.compareWith(ctx, "join", disk.delay, func(*process) (string, error) { return joinRequest(), nil })
		if err != nil {
			return nil, err
		}
		lines = append(lines, c.cpuLine(disk.what, joinBound), c.throughputLine(disk.what, throughputBound))
	}
	return lines, nil
}

// measurePolls measures what a waiting crowd asks for.
func measurePolls(ctx context.Context, l *lab) ([]line, error) {
	status, err := l.compareWith(ctx, "status", 0, func(server *process) (string, error) {
		v, err := newVisitor(ctx, server.address)
		if err != nil {
			return "", err
		}
		return v.poll(), nil
	})
	if err != nil {
		return nil, err
	}
	serving, err := l.compareWith(ctx, "serving", 0, func(*process) (string, error) {
		return "GET /public/serving_num?event_id=" + room + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n", nil
	})
	if err != nil {
		return nil, err
	}
	return []line{status.cpuLine("poll, /wait/status", pollBound), serving.cpuLine("poll, serving_num", pollBound)}, nil
}

// compareWith compares an endpoint of a new server with a bare handler.
func (l *lab) compareWith(ctx context.Context, name string, delay time.Duration, request func(*process) (string, error)) (c comparison, err error) {
	server, err := l.newServer(name, delay)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	text, err := request(server)
	if err != nil {
		return c, err
	}
	return l.compare(ctx, server, text)
}
