package oidc

import (
	"encoding/binary"
	"errors"
)

// errMalformed says that a sealed value, though authentic, isn't laid out as
// this version of the program writes it.
var errMalformed = errors.New("malformed value")

// appendString appends s behind its length.
func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// wire reads what appendString and the functions of encoding/binary have
// written. After a fault it returns zero values, and done tells. Of a string every
// string in it can be a part, so that one copy serves them all; bytes serve who
// only looks at them.
type wire[T string | []byte] struct {
	rest   T
	failed bool
}

// bytes returns the next n bytes.
func (w *wire[T]) bytes(n uint64) T {
	if w.failed || n > uint64(len(w.rest)) {
		w.failed = true
		return w.rest[:0]
	}
	head := w.rest[:n]
	w.rest = w.rest[n:]
	return head
}

// byte returns the next byte.
func (w *wire[T]) byte() byte {
	b := w.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// uvarint returns the next unsigned number.
func (w *wire[T]) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(w.rest[:min(len(w.rest), binary.MaxVarintLen64)]))
	if w.failed || size <= 0 {
		w.failed = true
		return 0
	}
	w.rest = w.rest[size:]
	return n
}

// string returns the next string.
func (w *wire[T]) string() T { return w.bytes(w.uvarint()) }

// done returns an error unless everything was read, with nothing left over.
func (w *wire[T]) done() error {
	if w.failed || len(w.rest) != 0 {
		return errMalformed
	}
	return nil
}
