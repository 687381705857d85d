// Package admin is the operator's side of the management listener: who may
// come in, what the rooms look like from inside, and the client that the room
// commands use.
//
//	GET /admin/api/rooms           all rooms
//	GET /admin/api/rooms/{room}    one of them
//
// [Auth] stands in front of these and of everything else on that listener but
// the health checks. It knows one kind of credential, a bearer token, which it
// keeps as a hash.
//
// Rooms are changed through the private JSON API (package awsapi), which is
// mounted beside this one; [Client] speaks both.
package admin
