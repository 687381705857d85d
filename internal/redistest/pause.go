//go:build unix

package redistest

import "syscall"

// Pause stops the server where it is, as a machine does that hangs.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume ends a [Server.Pause].
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
