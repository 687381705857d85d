package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the version of a release. The linker sets it:
// go build -ldflags "-X main.version=v1.2.3".
var version string

// A buildInfo says what a binary was built from.
type buildInfo struct {
	version  string // Such as v1.2.3.
	commit   string // The full hash, or "unknown".
	modified bool   // Whether there were changes that are not in the commit.
}

// build returns what this binary was built from, as far as the go command has
// noted it.
func build() buildInfo {
	b := buildInfo{version: version, commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.version == "" {
		b.version = info.Main.Version
	}
	if b.version == "" {
		b.version = "(devel)"
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.commit = setting.Value
		case "vcs.modified":
			b.modified = setting.Value == "true"
		}
	}
	return b
}

func versionCommand() command {
	return command{
		name:    "version",
		summary: "Print the version, the commit and the version of Go",
		define: func(p *program, _ *flag.FlagSet) action {
			return func(context.Context, []string) error {
				b := build()
				if b.modified {
					b.commit += " with changes"
				}
				_, err := fmt.Fprintf(p.stdout, "anteroom %s\ncommit %s\n%s %s/%s\n",
					b.version, b.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
		},
	}
}
