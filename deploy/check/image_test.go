package check_test

import (
	"bytes"
	"debug/elf"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// root is the root of the checkout, which an image is built from.
const root = "../.."

// An image is what the Dockerfile says that the last stage is.
type image struct {
	build, final instructions.Stage
}

// loadImage reads the Dockerfile as BuildKit does; whatever BuildKit would warn of
// fails the test.
func loadImage(t *testing.T) image {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, _ []parser.Range) { t.Errorf("Dockerfile: %s: %s", rule, message) },
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 {
		t.Fatalf("%d stages, want one that builds and one that is shipped", len(stages))
	}
	return image{build: stages[0], final: stages[1]}
}

// last returns the last instruction of a kind in the stage that is shipped.
func last[T instructions.Command](t *testing.T, i image) T {
	t.Helper()
	var found T
	ok := false
	for _, command := range i.final.Commands {
		if c, is := command.(T); is {
			found, ok = c, true
		}
	}
	if !ok {
		t.Fatalf("the Dockerfile has no %T", found)
	}
	return found
}

func TestTheImageIsNothingButTheBinary(t *testing.T) {
	i := loadImage(t)
	if i.final.BaseName != "scratch" {
		t.Errorf("the image stands on %s, want scratch", i.final.BaseName)
	}
	if tag := regexp.MustCompile(`^golang:\d+\.\d+-alpine$`); !tag.MatchString(i.build.BaseName) {
		t.Errorf("built with %s, want a pinned version of Go", i.build.BaseName)
	}
	if user := last[*instructions.UserCommand](t, i).User; !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("it runs as %q, want numbers, which Kubernetes can see are not root's", user)
	}
	entry := last[*instructions.EntrypointCommand](t, i)
	if entry.PrependShell || last[*instructions.CmdCommand](t, i).PrependShell {
		t.Error("it wants a shell, which it has not")
	}
	for _, command := range i.final.Commands {
		if run, ok := command.(*instructions.RunCommand); ok {
			t.Errorf("%s: there is nothing in the image to run it", run)
		}
	}
}

// TestTheImageBuilds runs the command of the Dockerfile on what the .dockerignore
// lets through: a package that it forgets would be missed only when an image
// is built.
func TestTheImageBuilds(t *testing.T) {
	build := buildCommand(t, loadImage(t))
	out := t.TempDir()
	binary := filepath.Join(out, "anteroom")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(build, "/out/", out+"/"))
	cmd.Dir = buildContext(t)
	cmd.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH=amd64", "VERSION=v1.2.3-test")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, output)
	}
	program, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary wants a dynamic linker, which the image has not")
	}
	if program.Section(".text") == nil {
		t.Error("the binary has no code")
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("v1.2.3-test")) {
		t.Error("the binary does not know its version")
	}
}

// buildCommand returns the command of the Dockerfile that builds the binary.
func buildCommand(t *testing.T, i image) string {
	t.Helper()
	for _, command := range i.build.Commands {
		if run, ok := command.(*instructions.RunCommand); ok {
			if line := strings.Join(run.CmdLine, " "); strings.Contains(line, "go build") {
				return line
			}
		}
	}
	t.Fatal("the Dockerfile has no go build")
	return ""
}

// buildContext copies what .dockerignore lets through to a directory.
func buildContext(t *testing.T) string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := entry.Name(); base == ".git" || base == "node_modules" || base == "artifacts" {
				return filepath.SkipDir // Large, and ignored as a whole.
			}
			return nil
		}
		if skip, err := ignored.MatchesOrParentMatches(name); err != nil || skip {
			return err
		}
		return copyFile(filepath.Join(dir, name), path)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{".git", "deploy", "bin", "secret", "admin-token"} {
		if _, err := os.Stat(filepath.Join(dir, secret)); err == nil {
			t.Errorf("%s would be sent to the builder", secret)
		}
	}
	return dir
}

func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Close()
}
