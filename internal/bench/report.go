package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// The marks between which a report is rewritten. What stands around them is
// written by people.
const (
	reportBegin = "<!-- `make bench` writes from here … -->\n"
	reportEnd   = "<!-- … to here. -->\n"
)

// writeReport writes hardware and table into a file, between the marks if it has
// them.
func writeReport(path string, runs int, lines []line) error {
	old, err := os.ReadFile(path) //nolint:gosec // Whoever runs this says where.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := fmt.Sprintf("\nMeasured on %s; ratios by %d pairs of runs.\n\n%s\n%s\n",
		time.Now().UTC().Format(time.DateOnly), runs, hardware(), table(lines))
	return os.WriteFile(path, []byte(insert(string(old), text)), 0o644) //nolint:gosec // A document to read.
}

// insert puts text between the marks of a document.
func insert(document, text string) string {
	before, rest, ok := strings.Cut(document, reportBegin)
	_, after, ends := strings.Cut(rest, reportEnd)
	if !ok || !ends {
		before, after = "# Performance\n\n", ""
	}
	return before + reportBegin + text + reportEnd + after
}
