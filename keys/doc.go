// Package keys holds the signing keys of the server, by purpose.
//
// A [Ring] is the set of keys that serve one purpose, say the signing of ID
// tokens. Rings of different purposes never share a key, and a key sealed for
// one purpose does not open for another, so that a token of one kind can never
// pass as a token of another kind.
//
// # Life of a key
//
// [Ring.Start] loads the ring from the [Vault] or, on a first start, makes a key
// (RS256, RSA 2048) and puts it there. That takes up to some seconds, so it happens
// in the background while the server listens already; until then [Ring.Sign]
// and [Ring.Verify] answer [ErrNotReady]. Several nodes may start together on
// one vault: the first key to arrive there is everybody's key.
//
// A key is named by its kid, which is the RFC 7638 thumbprint of its public
// half. It is thus the same on all nodes, differs for every key, and can be
// checked against the key itself.
//
// # At rest
//
// The vault keeps one JSON document per purpose, a list of keys with their
// states. The private half of each key is PKCS #8, sealed with AES-256-GCM under
// a wrapping key that the caller derives from the master secret; purpose and
// kid are authenticated with it. Wrapping keys are given newest first: the
// first seals, any opens, and each sealed key names the wrapping key that it
// needs by a short fingerprint, so that a foreign master secret
// ([ErrForeignWrappingKey]) can be told from damage ([ErrCorrupt]).
//
// What losing the document means: tokens signed before can no longer be
// verified, and the next start makes a new key. What stealing it means:
// nothing without the master secret. What stealing both means: the thief can
// sign as this issuer.
package keys
