package anteroom_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the module path, which the tables below leave out.
const module = "github.com/anteroom-dev/anteroom"

// dependency is what `go list -json` says of one package.
type dependency struct {
	ImportPath string
	Standard   bool
	Imports    []string // imported by the package itself
	Deps       []string // reached, directly or not
}

// TestDependenciesPointDownward keeps the import graph as ARCHITECTURE.md draws
// it. Each row lists all that a package may reach outside the standard library,
// directly or not: packages of this module by their path in it, modules of
// others by the path that all their packages begin with.
func TestDependenciesPointDownward(t *testing.T) {
	packages := listPackages(t)
	for _, row := range []struct {
		pkg     string
		allowed []string
		because string
	}{
		{
			"waitingroom", nil,
			"the engine is a library that knows neither HTTP nor OpenID Connect nor any database",
		},
		{
			"waitingroom/ledger",
			[]string{"waitingroom"},
			"the arithmetic of a room's state is the same on every backend, so it knows none",
		},
		{
			"waitingroom/memstore",
			[]string{"waitingroom", "waitingroom/ledger"},
			"the reference that other backends are compared with stands on the arithmetic alone",
		},
		{
			"waitingroom/boltstore",
			[]string{"waitingroom", "waitingroom/ledger", "go.etcd.io/bbolt", "golang.org/x/sys"},
			"a backend brings the technology it is named after and nothing else",
		},
		{
			"waitingroom/redisstore",
			[]string{"waitingroom", "waitingroom/redisstore/redisurl", "github.com/redis/go-redis", "github.com/cespare/xxhash", "go.uber.org/atomic", "golang.org/x/sys"},
			"a backend brings the technology it is named after and nothing else",
		},
		{
			"waitingroom/redisstore/redisurl", nil,
			"the configuration checks URLs by the same rules as the store, and knows nothing else of it",
		},
		{
			"waitingroom/storetest",
			[]string{"waitingroom", "pgregory.net/rapid", "github.com/google/go-cmp"},
			"what every backend must do is said without looking at any of them",
		},
		{
			"keys",
			[]string{"github.com/go-jose/go-jose/v4"},
			"signing keys are used by the provider and the AWS APIs alike and know nothing of either",
		},
		{
			"oidc/claims", nil,
			"the configuration checks claims by the same rules as the provider, and knows nothing else of it",
		},
		{
			"internal/config",
			[]string{"oidc/claims", "waitingroom/redisstore/redisurl", "go.yaml.in/yaml/v3"},
			"a configuration can be read and checked without any of the parts that it is for",
		},
		{
			"internal/onboard",
			[]string{"internal/config", "oidc/claims", "waitingroom/redisstore/redisurl", "github.com/go-jose/go-jose/v4", "go.yaml.in/yaml/v3"},
			"it looks at a server from outside, as a relying party does, and shares nothing with it but the configuration",
		},
		{
			"internal/load/audit", nil,
			"whether a line was right is judged from what was seen alone, by whoever saw it",
		},
		{
			"internal/load/report", nil,
			"a report is values and how they are shown, and knows nothing of how they were found",
		},
		{
			"internal/load",
			[]string{
				"internal/load/audit", "internal/load/report", "internal/admin", "waitingroom", "keys",
				"github.com/HdrHistogram/hdrhistogram-go", "github.com/go-jose/go-jose/v4",
			},
			"a crowd meets the server over HTTP, as visitors do, and never from inside",
		},
		{
			"templates",
			[]string{"static"},
			"pages know the names of their assets, and are otherwise html/template alone",
		},
		{
			"static", nil,
			"assets are served by the standard library alone",
		},
		{
			"e2e/albsim",
			[]string{"github.com/go-jose/go-jose/v4"},
			"a relying party that shares no code with the provider shares none of its mistakes",
		},
		{
			"e2e/cognitosim",
			[]string{"github.com/go-jose/go-jose/v4"},
			"as for e2e/albsim",
		},
		{
			"e2e/wpsim", nil,
			"as for e2e/albsim",
		},
	} {
		t.Run(row.pkg, func(t *testing.T) {
			pkg, ok := packages[module+"/"+row.pkg]
			if !ok {
				t.Fatalf("package %s does not exist: remove its row or name its new place", row.pkg)
			}
			for _, path := range pkg.Deps {
				if packages[path].Standard {
					continue
				}
				if !slices.ContainsFunc(row.allowed, func(entry string) bool { return allows(entry, path) }) {
					t.Errorf("%s reaches %s, but may reach only %q: %s", row.pkg, path, row.allowed, row.because)
				}
			}
		})
	}
}

// TestSiblingsDoNotKnowEachOther names what a package must never reach, directly
// or not, whatever else it may use.
func TestSiblingsDoNotKnowEachOther(t *testing.T) {
	packages := listPackages(t)
	for _, row := range []struct {
		pkg       string
		forbidden []string
		because   string
	}{
		{
			"waitingroom",
			[]string{"net/http"},
			"the engine deals in places and counters; who asks, and over what, is not its business",
		},
		{
			"keys",
			[]string{"net/http"},
			"keys are handed out as values; publishing them is up to whoever serves them",
		},
		{
			"oidc",
			[]string{"waitingroom", "wait", "awsapi"},
			"the provider is certified with a queue that says yes at once, so it asks an interface of its own",
		},
		{
			"wait",
			[]string{"oidc", "awsapi", "github.com/zitadel"},
			"the waiting page hands a visitor back to whatever sent them, which need not be OpenID Connect",
		},
		{
			"awsapi",
			[]string{"oidc", "wait", "github.com/zitadel"},
			"the JSON APIs serve installations that use no OpenID Connect",
		},
	} {
		t.Run(row.pkg, func(t *testing.T) {
			pkg, ok := packages[module+"/"+row.pkg]
			if !ok {
				t.Fatalf("package %s does not exist: remove its row or name its new place", row.pkg)
			}
			for _, path := range pkg.Deps {
				if slices.ContainsFunc(row.forbidden, func(entry string) bool { return covers(entry, path) }) {
					t.Errorf("%s reaches %s, but must not: %s", row.pkg, path, row.because)
				}
			}
		})
	}
}

// TestOnlyProgramsImportTheServer keeps the composition root at the top: what
// puts the parts together must not become a part itself.
func TestOnlyProgramsImportTheServer(t *testing.T) {
	const server = module + "/internal/server"
	packages := listPackages(t)
	if _, ok := packages[server]; !ok {
		t.Fatal("package internal/server does not exist: name its new place")
	}
	for path, pkg := range packages {
		if !slices.Contains(pkg.Imports, server) {
			continue
		}
		name := strings.TrimPrefix(path, module+"/")
		if top, _, _ := strings.Cut(name, "/"); top != "cmd" && top != "e2e" && top != "internal" {
			t.Errorf("%s imports internal/server; only cmd, e2e and internal packages may", name)
		}
	}
}

// allows reports whether an entry of a table permits path: an entry of this
// module permits exactly one package, any other all packages below it.
func allows(entry, path string) bool {
	if local, ok := strings.CutPrefix(path, module+"/"); ok {
		return local == entry
	}
	return covers(entry, path)
}

// covers reports whether an entry of a table is path or a parent of it.
func covers(entry, path string) bool {
	path = strings.TrimPrefix(path, module+"/")
	return path == entry || strings.HasPrefix(path, entry+"/")
}

// listPackages returns the packages of the module and all that they reach, by
// import path.
func listPackages(t *testing.T) map[string]dependency {
	t.Helper()
	touchSources(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	packages := make(map[string]dependency)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg dependency
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages[pkg.ImportPath] = pkg
	}
}

// touchSources looks at every Go file of the module. `go test` remembers which
// files a test looked at and runs it again when one has changed; what a child
// process such as `go list` reads it does not see, and a forbidden import would
// hide behind a cached result.
func touchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != "." && (name[0] == '.' || name == "node_modules" || name == "artifacts") {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatalf("look at the sources: %v", err)
	}
}
