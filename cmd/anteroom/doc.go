// Command anteroom is a virtual waiting room that speaks OpenID Connect: its
// server, a demonstration of it, and the tools of its operator.
//
//	anteroom demo                    shows all of it on this machine
//	anteroom serve --config FILE     runs the server
//	anteroom config check|example    checks a configuration, or gives one to start from
//	anteroom client new|check        makes a relying party's configuration, and tests it
//	anteroom room list|show|serve|reset
//	                                 watches and moves the lines of a running server
//	anteroom keys list|rotate        shows and rotates the signing keys of a running server
//	anteroom load                    rehearses a crowd, and audits the line
//	anteroom version                 says what this is
//
// Each command explains itself with --help. Flags may stand before and after
// other arguments, and -5 is a number, not a flag.
//
// # What goes where
//
// Standard output carries what was asked for and can be read by programs: serve
// prints one line once it accepts connections, demo one URL. The log, faults and
// what is said to people go to standard error.
//
// # Exit codes
//
// 0 means done, or stopped by SIGINT or SIGTERM as asked. 1 means that it went
// wrong. 2 means that the command line or the configuration is wrong; then
// everything that is wrong is listed, and nothing has been done.
//
// # Structure
//
// [main] knows the process: signals and exit codes. [run] finds the command in the
// table of [commands] and reads its flags. Each command is one function that
// declares its flags and returns what to do; the work itself is done by the
// packages under internal.
package main
