package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// floorsEvery is how often a node writes down what it knows of its rooms.
const floorsEvery = time.Second

// growthWrites is how many writes ago the growth of a line is measured from.
const growthWrites = int(2 * time.Second / floorsEvery)

// floors keeps what a node knows of its rooms in a file of state_dir, so that
// losing the store and all nodes together loses no place either.
type floors struct {
	path   string
	engine *waitingroom.Engine
	log    *slog.Logger

	last    []byte // What the file holds.
	failing bool   // The last write failed, and the log has said so.
	// before are what the rooms' last writes said, up to growthWrites, oldest first.
	before map[string][]waitingroom.Floors
}

// usable returns why the file could not be written. A state_dir that is missing, or
// another user's, would be noticed only when it is needed.
func (f *floors) usable() error {
	dir := filepath.Dir(f.path)
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return fmt.Errorf("state_dir: %w", inDirectory(dir, err))
	}
	return nil
}

// restore tells the store what was known when the file was written. A store that
// has lost nothing knows better already.
func (f *floors) restore(ctx context.Context) error {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state_dir: %w", err)
	}
	known := make(map[string]waitingroom.Floors)
	if err := json.Unmarshal(text, &known); err != nil {
		return fmt.Errorf("state_dir: %s is damaged; remove it if the store is intact: %w", f.path, err)
	}
	for id, floor := range known {
		room, err := f.engine.Room(id)
		if errors.Is(err, waitingroom.ErrNoRoom) {
			continue // It was taken out of the configuration.
		}
		if err := room.Settle(ctx, floor); err != nil {
			return err
		}
	}
	return nil
}

// keep writes the file, if there is news. The log tells of the first failure of a row.
func (f *floors) keep(ctx context.Context) {
	err := f.write()
	if err != nil && !f.failing {
		f.log.ErrorContext(ctx, "what this node knows is not written down; look after state_dir", "error", err)
	}
	f.failing = err != nil
}

func (f *floors) write() error {
	known := make(map[string]waitingroom.Floors)
	for _, room := range f.engine.Rooms() {
		known[room.Config().ID] = f.grown(room.Config().ID, room.Floors())
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	if string(text) == string(f.last) {
		return nil
	}
	if err := replace(f.path, text); err != nil {
		return err
	}
	f.last = text
	return nil
}

// grown adds to what is known of a room by how much it grew of late. The next write may
// never be, and it tells how much that may have held.
func (f *floors) grown(id string, now waitingroom.Floors) waitingroom.Floors {
	if f.before == nil {
		f.before = make(map[string][]waitingroom.Floors)
	}
	before := f.before[id]
	if len(before) > 0 && before[0].Generation == now.Generation {
		now.Growth = now.Dealt - before[0].Dealt
	}
	before = append(before, now)
	f.before[id] = before[max(0, len(before)-growthWrites):]
	return now
}

// replace writes a file that appears whole or not at all.
func replace(path string, text []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
