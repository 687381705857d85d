package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatRedisSaysOfItsScripts(t *testing.T) {
	const stats = "calls=10000,usec=214300,usec_per_call=21.43,rejected_calls=0,failed_calls=0"
	if got, err := parseMicros(stats); err != nil || got != 21.43 {
		t.Errorf("got %v, %v, want 21.43", got, err)
	}
	if _, err := parseMicros(""); err == nil {
		t.Error("no statistics are no error")
	}
}

func TestAServerIsReadyWhenItSaysSo(t *testing.T) {
	said := "1:C # Redis is starting\n1:M * Ready to accept connections tcp\nmore\n"
	if got, err := awaitLine(strings.NewReader(said), "Ready to accept"); err != nil || !strings.HasPrefix(got, "1:M * Ready") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := awaitLine(strings.NewReader(said), "listening "); !errors.Is(err, io.EOF) {
		t.Errorf("got %v from a server that ended, want io.EOF", err)
	}
}

func TestAFleetCostsWhatItsServersCostTogether(t *testing.T) {
	before := usage{servers: time.Second, redis: 500 * time.Millisecond}
	after := usage{servers: 3 * time.Second, redis: 600 * time.Millisecond}
	want := cost{cpu: 20 * time.Microsecond, redis: time.Microsecond}
	if got := after.since(before, 100_000); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	all := fleet{nodes: []*process{{address: "a"}, {address: "b"}, {address: "c"}}}
	part := all.first(2, "GET /")
	if diff := cmp.Diff([]string{"a", "b"}, part.addresses()); diff != "" || part.request != "GET /" {
		t.Errorf("two of three are asked at (-want +got), for %q:\n%s", part.request, diff)
	}
}

func TestLinesAboutRedis(t *testing.T) {
	runs := []cost{
		{redis: 1 * time.Microsecond, cpu: 20 * time.Microsecond, throughput: 50_000},
		{redis: 3 * time.Microsecond, cpu: 30 * time.Microsecond, throughput: 30_000},
	}
	got := table([]line{redisLine("join", "join", runs), pollsLine("poll", runs)})
	want := `| what                        | measured (median)            | spread        | bound |     |
|-----------------------------|------------------------------|---------------|-------|-----|
| join: CPU of Redis per join | 2.00 µs                      | 1.00–3.00 µs  |       |     |
| poll                        | 40.0 k/s on a core (25.0 µs) | 30.0–50.0 k/s |       |     |
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
}
