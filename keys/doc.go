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
// (RS256, RSA 2048, and ES256 if asked for) and puts it there. That takes up to
// some seconds, so it happens in the background while the server listens already;
// until then [Ring.Sign] and [Ring.Verify] answer [ErrNotReady]. Several nodes may
// start together on one vault: the first key to arrive there is everybody's key.
//
//	next ──── its time comes ────▶ active ──── the next one's ────▶ retired ──── 30 days ────▶ gone
//	published                      published, signs                 published, private half dropped
//
// When a key's time nears its end, or somebody calls [Ring.Rotate], a next key is
// made and published for at least [PublishAhead] before it signs. What a key does
// follows from the times in its record and the clock, so all nodes change over
// together and without a word; the vault is asked once a minute for what others have
// done, and written by compare and swap. If another node was faster, its key is
// taken.
//
// A key is named by its kid, which is the RFC 7638 thumbprint of its public
// half. It is thus the same on all nodes, differs for every key, and can be
// checked against the key itself.
//
// # At rest
//
// The vault keeps one JSON document per purpose, a list of keys with their
// times. The private half of each key is PKCS #8, sealed with AES-256-GCM under
// a wrapping key that the caller derives from the master secret; purpose and
// kid are authenticated with it. Of a retired key the public half is left, sealed
// in the same way, so that nobody can plant a key there. Wrapping keys are given newest first: the
// first seals, any opens, the first load of a ring seals all keys anew under the
// first, and each sealed key names the wrapping key that it
// needs by a short fingerprint, so that a foreign master secret
// ([ErrForeignWrappingKey]) can be told from damage ([ErrCorrupt]).
//
// What losing the document means: a running ring puts its keys back; without one,
// tokens signed before can no longer be verified, and the next start makes a new
// key. What stealing it means:
// nothing without the master secret. What stealing both means: the thief can
// sign as this issuer.
package keys
