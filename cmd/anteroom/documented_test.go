package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each command that a page on a client begins with works as it stands there, and
// what it is given is right for that kind of client.
func TestDocumentedClientsCanBeMade(t *testing.T) {
	pages, err := filepath.Glob("../../docs/clients/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			line := regexp.MustCompile(`(?m)^anteroom (client new (?:[^\n]*\\\n)*[^\n]*)$`).FindSubmatch(text)
			if line == nil {
				t.Fatal("no command")
			}
			args := strings.Fields(strings.NewReplacer("\\\n", " ", "'", "").Replace(string(line[1])))
			var stdout, stderr strings.Builder
			if err := run(t.Context(), args, &program{stdout: &stdout, stderr: &stderr}); err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			if strings.Contains(stderr.String(), "fault") || !strings.Contains(stdout.String(), "https://wait.example.com") {
				t.Errorf("%q printed\n%s%s", args, stdout.String(), stderr.String())
			}
		})
	}
}
