package ledger

import (
	"encoding/binary"
	"math/bits"
)

// The bitmap of accounted positions lies in rows of chunkBytes, keyed by 'b'
// and the chunk's number. A row that isn't there is all zero.
const (
	chunkBytes = 512
	chunkBits  = chunkBytes * 8
)

func chunkKey(chunk int64) []byte {
	return binary.BigEndian.AppendUint32([]byte{'b'}, uint32(chunk))
}

// accounted reports whether a position's bit is set.
func (l *Ledger) accounted(position int64) bool {
	chunk := l.rows.Get(chunkKey(position / chunkBits))
	bit := position % chunkBits
	return chunk != nil && chunk[bit/8]&(1<<(bit%8)) != 0
}

// account sets a position's bit, which isn't set.
func (l *Ledger) account(position int64) {
	key := chunkKey(position / chunkBits)
	chunk := make([]byte, chunkBytes)
	copy(chunk, l.rows.Get(key))
	bit := position % chunkBits
	chunk[bit/8] |= 1 << (bit % 8)
	l.rows.Put(key, chunk)
	if position > l.Expired && position <= l.Frontier {
		l.Accounted++
	}
}

// count returns how many bits are set in (after, upto].
func (l *Ledger) count(after, upto int64) int64 {
	var n int64
	for first := after + 1; first <= upto; {
		last := min(upto, first/chunkBits*chunkBits+chunkBits-1)
		if chunk := l.rows.Get(chunkKey(first / chunkBits)); chunk != nil {
			n += countBits(chunk, first%chunkBits, last%chunkBits)
		}
		first = last + 1
	}
	return n
}

// countBits returns how many bits of chunk are set from the first to the last.
func countBits(chunk []byte, first, last int64) int64 {
	n := 0
	for i := first / 8; i <= last/8; i++ {
		b := chunk[i]
		if i == first/8 {
			b &= 0xff << (first % 8)
		}
		if i == last/8 {
			b &= 0xff >> (7 - last%8)
		}
		n += bits.OnesCount8(b)
	}
	return int64(n)
}

// trim drops the chunks that lie wholly at or below the last expired position.
func (l *Ledger) trim(from int64) {
	for chunk := from / chunkBits; (chunk+1)*chunkBits-1 <= l.Expired; chunk++ {
		l.rows.Delete(chunkKey(chunk))
	}
}
