package ledger

import (
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// The codecs of the rows, for fuzzing.
var (
	EncodeSession = encodeSession
	DecodeSession = decodeSession
)

// Code is a stored code with what the ledger adds.
type Code = code

// EncodeCode and DecodeCode are the codec of a code's row.
var (
	EncodeCode = encodeCode
	DecodeCode = decodeCode
)

// MadeCode returns a code as the ledger stores it.
func MadeCode(c waitingroom.Code, id waitingroom.RequestID, authTime, expires time.Time, op waitingroom.OpID) Code {
	return code{Code: c, id: id, authTime: authTime, expires: expires, taken: true, op: op}
}

// ErrRow is what decoding a row that can't be one gives.
var ErrRow = errRow

// Account sets a position's bit, Count counts those in (after, upto], and Trim
// drops the rows of those that have expired.
func (l *Ledger) Account(position int64)        { l.account(position) }
func (l *Ledger) Count(after, upto int64) int64 { return l.count(after, upto) }
func (l *Ledger) Trim(from int64)               { l.trim(from) }

// ChunkBits is how many positions one row of the bitmap covers.
const ChunkBits = chunkBits
