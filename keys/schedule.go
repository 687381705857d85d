package keys

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// PublishAhead is how long a key that rotation makes is published before it
	// signs: longer than relying parties keep a JWKS, of which five minutes are
	// asked for.
	PublishAhead = time.Hour

	// KeepRetired is how long the public half of a key is published after the key
	// has signed for the last time.
	KeepRetired = 30 * 24 * time.Hour
)

// State says what a key does.
type State string

// The states of a key.
const (
	// StateNext is published, and will sign from a time that is set.
	StateNext State = "next"
	// StateActive signs, and is published.
	StateActive State = "active"
	// StateRetired is published, so that what it signed can be verified. Its private
	// half is gone.
	StateRetired State = "retired"
)

// ringKey is one key of a ring and its times. What a key does at a moment
// follows from the times alone, so that all nodes change over together, even
// while the vault does not answer.
type ringKey struct {
	*signingKey // Nil for a key that has yet to be made.

	algorithm jose.SignatureAlgorithm
	signsFrom time.Time // Zero if since ever.
	retired   time.Time // When its successor took over; zero until that is noted.
	sealed    storedKey
}

// policy says which keys a ring should have.
type policy struct {
	algorithms []jose.SignatureAlgorithm
	every      time.Duration // From one key to the next; 0 is by hand only.
}

// turn returns the keys as they should be now. In a list, the keys of one
// algorithm stand in the order in which they sign.
func (p policy) turn(list []ringKey, now time.Time) []ringKey {
	var turned []ringKey
	for i, key := range list {
		if key.retired.IsZero() {
			key.retired = p.retirement(key, list[i+1:], now)
		}
		if key.retired.IsZero() || now.Before(key.retired.Add(KeepRetired)) {
			turned = append(turned, key)
		}
	}
	for _, algorithm := range p.algorithms {
		latest := latestOf(turned, algorithm)
		switch {
		case latest == nil:
			// Nothing can be signed without it, so it cannot wait.
			turned = append(turned, ringKey{algorithm: algorithm, signsFrom: now})
		case len(turned) >= maxKeys:
			// Somebody has rotated by hand without end. Going on with an old key is
			// better than not starting.
		case p.every > 0 && !now.Before(latest.signsFrom.Add(p.every-PublishAhead)):
			from := latest.signsFrom.Add(p.every)
			if soonest := now.Add(PublishAhead); from.Before(soonest) {
				from = soonest
			}
			turned = append(turned, ringKey{algorithm: algorithm, signsFrom: from})
		}
	}
	return turned
}

// retirement returns since when a key no longer signs, given the keys after it,
// or zero if it still has to.
func (p policy) retirement(key ringKey, later []ringKey, now time.Time) time.Time {
	for _, successor := range later {
		if successor.algorithm == key.algorithm && !successor.signsFrom.After(now) {
			return successor.signsFrom
		}
	}
	// A key that no client uses any more ends when its time is over, and not
	// sooner: another node may not have the new configuration yet.
	if p.every > 0 && !slices.Contains(p.algorithms, key.algorithm) && !now.Before(key.signsFrom.Add(p.every)) {
		return now
	}
	return time.Time{}
}

// rotate returns the keys after a rotation that somebody asked for.
func (p policy) rotate(list []ringKey, now time.Time, order Rotation) []ringKey {
	var kept []ringKey
	if !order.Revoke {
		kept = slices.Clone(list)
	}
	from := now.Add(PublishAhead)
	if order.AtOnce || order.Revoke {
		from = now
	}
	for i := range kept {
		// A next key that is there already is the one that was asked for: another
		// node, or a call whose reply was lost, has been faster.
		if kept[i].signsFrom.After(from) {
			kept[i].signsFrom = from
		}
		if kept[i].retired.IsZero() && !slices.Contains(p.algorithms, kept[i].algorithm) {
			kept[i].retired = now
		}
	}
	for _, algorithm := range p.algorithms {
		latest := latestOf(kept, algorithm)
		before := latestOf(list, algorithm)
		waiting := before != nil && before.signsFrom.After(now)
		if latest == nil || !waiting {
			kept = append(kept, ringKey{algorithm: algorithm, signsFrom: from})
		}
	}
	return p.turn(kept, now)
}

// latestOf returns the last key of an algorithm that has not been retired, or nil.
func latestOf(list []ringKey, algorithm jose.SignatureAlgorithm) *ringKey {
	for i := range slices.Backward(list) {
		if list[i].algorithm == algorithm && list[i].retired.IsZero() {
			return &list[i]
		}
	}
	return nil
}

// keySet is what a ring holds between two looks into the vault.
type keySet struct {
	keys   []ringKey
	stored []byte // The document that they were read from.
}

// find returns the key of that kid, or nil.
func (s *keySet) find(id string) *signingKey {
	for _, key := range s.keys {
		if key.id == id {
			return key.signingKey
		}
	}
	return nil
}

// active returns the key that signs now, or nil.
func (s *keySet) active(algorithm jose.SignatureAlgorithm, now time.Time) *signingKey {
	var found *signingKey
	for _, key := range s.keys {
		if key.algorithm != algorithm || key.private == nil {
			continue
		}
		// Should the clock have gone back behind all of them, the first will do.
		if found == nil || !key.signsFrom.After(now) {
			found = key.signingKey
		}
	}
	return found
}

// state returns what a key of the set does now.
func (s *keySet) state(key ringKey, now time.Time) State {
	switch {
	case s.active(key.algorithm, now) == key.signingKey:
		return StateActive
	case key.signsFrom.After(now):
		return StateNext
	default:
		return StateRetired
	}
}
