// Package awsapi is the line's JSON API, in the words of Virtual Waiting Room on
// AWS: a client of that solution joins, finds its number and watches the counter
// here as it did there. An event of that API is a room of this program, and
// event_id is the room's ID.
//
//	POST /public/assign_queue_num              take a place
//	GET  /public/queue_num                     the position behind a request ID
//	GET  /public/serving_num                   the serving counter
//	POST /private/increment_serving_counter    let more visitors in
//	POST /private/reset_initial_state          empty the room
//
// The two halves live on different listeners. [API.Public] is for anybody and
// has no cookies: a request ID is a bearer value, as it was there, and belongs to
// a lane of its own ([waitingroom.LaneAPI]), so that neither the sub of a token
// nor a browser's place is worth anything here. [API.Private] is for operators;
// somebody in front has checked who asks.
//
// Paths, fields and texts of errors are the original's, but where it answered a
// mistake of the caller with a 5xx, this package answers 400. Every error is
// {"error": text}, and every answer may be read by scripts of any origin, never
// with credentials.
//
// Joining and the counter are what a crowd asks for, so both are kept close to
// the cost of a bare handler: paths are compared instead of routed, the usual
// forms of body and query are read without a parser, and anything unusual falls
// back to the standard library's.
package awsapi
