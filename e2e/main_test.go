//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the program under test. TestMain sets it once, before any test.
var binary string

// TestMain builds the program, unless E2E_BINARY names a finished one by its
// absolute path, such as a release to be tried.
func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// runTests is TestMain with deferred calls, which os.Exit would skip.
func runTests(m *testing.M) (int, error) {
	binary = os.Getenv("E2E_BINARY")
	if binary != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "anteroom-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "anteroom")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "../cmd/anteroom")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// skipOrFail ends a test that lacks something the machine should have: with
// CI=true the test fails, so that a machine set up wrongly cannot pass.
func skipOrFail(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
