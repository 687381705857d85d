package waitingroom

import (
	"context"
	"time"
)

// Vault returns the store's vault. A verb whose reply was lost is called again, as with
// those of rooms.
func (e *Engine) Vault() Vault { return vault{e.options.Store} }

// vault calls the verbs of another, again if a reply was lost.
type vault struct{ store Vault }

// Keep implements [Vault].
func (v vault) Keep(ctx context.Context, name string, value []byte, life time.Duration) (kept []byte, err error) {
	err = again(ctx, func() (err error) {
		kept, err = v.store.Keep(ctx, name, value, life)
		return err
	})
	return kept, err
}

// Kept implements [Vault].
func (v vault) Kept(ctx context.Context, name string) (kept []byte, err error) {
	err = again(ctx, func() (err error) {
		kept, err = v.store.Kept(ctx, name)
		return err
	})
	return kept, err
}

// Swap implements [Vault].
func (v vault) Swap(ctx context.Context, name string, old, value []byte) (kept []byte, err error) {
	err = again(ctx, func() (err error) {
		kept, err = v.store.Swap(ctx, name, old, value)
		return err
	})
	return kept, err
}
