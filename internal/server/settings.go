package server

import (
	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// rooms returns the configured rooms in the engine's words.
func rooms(c *config.Config) []waitingroom.RoomConfig {
	list := make([]waitingroom.RoomConfig, len(c.Rooms))
	for i, r := range c.Rooms {
		list[i] = waitingroom.RoomConfig{
			ID:   r.ID,
			Name: r.Name,
			Inlet: waitingroom.Inlet{
				Kind: waitingroom.InletKind(r.Inlet.Kind), Add: int64(r.Inlet.Add), Every: r.Inlet.Every,
				Start: r.Inlet.Start, End: r.Inlet.End, Max: int64(r.Inlet.Max),
			},
			Settings: waitingroom.Settings{
				PositionTTL: r.PositionTTL, SessionTTL: r.SessionTTL, SessionMax: r.SessionMax,
				Reuse: r.ExpiredPlaces == config.ExpiredReuse,
			},
		}
	}
	return list
}

// byID returns the clients by their IDs.
func byID(list []config.Client) map[string]config.Client {
	clients := make(map[string]config.Client, len(list))
	for _, c := range list {
		clients[c.ID] = c
	}
	return clients
}

// clients returns the configured clients in the provider's words.
func clients(c *config.Config) []oidc.Client {
	list := make([]oidc.Client, len(c.Clients))
	for i, client := range c.Clients {
		list[i] = oidc.Client{
			ID: client.ID, Public: client.Public, Room: client.Room,
			RedirectURIs: client.RedirectURIs, PostLogoutRedirectURIs: client.PostLogoutRedirectURIs,
			Refresh: oidc.Refresh(client.Refresh), AccessTokenTTL: client.AccessTokenTTL,
			AccessToken: oidc.AccessTokenFormat(client.AccessToken), Subject: oidc.Subject(client.Subject),
			Reauth:         oidc.Reauth(client.Reauth),
			TransactionTTL: client.TransactionTTL, ReinitiateURL: client.ReinitiateURL, TargetLinkURI: client.TargetLinkURI,
			QueuePosition: client.QueuePosition, IDTokenAlgorithm: jose.SignatureAlgorithm(client.IDTokenAlg),
			Claims: client.Claims, ResponseTypes: responseTypes(client.ResponseTypes),
		}
		if !client.Public {
			list[i].SecretHashes = [][32]byte{client.SecretHash}
		}
	}
	return list
}

// responseTypes returns response types in the provider's words.
func responseTypes(list []config.ResponseType) []oidc.ResponseType {
	types := make([]oidc.ResponseType, len(list))
	for i, t := range list {
		types[i] = oidc.ResponseType(t)
	}
	return types
}
