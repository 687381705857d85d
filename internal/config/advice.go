package config

import (
	"fmt"
	"strings"
)

// Advice returns what is no fault, and yet hardly what anybody means, a sentence
// each.
func (c *Config) Advice() []string {
	var advice []string
	if strings.HasPrefix(c.Issuer, "https:") && !c.TLS.Enabled() && len(c.TrustedProxies) == 0 {
		advice = append(advice, "the issuer is https and tls is not given, so a proxy ends TLS, but trusted_proxies is empty: "+
			"all visitors count as one address, and few of them may join at a time")
	}
	used := make(map[string]bool)
	for _, client := range c.Clients {
		used[client.Room] = true
	}
	for _, room := range c.Rooms {
		if !used[room.ID] && !room.PublicAPI {
			advice = append(advice, fmt.Sprintf("nobody can come to room %s: no client is of that room, and public_api is false", room.ID))
		}
	}
	if len(c.Clients) == 0 {
		advice = append(advice, `there are no clients, so no site can log visitors in; "anteroom client new" makes one`)
	}
	return advice
}
