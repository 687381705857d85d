package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

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

// onServerCore runs f where a server runs, beside a core that is as busy as the
// generator's, and returns the CPU time that it used. Two cores may be one to the
// machine below, and then they slow each other down.
func onServerCore(f func() error) (used time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var over atomic.Bool
	busy := make(chan error)
	go func() {
		runtime.LockOSThread() // For good: the thread ends with this.
		busy <- pin(0, loadCore)
		for !over.Load() { // Being busy is the purpose.
		}
	}()
	defer over.Store(true)
	if err := errors.Join(<-busy, pin(0, serverCore)); err != nil {
		return 0, err
	}
	before, err := threadCPU()
	if err == nil {
		err = f()
	}
	after, err2 := threadCPU()
	return after - before, errors.Join(err, err2, pin(0, loadCore))
}

// threadCPU returns the CPU time that the calling thread has used.
func threadCPU() (time.Duration, error) {
	var used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(used.Nano()), nil
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
