//go:build e2e && linux

package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// variants are programs that differ from the one under test.
type variants struct {
	another string // Another version.
	skewed  string // With a clock that is as wrong as skewVariable says.
}

// buildVariants builds them before anything happens that the compiler would disturb.
func buildVariants(t *testing.T) *variants {
	t.Helper()
	return &variants{another: buildAs(t, "-ldflags", "-X main.version=v9.9.9"), skewed: buildSkewed(t)}
}

// buildAs builds the program with further flags of go build, and returns its path.
func buildAs(t *testing.T, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "anteroom")
	build := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", out}, flags...), "../cmd/anteroom")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, text)
	}
	return out
}

// skewVariable is by how many seconds the clock of a skewed program is wrong.
const skewVariable = "TEST_CLOCK_SKEW"

// skewSource is added to package time: by how many seconds Now is wrong. Only the wall
// clock is; the monotonic one, which timers go by, is another value.
const skewSource = `
var skew = func() int64 {
	text, _ := syscall.Getenv("` + skewVariable + `")
	var n, sign int64 = 0, 1
	for _, c := range []byte(text) {
		if c == '-' {
			sign = -1
			continue
		}
		n = 10*n + int64(c-'0')
	}
	return sign * n
}()
`

// buildSkewed builds the program with a clock that is as wrong as skewVariable says.
// No tool from outside can do that to a static Go program, which asks the kernel
// without a system call or a library in between; so package time is built with
// another Now.
func buildSkewed(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for old, changed := range map[string]string{
		"\nfunc Now() Time {\n\tsec, nsec, mono := runtimeNow()\n": "\nfunc Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec += skew\n",
		"\nimport (\n": "\nimport (\n\t\"syscall\"\n",
	} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("%s does not have %q once", path, old)
		}
		text = strings.Replace(text, old, changed, 1)
	}
	dir := t.TempDir()
	replaced, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{replaced: []byte(text + skewSource), overlay: list} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return buildAs(t, "-overlay", overlay)
}
