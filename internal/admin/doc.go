// Package admin is the operator's side of the management listener: who may
// come in, what the rooms look like from inside, and the client that the room
// commands use.
//
//	GET /admin/api/rooms           all rooms
//	GET /admin/api/rooms/{room}    one of them
//
// [Auth] stands in front of these and of everything else on that listener but
// the health checks. It knows one kind of credential, a bearer token, which it
// keeps as a hash. Each has a name for the log, a role (viewer, operator, admin)
// and, if it is not for all, its rooms. Auth judges by method and path, and hands
// what the token allows on ([AccessOf]) to those who know which room is meant.
//
// Rooms are changed through the private JSON API (package awsapi), which is
// mounted beside this one; [Client] speaks both.
package admin
