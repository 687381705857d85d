// Package demo shows the waiting room at work on one machine, without any
// configuration. It runs three things in one process:
//
//   - the server itself, as `anteroom serve` runs it, with the embedded store in a
//     temporary directory and one room with a periodic inlet;
//   - a shop, a relying party as anybody would build one with an OpenID Connect
//     library: all that it knows of the line is that logging in takes a while;
//   - a crowd of visitors, who speak HTTP to the shop and the server as browsers
//     without scripts do, each with cookies of its own.
//
// # Hosts
//
// The server is http://localhost:PORT and the shop is http://127.0.0.1:PORT.
// Cookies ignore ports, so only different host names keep the cookies of the two
// apart, as they are on two real sites.
//
// # The length of the line
//
// The crowd has a fixed number of heads. Whoever gets into the shop leaves, and
// somebody new arrives. So people arrive as fast as they are let in, whatever
// the rate, and the line stays as long as it is: whoever comes from outside
// waits for about Crowd ÷ PerSecond seconds, in the first minute and in the last.
package demo
