package server

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/keys"
	"github.com/anteroom-dev/anteroom/oidc"
)

// firstKeyPatience is how long a request waits for the key that is made on the
// first start, while the listener is up already. Making one takes a fraction of
// a second.
const firstKeyPatience = 3 * time.Second

// patientKeys are the keys of a ring that may still be making its first one.
type patientKeys struct{ *keys.Ring }

var _ oidc.Keys = patientKeys{}

// algorithms returns what tokens are signed with. RS256 is always among them, as
// every relying party may rely on it.
func algorithms(c *config.Config) []jose.SignatureAlgorithm {
	used := []jose.SignatureAlgorithm{jose.RS256}
	for _, client := range c.Clients {
		if client.IDTokenAlg == config.AlgES256 {
			return append(used, jose.ES256)
		}
	}
	return used
}

func (k patientKeys) wait(ctx context.Context) {
	select {
	case <-k.Ready():
		return
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, firstKeyPatience)
	defer cancel()
	_ = k.Wait(ctx) // What is asked of the ring next gives the better error.
}

// Sign implements [oidc.Keys].
func (k patientKeys) Sign(ctx context.Context, algorithm jose.SignatureAlgorithm, typ string, payload []byte) (string, error) {
	k.wait(ctx)
	return k.Ring.Sign(ctx, algorithm, typ, payload)
}

// Public implements [oidc.Keys].
func (k patientKeys) Public() jose.JSONWebKeySet {
	k.wait(context.Background())
	return k.Ring.Public()
}
