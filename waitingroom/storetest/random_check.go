package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// both runs a verb on both stores and fails at a difference.
func both[T any](m *machine, room, what string, verb func(waitingroom.Store) (T, waitingroom.Counters, error)) (T, waitingroom.Counters, error) {
	m.Helper()
	want, wantCounters, wantErr := verb(m.reference.Store)
	got, gotCounters, gotErr := verb(m.subject.Store)
	if sentinel(wantErr) != sentinel(gotErr) {
		m.Fatalf("%s in %s: got error %v, want %v", what, room, gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		m.Fatalf("%s in %s (-want +got):\n%s", what, room, diff)
	}
	if diff := cmp.Diff(wantCounters, gotCounters); diff != "" {
		m.Fatalf("counters of %s in %s (-want +got):\n%s", what, room, diff)
	}
	return got, gotCounters, gotErr
}

// plain makes a verb that returns counters only one for [both].
func plain(verb func(waitingroom.Store) (waitingroom.Counters, error)) func(waitingroom.Store) (struct{}, waitingroom.Counters, error) {
	return func(s waitingroom.Store) (struct{}, waitingroom.Counters, error) {
		c, err := verb(s)
		return struct{}{}, c, err
	}
}

// sentinel returns the error that callers branch on, or an error's own text.
func sentinel(err error) string {
	if err == nil {
		return ""
	}
	for _, known := range []error{
		waitingroom.ErrUnavailable, waitingroom.ErrUnsettled, waitingroom.ErrConflict, waitingroom.ErrLineEnded,
		waitingroom.ErrLineAhead, waitingroom.ErrNotServed, waitingroom.ErrExpired, waitingroom.ErrSpent,
		waitingroom.ErrFull, waitingroom.ErrHeld, waitingroom.ErrNoSession, waitingroom.ErrReplayed, waitingroom.ErrNotKept,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "another error"
}

// holds fails the run if an invariant is broken.
func (m *machine) holds(err error) {
	m.Helper()
	if err != nil {
		m.Fatalf("invariant: %v", err)
	}
}

// check compares all that both stores say of all rooms and places. The places
// come first: who is inside says what the counters must be, and those how the
// places must stand.
func (m *machine) check(t *rapid.T) {
	m.T = t
	watched := m.watched()
	standings := make([]waitingroom.Standing, len(watched))
	for i, p := range watched {
		standing, _, err := both(m, p.room, fmt.Sprint("lookup of ", p.ticket.Position),
			func(s waitingroom.Store) (waitingroom.Standing, waitingroom.Counters, error) {
				return s.Lookup(m.Context(), p.room, p.ticket)
			})
		if err == nil {
			m.models[p.room].looked(p.ticket, standing, m.turned)
			standings[i] = standing
		}
	}
	m.turned = false
	for _, room := range m.rooms() {
		_, c, err := both(m, room, "counters", plain(func(s waitingroom.Store) (waitingroom.Counters, error) {
			return s.Counters(m.Context(), room)
		}))
		m.holds(err)
		m.holds(m.models[room].counts(c))
	}
	for i, p := range watched {
		m.holds(m.models[p.room].stands(p.ticket, standings[i]))
	}
}

// watched returns the places that are looked at, which are some, and all who are
// inside.
func (m *machine) watched() []place {
	all := slices.Clone(m.places)
	for _, room := range m.rooms() {
		for _, t := range m.models[room].inside {
			if p := (place{room, t}); !slices.Contains(m.places, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
