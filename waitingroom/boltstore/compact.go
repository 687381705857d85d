package boltstore

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// compact returns the database, or a compacted copy that has taken its place if
// the file is large and more than three quarters of it are free. That it can't
// be compacted, for want of space perhaps, is no reason not to start.
func (s *Store) compact(db *bbolt.DB) (*bbolt.DB, error) {
	size, used, err := usage(db, s.path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if size <= s.options.CompactAbove || used > size/4 {
		return db, nil
	}
	if err := writeCompacted(db, s.path); err != nil {
		s.log.Warn("the store's file was not compacted", "err", err)
		return db, nil
	}
	// The new file is locked before the old one is let go, so that no other
	// process gets in between.
	compacted, err := openFile(s.path)
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	s.log.Info("the store's file was compacted", "before", size, "used", used)
	return compacted, nil
}

// usage returns the size of the file and how much of it is in use, in bytes.
func usage(db *bbolt.DB, path string) (size, used int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		stats := db.Stats()
		// What lies beyond the transaction's size was never used.
		used = tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*int64(db.Info().PageSize)
		return nil
	})
	return info.Size(), used, err
}

// writeCompacted puts a compacted copy of the database in the place of its file.
func writeCompacted(db *bbolt.DB, path string) error {
	temporary := path + ".compact"
	// One may be left from a start that was interrupted.
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := copyTo(temporary, db); err != nil {
		return errors.Join(fmt.Errorf("compact: %w", err), os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDir(path)
}

// copyTo writes a compacted copy of the database and makes it durable.
func copyTo(path string, db *bbolt.DB) error {
	const transaction = 8 << 20 // Bytes held in memory at a time.
	target, err := bbolt.Open(path, 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, NoSync: true,
	})
	if err != nil {
		return err
	}
	err = bbolt.Compact(target, db, transaction)
	if err == nil {
		err = target.Sync()
	}
	return errors.Join(err, target.Close())
}
