package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxToken   = 8 << 10 // Bytes; our own tokens stay below 2 KB.
	maxPurpose = 128     // Bytes.

	// While the vault does not answer, the ring asks again after a time that
	// doubles from the first to the second value, less up to half by chance.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Options are what a [Ring] needs. All fields but Logger are required.
type Options struct {
	// Vault keeps the sealed keys.
	Vault Vault

	// WrappingKeys seal the keys in the vault: 32 bytes each, newest first.
	// Derive them from the master secrets with a label of their own.
	WrappingKeys [][]byte

	// Purpose says what the keys are for, such as "oidc": 1 to 128 bytes. Rings of
	// the same vault and purpose hold the same keys. It is part of what
	// is stored, so it must never change.
	Purpose string

	// Logger receives key ids and errors, never key material. Default: silence.
	Logger *slog.Logger
}

// Ring is the set of signing keys of one purpose. Its methods may be called at
// the same time. Construct it with [New].
type Ring struct {
	vault   Vault
	wrapper *wrapper
	purpose string
	logger  *slog.Logger

	// loading serializes Load, so that a node makes one key even if asked twice.
	loading sync.Mutex

	key   atomic.Pointer[signingKey] // Nil until loaded.
	ready chan struct{}              // Closed once key is set.

	start  sync.Once
	failed chan struct{} // Closed when the background load gave up; failure is set before.
	// failure is why the background load gave up. Read it after failed is closed.
	failure error
}

// New returns a ring without keys, or an error that names every fault of the
// options. It does not touch the vault; [Ring.Start] or [Ring.Load] does.
func New(options Options) (*Ring, error) {
	var faults []error
	if options.Vault == nil {
		faults = append(faults, errors.New("no vault given"))
	}
	if len(options.Purpose) == 0 || len(options.Purpose) > maxPurpose {
		faults = append(faults, fmt.Errorf("purpose must have 1 to %d bytes", maxPurpose))
	}
	wrapper, err := newWrapper(options.WrappingKeys)
	faults = append(faults, err)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	logger := options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Ring{
		vault:   options.Vault,
		wrapper: wrapper,
		purpose: options.Purpose,
		logger:  logger.With("purpose", options.Purpose),
		ready:   make(chan struct{}),
		failed:  make(chan struct{}),
	}, nil
}

// Start loads or creates the keys in the background and returns at once. While
// the vault does not answer it keeps trying; it gives up when ctx ends, or when
// trying again cannot help ([ErrCorrupt], [ErrForeignWrappingKey]), which
// [Ring.Wait] reports. Only the first call has an effect.
func (r *Ring) Start(ctx context.Context) {
	r.start.Do(func() {
		go func() {
			if err := r.loadWithRetry(ctx); err != nil {
				r.failure = err
				close(r.failed)
			}
		}()
	})
}

// loadWithRetry calls Load until it succeeds, cannot succeed, or ctx ends.
func (r *Ring) loadWithRetry(ctx context.Context) error {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := r.Load(ctx)
		if err == nil || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeignWrappingKey) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// Jitter, so that nodes that lost the same vault do not come back as one.
		wait := pause - rand.N(pause/2) //nolint:gosec // not a secret
		r.logger.WarnContext(ctx, "signing keys not loaded, trying again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// Load loads the keys from the vault, or makes a key if there is none, once. It
// has no effect on a ring that has its keys. An error wraps [ErrCorrupt] or
// [ErrForeignWrappingKey] if trying again cannot help.
func (r *Ring) Load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	if r.key.Load() != nil {
		return nil
	}

	name := "keys/" + r.purpose
	stored, err := r.vault.Load(ctx, name)
	if errors.Is(err, ErrNotFound) {
		stored, err = r.create(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("load %s keys: %w", r.purpose, err)
	}
	// What was just created is opened like anything else: it may be another
	// node's, and a key that cannot be read back must never sign.
	key, err := r.wrapper.decode(r.purpose, stored)
	if err != nil {
		return fmt.Errorf("load %s keys: %w", r.purpose, err)
	}
	r.key.Store(key)
	close(r.ready)
	r.logger.InfoContext(ctx, "signing keys loaded", "kid", key.id, "alg", string(key.algorithm))
	return nil
}

// create makes a key and returns the document that the vault holds afterwards.
func (r *Ring) create(ctx context.Context, name string) ([]byte, error) {
	key, err := generate()
	if err != nil {
		return nil, err
	}
	value, err := r.wrapper.encode(r.purpose, key)
	if err != nil {
		return nil, err
	}
	return r.vault.Create(ctx, name, value)
}

// Ready returns a channel that is closed once the ring has its keys. It stays
// open for ever if loading gave up; [Ring.Wait] tells the difference.
func (r *Ring) Ready() <-chan struct{} {
	return r.ready
}

// Wait returns nil once the ring has its keys, the reason if [Ring.Start] gave
// up, or the cause of ctx's end.
func (r *Ring) Wait(ctx context.Context) error {
	select {
	case <-r.ready:
		return nil
	case <-r.failed:
		return r.failure
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Sign returns payload as a compact JWS (RFC 7515 §7.1) whose header has alg,
// kid and, unless it is empty, typ. The type must be a constant of the program,
// such as "JWT" or "at+jwt". It costs one private key operation, so a ctx that
// has ended is refused. It returns [ErrNotReady] while there is no key.
func (r *Ring) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	key := r.key.Load()
	if key == nil {
		return "", ErrNotReady
	}
	return key.sign(typ, payload)
}

// Verify returns the payload of a compact JWS of type typ that a key of this
// ring has signed. It says nothing of the claims in it: their times, audience
// and issuer are the caller's to check. Anything else, up to whatever input,
// is an error that wraps [ErrInvalidToken]; [ErrNotReady] while there is no key.
func (r *Ring) Verify(typ, token string) ([]byte, error) {
	key := r.key.Load()
	if key == nil {
		return nil, ErrNotReady
	}
	if len(token) > maxToken {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalidToken, maxToken)
	}
	payload, err := key.verify(typ, token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return payload, nil
}

// Public returns the public halves of the keys, each with kid, use and alg, as
// a JWKS to be published (RFC 7517 §5). It is empty while there is no key. The
// caller may keep and change it.
func (r *Ring) Public() jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	if key := r.key.Load(); key != nil {
		set.Keys = append(set.Keys, key.public)
	}
	return set
}
