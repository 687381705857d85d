// Package wait is the waiting page: what a browser sees between a relying
// party's authorization request and its own turn.
//
//	GET  /wait?login=…         the page, or the way on once the turn has come
//	POST /wait?login=…         the buttons of the pages (action=join|continue|confirm)
//	GET  /wait/status?login=…  the poll of the page's script, in JSON
//
// The query carries the sealed authorization request; three cookies carry the
// rest, so that a waiting visitor costs the server nothing:
//
//   - The browser cookie (128 random bits) is set by /authorize. The sealed
//     request is bound to its hash, so a link is worth nothing in another
//     browser; and that it comes back shows that the browser keeps cookies. The
//     tabs of a new browser get one each, and settle on the last before they join.
//   - The place cookie, one for each room, proves the place. It has a MAC, and
//     is never silently replaced: a place that has expired, is spent or has
//     ended gives a page with a button, in an open room a new place at once.
//   - The session cookie (256 random bits, stored hashed) is set when the turn
//     is taken up. From then on codes need it, so that a copied place admits one
//     person; another browser with the same place is asked "continue here?".
//
// A relying party may have given its side of the login up when the turn comes.
// Then the turn is reserved, with its session cookie, and the browser sent to
// start the login afresh; who comes round without end is shown a link.
//
// Only a GET navigation joins or claims: not HEAD, no prefetch, no frame or
// image, and no browser that didn't return its browser cookie. The page is a
// plain page first: it reloads itself by a Refresh header, and answers 303 to
// the relying party once the turn has come. The script only makes it nicer.
package wait
