package waitingroom_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// vector is what a ticket, its proof and its master secret's check value must
// look like, to the last bit, in every version of this program: visitors stand
// in line with them. The values come from the description of the formats, not
// from this code, and are only ever read.
type vector struct {
	Secret     string           `json:"secret"`
	Room       string           `json:"room"`
	Generation int64            `json:"generation"`
	Lane       waitingroom.Lane `json:"lane"`
	Position   int64            `json:"position"`
	Entered    time.Time        `json:"entered"`
	Random     byte             `json:"random"`
	Holder     uint32           `json:"holder"`
	RequestID  string           `json:"request_id"`
	Proof      string           `json:"proof"`
	Check      string           `json:"check"`
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	content, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var vectors []vector
	if err := decoder.Decode(&vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, error %v", len(vectors), err)
	}
	return vectors
}

func (v vector) secrets(t testing.TB) *waitingroom.Secrets {
	t.Helper()
	secret, err := hex.DecodeString(v.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return secretsOf(t, secret)
}

func (v vector) ticket(t testing.TB) waitingroom.Ticket {
	t.Helper()
	id, err := waitingroom.ParseRequestID(v.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	return waitingroom.Ticket{ID: id, Generation: v.Generation, Lane: v.Lane, Position: v.Position, Entered: v.Entered}
}

func secretsOf(t testing.TB, masters ...[]byte) *waitingroom.Secrets {
	t.Helper()
	secrets, err := waitingroom.NewSecrets(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

func TestTicketsAreThoseOfTheVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		tickets := waitingroom.NewTickets(v.secrets(t), v.Room, v.Generation)
		want := v.ticket(t)
		if diff := cmp.Diff(want, tickets.DealWith(v.Lane, v.Position, v.Entered, v.Random)); diff != "" {
			t.Errorf("deal (-want +got):\n%s", diff)
		}
		got, err := tickets.Open(want.ID)
		if err != nil {
			t.Errorf("open %s: %v", v.RequestID, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("open (-want +got):\n%s", diff)
		}
	}
}

func TestProofsAreThoseOfTheVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		proofs := waitingroom.NewProofs(v.secrets(t), v.Room)
		want := waitingroom.Proof{ID: v.ticket(t).ID, Generation: v.Generation, Holder: v.Holder}
		if got := proofs.Prove(want); got != v.Proof {
			t.Errorf("prove: got %q, want %q", got, v.Proof)
		}
		got, err := proofs.Verify(v.Proof)
		if err != nil || got != want {
			t.Errorf("verify: got %+v, error %v, want %+v", got, err, want)
		}
	}
}

func TestChecksAreThoseOfTheVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		checks := v.secrets(t).Check()
		if len(checks) != 1 || hex.EncodeToString(checks[0]) != v.Check {
			t.Errorf("got %x, want %s", checks, v.Check)
		}
	}
}
