package keys

import "errors"

// Errors that callers branch on.
var (
	// ErrNotReady is returned while the ring has no key yet. The caller may ask
	// again later, or wait with [Ring.Wait].
	ErrNotReady = errors.New("signing key not ready")

	// ErrNotFound is what a [Vault] returns, wrapped or not, when it holds
	// nothing under a name.
	ErrNotFound = errors.New("not in the vault")

	// ErrForeignWrappingKey means that the stored keys are sealed under a wrapping
	// key that was not given: the master secret belongs to another
	// installation, or an old one was dropped too early.
	ErrForeignWrappingKey = errors.New("keys are sealed under another master secret")

	// ErrCorrupt means that the stored keys cannot be read: damaged, tampered
	// with, sealed for another purpose, or written by a newer version.
	ErrCorrupt = errors.New("stored keys are damaged")

	// ErrTooManyKeys means that so many retired keys are still published that no
	// more can be made.
	ErrTooManyKeys = errors.New("too many keys; wait until retired ones are dropped")

	// ErrInvalidToken means that a token was not signed by a key of this ring,
	// or is no well-formed token of the expected type.
	ErrInvalidToken = errors.New("invalid token")
)
