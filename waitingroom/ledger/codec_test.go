package ledger_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom"
	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 678_000_000, time.UTC)

func someSession() waitingroom.Session {
	return waitingroom.Session{
		Position: waitingroom.MaxPosition, Holder: [32]byte{1, 31: 2}, Admitted: noon, AuthTime: noon.Truncate(time.Second),
		Expires: noon.Add(time.Hour), Status: waitingroom.StatusAbandoned,
		Grants: []waitingroom.Grant{
			{ID: 1<<64 - 1, Client: "shop", AuthTime: noon, Redeemed: noon, Number: 1<<32 - 1, Rotated: noon, Ended: true},
			{Client: ""},
		},
	}
}

// sentSession returns one whose visitor was sent to start the login afresh.
func sentSession() waitingroom.Session {
	s := someSession()
	s.Reserved = true
	s.Rounds = []waitingroom.Round{{Op: waitingroom.OpID{1}, Client: "shop", Login: [16]byte{2}, At: noon, Counts: true}, {}}
	return s
}

func someCode() ledger.Code {
	return ledger.MadeCode(waitingroom.Code{
		Login: [16]byte{7}, Client: "shop", Binding: [32]byte{8}, Payload: bytes.Repeat([]byte{0, 255}, 4096),
	}, waitingroom.RequestID{9}, noon, noon.Add(time.Minute), waitingroom.OpID{10})
}

func TestRowsAreReadAsTheyWereWritten(t *testing.T) {
	for _, want := range []waitingroom.Session{someSession(), sentSession(), {Reserved: true}, {Admitted: noon, AuthTime: noon, Expires: noon}, {}} {
		got, err := ledger.DecodeSession(ledger.EncodeSession(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("session (-want +got):\n%s", diff)
		}
	}
	want := someCode()
	got, err := ledger.DecodeCode(ledger.EncodeCode(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ledger.Code{})); diff != "" {
		t.Errorf("code (-want +got):\n%s", diff)
	}
}

// A file of an earlier version is read on, and one without rounds by an earlier
// version.
func TestASessionWithoutRoundsHasTheRowOfTheFirstVersion(t *testing.T) {
	if row := ledger.EncodeSession(someSession()); row[0] != 1 {
		t.Errorf("version %d", row[0])
	}
	if row := ledger.EncodeSession(sentSession()); row[0] != 3 {
		t.Errorf("version %d with rounds", row[0])
	}
}

// The second version was the same, but for whose the rounds are.
func TestARowOfTheSecondVersionIsReadOn(t *testing.T) {
	want := waitingroom.Session{Reserved: true, Rounds: []waitingroom.Round{{Op: waitingroom.OpID{1}, Login: [16]byte{2}, At: noon, Counts: true}}}
	row := ledger.EncodeSession(want)
	row = row[:len(row)-1] // The empty name of the client, before the empty list of grants.
	row[0] = 2
	got, err := ledger.DecodeSession(row)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestARowThatIsCutOffOrOfAnotherVersionIsNone(t *testing.T) {
	session, sent, code := ledger.EncodeSession(someSession()), ledger.EncodeSession(sentSession()), ledger.EncodeCode(someCode())
	for _, session := range [][]byte{session, sent} {
		for n := range session {
			if _, err := ledger.DecodeSession(session[:n]); !errors.Is(err, ledger.ErrRow) {
				t.Errorf("a session's first %d bytes: got error %v", n, err)
			}
		}
	}
	for n := range code {
		if _, err := ledger.DecodeCode(code[:n]); !errors.Is(err, ledger.ErrRow) {
			t.Errorf("a code's first %d bytes: got error %v", n, err)
		}
	}
	for _, row := range [][]byte{session, sent, code} {
		other := bytes.Clone(row)
		other[0] = 99
		_, sessionErr := ledger.DecodeSession(other)
		_, codeErr := ledger.DecodeCode(other)
		if !errors.Is(sessionErr, ledger.ErrRow) || !errors.Is(codeErr, ledger.ErrRow) {
			t.Errorf("version %d: got errors %v, %v", other[0], sessionErr, codeErr)
		}
	}
}

func FuzzDecodeSession(f *testing.F) {
	f.Add(ledger.EncodeSession(someSession()))
	f.Add(ledger.EncodeSession(waitingroom.Session{}))
	f.Add(ledger.EncodeSession(sentSession()))
	f.Add([]byte{})
	// A count of grants that no row could hold must not be believed.
	f.Add(append(ledger.EncodeSession(waitingroom.Session{})[:59], 255, 255, 255, 255, 255, 255, 255, 255, 127))
	f.Fuzz(func(t *testing.T, row []byte) {
		session, err := ledger.DecodeSession(row)
		if err != nil {
			if !errors.Is(err, ledger.ErrRow) {
				t.Errorf("got error %v", err)
			}
			return
		}
		again, err := ledger.DecodeSession(ledger.EncodeSession(session))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(session, again); diff != "" {
			t.Errorf("a second reading differs (-first +second):\n%s", diff)
		}
	})
}

func FuzzDecodeCode(f *testing.F) {
	f.Add(ledger.EncodeCode(someCode()))
	f.Add(ledger.EncodeCode(ledger.Code{}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, row []byte) {
		code, err := ledger.DecodeCode(row)
		if err != nil {
			if !errors.Is(err, ledger.ErrRow) {
				t.Errorf("got error %v", err)
			}
			return
		}
		again, err := ledger.DecodeCode(ledger.EncodeCode(code))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(code, again, cmp.AllowUnexported(ledger.Code{})); diff != "" {
			t.Errorf("a second reading differs (-first +second):\n%s", diff)
		}
	})
}
