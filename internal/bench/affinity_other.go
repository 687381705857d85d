//go:build !linux

package main

import (
	"errors"
	"os/exec"
	"syscall"
)

// errLinux says that what is measured is read from Linux's /proc.
var errLinux = errors.New("measuring needs Linux")

func pinProcess(int) error { return errLinux }

func startOn(int, *exec.Cmd) error { return errLinux }

func dieWithParent() *syscall.SysProcAttr { return nil }
