package wait

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

func TestTheAnswerToAPoll(t *testing.T) {
	ticket := waitingroom.Ticket{Position: 42}
	for name, test := range map[string]struct {
		state    string
		counters waitingroom.Counters
		pace     waitingroom.Pace
		want     string
	}{
		"somebody who waits": {
			"waiting",
			waitingroom.Counters{Serving: 10},
			waitingroom.Pace{Ahead: 31, Low: 12500 * time.Millisecond, High: 20100 * time.Millisecond, PollAfter: 2100 * time.Millisecond},
			`{"state":"waiting","position":42,"serving":10,"ahead":31,"eta_seconds":[12,21],"poll_after_ms":2100,"enter_after_ms":0,"message":""}`,
		},
		"nobody knows how long": {
			"waiting",
			waitingroom.Counters{Serving: 10},
			waitingroom.Pace{Ahead: 31, Low: -1, High: -1, PollAfter: time.Second},
			`{"state":"waiting","position":42,"serving":10,"ahead":31,"eta_seconds":null,"poll_after_ms":1000,"enter_after_ms":0,"message":""}`,
		},
		"somebody whose turn has come": {
			"served",
			waitingroom.Counters{Serving: 50},
			waitingroom.Pace{Low: 0, PollAfter: 2 * time.Second, EnterAfter: 1500 * time.Millisecond},
			`{"state":"served","position":42,"serving":50,"ahead":0,"eta_seconds":[0,0],"poll_after_ms":2000,"enter_after_ms":1500,"message":""}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(appendStatus(nil, test.state, ticket, test.counters, test.pace))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if !json.Valid([]byte(got)) {
				t.Error("not JSON")
			}
		})
	}
}

func TestWhatThePageIsTold(t *testing.T) {
	for _, test := range []struct {
		state waitingroom.State
		phase waitingroom.Phase
		want  string
	}{
		{waitingroom.StateWaiting, waitingroom.PhaseOpen, "waiting"},
		{waitingroom.StateWaiting, waitingroom.PhaseBefore, "closed"},
		{waitingroom.StateWaiting, waitingroom.PhaseAfter, "closed"},
		{waitingroom.StateServed, waitingroom.PhaseAfter, "served"},
		{waitingroom.StateActive, waitingroom.PhaseOpen, "served"},
		{waitingroom.StateExpired, waitingroom.PhaseOpen, "expired"},
		{waitingroom.StateSpent, waitingroom.PhaseOpen, "spent"},
	} {
		if got := shown(test.state, test.phase); got != test.want {
			t.Errorf("%s in phase %d is shown as %q, want %q", test.state, test.phase, got, test.want)
		}
	}
}
