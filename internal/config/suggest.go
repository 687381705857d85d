package config

import (
	"fmt"
	"strings"
)

// maxSuggested is the longest name, in bytes, for which a near one is looked for.
const maxSuggested = 64

// suggest returns what to say after an unknown name: the known one that is
// nearest or, if none is near, all of them.
func suggest(name string, known []string) string {
	if near := suggestion(name, known); near != "" {
		return near
	}
	return "; known here: " + strings.Join(known, ", ")
}

// suggestion returns what to say after an unknown name: the known one that is
// nearest, or nothing if none is near.
func suggestion(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// Nearest returns the known name that was probably meant by name, or "" if none
// is near.
func Nearest(name string, known []string) string {
	if len(name) > maxSuggested {
		return ""
	}
	best, least := "", maxSuggested
	for _, candidate := range known {
		// A third of the longer name may differ; more is another word, except
		// where one name begins with the other.
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		near := d <= (max(len(name), len(candidate))+2)/3
		if len(name) > 2 && len(candidate) > 2 {
			near = near || strings.HasPrefix(name, candidate) || strings.HasPrefix(candidate, name)
		}
		if near && d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance returns how many bytes have to be inserted, deleted, replaced or
// swapped with their neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// either returns the choices as "a, b or c".
func either(choices []string) string {
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}
