package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// hardware describes this machine in a list of Markdown. What can't be found out
// is left out.
func hardware() string {
	var b strings.Builder
	say := func(what, value string) {
		if value != "" {
			fmt.Fprintf(&b, "- %s: %s\n", what, value)
		}
	}
	say("CPU", fmt.Sprintf("%s, %d cores", cpuModel(contents("/proc/cpuinfo")), runtime.NumCPU()))
	say("Kernel", strings.TrimSpace(contents("/proc/sys/kernel/ostype")+" "+contents("/proc/sys/kernel/osrelease")))
	say("Go", runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	say("Redis", redisVersion())
	say("Disk", disk())
	return b.String()
}

// redisVersion returns the version of the Redis that is installed.
func redisVersion() string {
	said, err := exec.CommandContext(context.Background(), "redis-server", "--version").Output()
	if err != nil {
		return ""
	}
	for field := range strings.FieldsSeq(string(said)) {
		if version, ok := strings.CutPrefix(field, "v="); ok {
			return version
		}
	}
	return ""
}

// contents returns the text of a file without spaces around it, or "".
func contents(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // Of /proc and /sys.
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// cpuModel returns the model of the first CPU in /proc/cpuinfo.
func cpuModel(cpuinfo string) string {
	var model, family []string
	for row := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(row, ":")
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); key {
		case "model name":
			model = append(model, value)
		case "cpu family", "model":
			family = append(family, key+" "+value)
		}
	}
	if len(model) == 0 {
		return "unknown"
	}
	return model[0] + " (" + strings.Join(family[:min(2, len(family))], ", ") + ")"
}

// disk describes the disk that the stores were on, the one of the directory for
// temporary files.
func disk() string {
	device, filesystem := mountOf(contents("/proc/self/mounts"), os.TempDir())
	if device == "" {
		return ""
	}
	kind := "of unknown kind"
	switch contents("/sys/class/block/" + filepath.Base(device) + "/queue/rotational") {
	case "0":
		kind = "not rotating"
	case "1":
		kind = "rotating, or virtual"
	}
	return fmt.Sprintf("%s, %s on %s", kind, filesystem, filepath.Base(device))
}

// mountOf returns device and file system of the mount that a directory is on, as
// /proc/self/mounts lists them.
func mountOf(mounts, dir string) (device, filesystem string) {
	longest := ""
	for row := range strings.Lines(mounts) {
		fields := strings.Fields(row)
		if len(fields) < 3 {
			continue
		}
		point := fields[1]
		inside := dir == point || strings.HasPrefix(dir, strings.TrimSuffix(point, "/")+"/")
		if inside && len(point) >= len(longest) {
			longest, device, filesystem = point, fields[0], fields[2]
		}
	}
	return device, filesystem
}
