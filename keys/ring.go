package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxToken   = 8 << 10 // Bytes; our own tokens stay below 2 KB.
	maxPurpose = 128     // Bytes.

	// minRotation keeps the number of retired keys that are published in bounds.
	minRotation = 24 * time.Hour

	// While the vault does not answer, the ring asks again after a time that
	// doubles from the first to the second value, less up to half by chance.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Options are what a [Ring] needs. Vault, WrappingKeys and Purpose are required.
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

	// Algorithms are what the ring signs with: RS256 and ES256, at least one. It has
	// one active key of each. Default: RS256.
	Algorithms []jose.SignatureAlgorithm

	// RotateEvery is how long a key signs; the next one is made and published
	// [PublishAhead] before. At least a day, or 0 to rotate by hand only.
	RotateEvery time.Duration

	// Now is the clock by which keys take turns. Default: [time.Now].
	Now func() time.Time

	// Logger receives key ids and errors, never key material. Default: silence.
	Logger *slog.Logger
}

// Ring is the set of signing keys of one purpose. Its methods may be called at
// the same time. Construct it with [New].
type Ring struct {
	vault   Vault
	wrapper *wrapper
	purpose string
	policy  policy
	now     func() time.Time
	logger  *slog.Logger

	// loading serializes updates, so that a node makes one key even if asked twice.
	loading sync.Mutex

	set   atomic.Pointer[keySet] // Nil until loaded.
	ready chan struct{}          // Closed once set is there.

	start   sync.Once
	stopped chan struct{} // Closed when the work in the background is over.
	failed  chan struct{} // Closed when the background load gave up; failure is set before.
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
	for _, algorithm := range options.Algorithms {
		if !slices.Contains(algorithms(), algorithm) {
			faults = append(faults, fmt.Errorf("algorithm %q is not known", algorithm))
		}
	}
	if options.RotateEvery != 0 && options.RotateEvery < minRotation {
		faults = append(faults, fmt.Errorf("keys must sign for at least %v", minRotation))
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
	if len(options.Algorithms) == 0 {
		options.Algorithms = []jose.SignatureAlgorithm{jose.RS256}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Ring{
		vault:   options.Vault,
		wrapper: wrapper,
		purpose: options.Purpose,
		policy:  policy{algorithms: options.Algorithms, every: options.RotateEvery},
		now:     options.Now,
		logger:  logger.With("purpose", options.Purpose),
		ready:   make(chan struct{}),
		stopped: make(chan struct{}),
		failed:  make(chan struct{}),
	}, nil
}

// Start loads or creates the keys in the background and returns at once. While
// the vault does not answer it keeps trying; it gives up when ctx ends, or when
// trying again cannot help ([ErrCorrupt], [ErrForeignWrappingKey]), which
// [Ring.Wait] reports. From then on it rotates the keys, and takes over what
// other nodes do, until ctx ends. Only the first call has an effect.
func (r *Ring) Start(ctx context.Context) {
	r.start.Do(func() {
		go func() {
			defer close(r.stopped)
			if err := r.loadWithRetry(ctx); err != nil {
				r.failure = err
				close(r.failed)
				return
			}
			r.keep(ctx)
		}()
	})
}

// Stopped returns a channel that is closed once the work that [Ring.Start] began is
// over, after which the ring leaves the vault alone: soon after the ctx of
// Start has ended, or when loading gave up.
func (r *Ring) Stopped() <-chan struct{} { return r.stopped }

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

// Load brings the ring and the vault up to date: it loads the keys, makes those
// that are missing or due, and drops those whose time is over. The first time, it
// also seals under the newest wrapping key what an older one sealed. An error
// wraps [ErrCorrupt] or [ErrForeignWrappingKey] if trying again cannot help; a
// ring that has its keys keeps them then.
func (r *Ring) Load(ctx context.Context) error {
	if err := r.update(ctx, r.policy.turn); err != nil {
		return fmt.Errorf("load %s keys: %w", r.purpose, err)
	}
	return nil
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

// Sign returns payload as a compact JWS (RFC 7515 §7.1), signed by the active key of
// an algorithm of the ring, whose header has alg, kid and, unless it is empty,
// typ. The type must be a constant of the program, such as "JWT" or "at+jwt". It
// costs one private key operation, so a ctx that has ended is refused. It
// returns [ErrNotReady] while there is no key.
func (r *Ring) Sign(ctx context.Context, algorithm jose.SignatureAlgorithm, typ string, payload []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	set := r.set.Load()
	if set == nil {
		return "", ErrNotReady
	}
	key := set.active(algorithm, r.now())
	if key == nil {
		return "", fmt.Errorf("%w: none for %q", ErrNotReady, algorithm)
	}
	return key.sign(typ, payload)
}

// Verify returns the payload of a compact JWS of type typ that a key of this
// ring has signed, retired ones included. It says nothing of the claims in it:
// their times, audience and issuer are the caller's to check. Anything else, up
// to whatever input, is an error that wraps [ErrInvalidToken]; [ErrNotReady]
// while there is no key.
func (r *Ring) Verify(typ, token string) ([]byte, error) {
	set := r.set.Load()
	if set == nil {
		return nil, ErrNotReady
	}
	if len(token) > maxToken {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalidToken, maxToken)
	}
	payload, err := set.verify(typ, token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return payload, nil
}

// Public returns the public halves of all keys, each with kid, use and alg, as a
// JWKS to be published (RFC 7517 §5). It is empty while there is no key. The
// caller may keep and change it.
func (r *Ring) Public() jose.JSONWebKeySet {
	set := r.set.Load()
	if set == nil {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	}
	public := make([]jose.JSONWebKey, len(set.keys))
	for i, key := range set.keys {
		public[i] = key.public
	}
	return jose.JSONWebKeySet{Keys: public}
}
