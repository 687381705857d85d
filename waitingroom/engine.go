package waitingroom

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Options configures an [Engine].
type Options struct {
	// Store holds the rooms. The caller closes it, after [Engine.Stop].
	Store Store
	// Secrets are the installation's master secrets.
	Secrets *Secrets
	// Rooms are the rooms to run.
	Rooms []RoomConfig
	// Revision orders configurations: a store that has seen a higher one keeps
	// its settings. 0 stands for the store's time in milliseconds at the start, so
	// that the node that started last decides, whatever its own clock says.
	Revision int64
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger
}

// RoomConfig describes one room.
type RoomConfig struct {
	// ID names the room: 1 to 50 of a-z, 0-9 and '-'.
	ID string
	// Name is what visitors see; empty stands for the ID.
	Name string
	// Inlet moves the serving counter.
	Inlet Inlet
	// Settings are the room's rules in the store. Open and Capacity are set by
	// the inlet.
	Settings Settings
}

// RoomID is the form of a room's ID: RoomName and nothing else.
const (
	RoomID   = `^` + RoomName + `$`
	RoomName = `[a-z0-9-]{1,50}`
)

// Engine runs the rooms of one node. It is safe for concurrent use.
type Engine struct {
	options Options
	shared  Shared // The store, if other nodes use it too, or nil.
	node    OpID
	rooms   map[string]*Room
	order   []*Room
	flood   flood
	log     *slog.Logger

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns an engine for the rooms. An error reports all that is wrong with
// their configuration.
func New(o Options) (*Engine, error) {
	e := &Engine{options: o, node: NewOpID(), rooms: make(map[string]*Room), log: o.Logger}
	e.shared, _ = o.Store.(Shared)
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	id := regexp.MustCompile(RoomID)
	var errs []error
	for _, c := range o.Rooms {
		if !id.MatchString(c.ID) {
			errs = append(errs, fmt.Errorf("room %q: an ID is 1 to 50 of a-z, 0-9 and -", c.ID))
		}
		if e.rooms[c.ID] != nil {
			errs = append(errs, fmt.Errorf("room %q is configured twice", c.ID))
		}
		if err := c.Inlet.validate(); err != nil {
			errs = append(errs, fmt.Errorf("room %q: %w", c.ID, err))
		}
		if c.Settings.SessionTTL <= 0 || c.Settings.SessionMax < c.Settings.SessionTTL || c.Settings.PositionTTL < 0 {
			errs = append(errs, fmt.Errorf("room %q: session times are positive and the longest is no shorter", c.ID))
		}
		if c.Inlet.Kind == InletCapacity && c.Settings.PositionTTL == 0 {
			errs = append(errs, fmt.Errorf("room %q: with a capacity, places that nobody claims must expire", c.ID))
		}
		room := newRoom(e, c)
		e.rooms[c.ID] = room
		e.order = append(e.order, room)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return e, nil
}

// NewOpID returns a random name for an operation or a node.
func NewOpID() OpID {
	var id OpID
	_, _ = rand.Read(id[:]) // crypto/rand.Read never fails.
	return id
}

// checkName is where the vault keeps the master secret's check value.
const checkName = "secret/check"

// checkSecrets returns [ErrForeignSecret] unless the store belongs to one of the
// master secrets. From then on it belongs to the newest, so that the older ones
// can be taken away later.
func (e *Engine) checkSecrets(ctx context.Context) error {
	checks := e.options.Secrets.Check()
	kept, err := e.Vault().Keep(ctx, checkName, checks[0], 0)
	if err != nil {
		return fmt.Errorf("check the master secret: %w", err)
	}
	if !slices.ContainsFunc(checks, func(c []byte) bool { return hmac.Equal(c, kept) }) {
		return ErrForeignSecret
	}
	if hmac.Equal(kept, checks[0]) {
		return nil
	}
	// Another node with the same secrets may have been faster, and that is as well.
	if _, err := e.Vault().Swap(ctx, checkName, kept, checks[0]); err != nil {
		return fmt.Errorf("note the newest master secret: %w", err)
	}
	return nil
}

// Verify returns why this engine must not touch the store, or nil: because it isn't
// fit to keep a line, or, with [ErrForeignSecret], was written under another
// secret.
func (e *Engine) Verify(ctx context.Context) error {
	if err := again(ctx, func() error { return e.Fit(ctx) }); err != nil {
		return fmt.Errorf("check the store: %w", err)
	}
	return e.checkSecrets(ctx)
}

// Start verifies the store, configures the rooms and runs them until
// [Engine.Stop]. What was known of them before is told by [Room.Settle] after
// [Engine.Verify] and before Start.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.Verify(ctx); err != nil {
		return err
	}
	// All at the same time: a store that many nodes share may take a second to
	// find out what the others know of a room.
	var configuring sync.WaitGroup
	errs := make([]error, len(e.order))
	for i, r := range e.order {
		configuring.Go(func() { errs[i] = r.configure(ctx) })
	}
	configuring.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	for _, r := range e.order {
		e.running.Go(func() { r.run(running) })
		if e.shared != nil {
			e.running.Go(func() { e.shared.Watch(running, r.config.ID, r.heard) })
		}
	}
	if e.shared != nil {
		e.running.Go(func() { e.poll(running) })
		e.running.Go(func() { e.keepCheck(running) })
	}
	return nil
}

// checkEvery is how often the master secret's check value is put back, should a
// shared store have lost it.
const checkEvery = 10 * time.Second

// keepCheck keeps the check value in a store that may lose it, so that a node with
// another secret can't take the store for its own.
func (e *Engine) keepCheck(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch err := e.checkSecrets(ctx); {
		case errors.Is(err, ErrForeignSecret):
			e.log.ErrorContext(ctx, "the store was taken over under another master secret; stop the node that has it, and remove its check value as docs/operations.md says", "error", err)
		case err != nil && ctx.Err() == nil:
			e.log.DebugContext(ctx, "the master secret's check value wasn't looked at", "error", err)
		}
	}
}

// Stop ends the rooms' work and waits for it. Joins and claims still work, for
// requests that are in flight.
func (e *Engine) Stop() {
	if e.stop != nil {
		e.stop()
	}
	e.running.Wait()
}

// Room returns a room, or [ErrNoRoom].
func (e *Engine) Room(id string) (*Room, error) {
	r := e.rooms[id]
	if r == nil {
		return nil, ErrNoRoom
	}
	return r, nil
}

// Fit returns why the store isn't fit to keep a line, or nil. Of a store of this
// process alone it knows nothing bad.
func (e *Engine) Fit(ctx context.Context) error {
	if e.shared == nil {
		return nil
	}
	return e.shared.Check(ctx)
}

// Prune removes what the store keeps of rooms that are not configured, and returns
// their names.
func (e *Engine) Prune(ctx context.Context) ([]string, error) {
	pruner, ok := e.options.Store.(Pruner)
	if !ok {
		return nil, nil // It keeps nothing beyond this process.
	}
	var keep []string
	for _, r := range e.order {
		keep = append(keep, r.config.ID)
	}
	removed, err := pruner.Prune(ctx, keep)
	if err != nil {
		return nil, fmt.Errorf("remove rooms that are not configured: %w", err)
	}
	return removed, nil
}

// Rooms returns all rooms in the order of their configuration.
func (e *Engine) Rooms() []*Room { return e.order }

// Now returns the store's time. An engine without rooms has none.
func (e *Engine) Now() time.Time {
	if len(e.order) == 0 {
		return time.Time{}
	}
	return e.order[0].Now()
}

// PaceEntries bounds how many served visitors a second this node lets in; 0 is
// no bound, and the default. See [Pace].
func (e *Engine) PaceEntries(perSecond float64) {
	for _, r := range e.order {
		r.door.pace(perSecond)
	}
}

const (
	// tries is how often a verb is repeated whose reply was lost, or that the
	// store refused for the moment.
	tries    = 3
	tryPause = 20 * time.Millisecond
)

// again runs an idempotent verb until it answers anything but
// [ErrUnavailable], at most three times, with jittered pauses between.
func again(ctx context.Context, verb func() error) error {
	for try := 1; ; try++ {
		err := verb()
		if !errors.Is(err, ErrUnavailable) || try == tries {
			return err
		}
		pause := tryPause << try
		pause = pause/2 + mathrand.N(pause) //nolint:gosec // Jitter is no secret.
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}
