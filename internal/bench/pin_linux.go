package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// pin moves one thread to a core; 0 is the calling thread.
func pin(thread, core int) error {
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(thread, &set)
}

// pinProcess moves all threads of this process to a core. Threads made later
// inherit it.
func pinProcess(core int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, entry := range threads {
		thread, err := strconv.Atoi(entry.Name())
		if err != nil {
			return err
		}
		if err := pin(thread, core); err != nil {
			return err
		}
	}
	return nil
}

// startOn starts a command on a core: a child inherits the affinity of the
// thread that starts it. The caller has locked its goroutine to that thread.
func startOn(core int, cmd *exec.Cmd) error {
	if err := pin(0, core); err != nil {
		return fmt.Errorf("move to core %d: %w", core, err)
	}
	err := cmd.Start()
	if back := pin(0, loadCore); back != nil {
		return fmt.Errorf("move to core %d: %w", loadCore, back)
	}
	return err
}

// dieWithParent has the kernel end a child whose parent thread has ended, so
// that nothing is left behind even by a kill -9.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
