package onboard

import "fmt"

// Level says how bad a [Finding] is.
type Level string

// The levels of findings.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning" // It works, though not as well as it could, or not for all.
	LevelFault   Level = "fault"   // Visitors can't log in.
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level
	// Text says in one line what was found and, unless all is well, what to do.
	Text string
}

// String returns level and text.
func (f Finding) String() string { return fmt.Sprintf("%-7s  %s", f.Level, f.Text) }

// findings are gathered one by one.
type findings []Finding

func (f *findings) ok(format string, args ...any)    { f.add(LevelOK, format, args) }
func (f *findings) warn(format string, args ...any)  { f.add(LevelWarning, format, args) }
func (f *findings) fault(format string, args ...any) { f.add(LevelFault, format, args) }

func (f *findings) add(level Level, format string, args []any) {
	*f = append(*f, Finding{Level: level, Text: fmt.Sprintf(format, args...)})
}

// Faults counts the findings that are faults.
func Faults(list []Finding) (n int) {
	for _, finding := range list {
		if finding.Level == LevelFault {
			n++
		}
	}
	return n
}
