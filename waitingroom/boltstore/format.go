package boltstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/anteroom-dev/anteroom/waitingroom/ledger"
)

// ErrFormat says that the file was written by something else than this program,
// or by a newer version of it.
var ErrFormat = errors.New("not a store of this version")

// The names that the file consists of, as doc.go describes, and the version of
// that layout.
const (
	metaBucket   = "meta"
	vaultBucket  = "vault"
	expiryBucket = "vault-expiry"
	roomsBucket  = "rooms"
	livesBucket  = "lives"
	rowsBucket   = "rows"
	dueBucket    = "due"

	formatKey  = "format"
	recordKey  = "record"
	ceilingKey = "ceiling"
	probeKey   = "probe"

	format = 1
)

// prepare makes an empty file a store, and refuses any other that isn't one.
func prepare(db *bbolt.DB) error {
	empty := false
	err := db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(metaBucket))
		if meta == nil {
			first, _ := tx.Cursor().First()
			if empty = first == nil; !empty {
				return fmt.Errorf("%w: no format", ErrFormat)
			}
			return nil
		}
		value := meta.Get([]byte(formatKey))
		if len(value) != 8 {
			return fmt.Errorf("%w: no format", ErrFormat)
		}
		if v := binary.BigEndian.Uint64(value); v != format {
			return fmt.Errorf("%w: format %d, known is %d", ErrFormat, v, format)
		}
		return nil
	})
	if err != nil || !empty {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{metaBucket, vaultBucket, expiryBucket, roomsBucket} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return putFormat(tx)
	})
}

func putFormat(tx *bbolt.Tx) error {
	return tx.Bucket([]byte(metaBucket)).Put([]byte(formatKey), binary.BigEndian.AppendUint64(nil, format))
}

// load reads what is kept in memory of each room and hands it to the room's
// dealer.
func (s *Store) load(db *bbolt.DB, take func(*dealer, published)) error {
	return db.View(func(tx *bbolt.Tx) error {
		rooms := tx.Bucket([]byte(roomsBucket))
		return rooms.ForEachBucket(func(name []byte) error {
			bucket := rooms.Bucket(name)
			p, err := decodeRoom(bucket)
			if err != nil {
				return fmt.Errorf("room %q: %w", name, err)
			}
			take(&s.room(string(name)).dealer, p)
			return nil
		})
	})
}

// published is the committed state of a room, and how it is stored. It is never
// changed.
type published struct {
	record  *ledger.Record
	encoded []byte // The record as stored; nil for a room that isn't.
	ceiling int64  // No position above it is dealt.
}

// decodeRoom reads the state of a room from its bucket.
func decodeRoom(bucket *bbolt.Bucket) (published, error) {
	encoded := append([]byte(nil), bucket.Get([]byte(recordKey))...)
	record, err := decodeRecord(encoded)
	if err != nil {
		return published{}, err
	}
	ceiling := bucket.Get([]byte(ceilingKey))
	if len(ceiling) != 16 {
		return published{}, fmt.Errorf("%w: ceiling of %d bytes", ErrFormat, len(ceiling))
	}
	p := published{record: record, encoded: encoded, ceiling: record.Dealt}
	if int64(binary.BigEndian.Uint64(ceiling)) == record.Generation {
		p.ceiling = max(p.ceiling, int64(binary.BigEndian.Uint64(ceiling[8:])))
	}
	return p, nil
}

func decodeRecord(encoded []byte) (*ledger.Record, error) {
	record := &ledger.Record{}
	if err := json.Unmarshal(encoded, record); err != nil {
		return nil, fmt.Errorf("%w: record: %w", ErrFormat, err)
	}
	return record, nil
}

// encode stores the state in a room's bucket.
func (p published) encode(bucket *bbolt.Bucket) error {
	ceiling := binary.BigEndian.AppendUint64(nil, uint64(p.record.Generation))
	ceiling = binary.BigEndian.AppendUint64(ceiling, uint64(p.ceiling))
	return errors.Join(bucket.Put([]byte(recordKey), p.encoded), bucket.Put([]byte(ceilingKey), ceiling))
}
