//go:build !linux

package main

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// errLinux says that what is measured is read from Linux's /proc.
var errLinux = errors.New("measuring needs Linux")

func pinProcess(int) error { return errLinux }

func onServerCore(func() error) (time.Duration, error) { return 0, errLinux }

func startOn(int, *exec.Cmd) error { return errLinux }

func dieWithParent() *syscall.SysProcAttr { return nil }

type generator struct{}

func dial(context.Context, int, string, ...string) (*generator, error) { return nil, errLinux }

func (*generator) send(int) (time.Duration, error) { return 0, errLinux }

func (*generator) hold(int, func() dialog) error { return errLinux }

func (*generator) close() error { return nil }
