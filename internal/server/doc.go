// Package server is the composition root: it turns a configuration into a
// running server. The packages below know nothing of each other; here the
// provider gets its line ([line]), the waiting page its logins, and each path
// its handler.
//
// There are two listeners. The public one carries OpenID Connect, the waiting
// page and the public JSON API below the issuer's path. The management one
// carries the private API, the admin API and metrics behind a token, and the
// health checks without. Neither serves a path of the other.
package server
