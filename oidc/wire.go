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
// written. After a fault it returns zero values, and done tells. It reads from a
// string, of which every string in it can be a part: one copy serves them all.
type wire struct {
	rest   string
	failed bool
}

// bytes returns the next n bytes.
func (w *wire) bytes(n uint64) string {
	if w.failed || n > uint64(len(w.rest)) {
		w.failed = true
		return ""
	}
	head := w.rest[:n]
	w.rest = w.rest[n:]
	return head
}

// byte returns the next byte.
func (w *wire) byte() byte {
	b := w.bytes(1)
	if b == "" {
		return 0
	}
	return b[0]
}

// uvarint returns the next unsigned number.
func (w *wire) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(w.rest[:min(len(w.rest), binary.MaxVarintLen64)]))
	if w.failed || size <= 0 {
		w.failed = true
		return 0
	}
	w.rest = w.rest[size:]
	return n
}

// string returns the next string.
func (w *wire) string() string { return w.bytes(w.uvarint()) }

// done returns an error unless everything was read, with nothing left over.
func (w *wire) done() error {
	if w.failed || len(w.rest) != 0 {
		return errMalformed
	}
	return nil
}
