package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/config"
)

func TestWhatHardlyAnybodyMeansIsTold(t *testing.T) {
	const rooms = "rooms: [{id: sale}]\n"
	const client = "clients: [{id: shop, room: sale, public: true, redirect_uris: [\"https://shop.example/cb\"]}]\n"
	for name, test := range map[string]struct {
		text string
		want []string // How each begins.
	}{
		"a proxy that is named":          {"issuer: https://wait.example\ntrusted_proxies: [\"10.0.0.1\"]\n" + rooms + client, nil},
		"a proxy that is not named":      {"issuer: https://wait.example\n" + rooms + client, []string{"the issuer is https and tls is not given"}},
		"no proxy":                       {"issuer: http://localhost:8080\n" + rooms + client, nil},
		"no clients":                     {"issuer: http://localhost:8080\n" + rooms, []string{"there are no clients"}},
		"a room that nobody can come to": {"issuer: http://localhost:8080\nrooms: [{id: sale}, {id: tickets, public_api: false}]\n" + client, []string{"nobody can come to room tickets"}},
		"a room for the JSON API alone":  {"issuer: http://localhost:8080\nrooms: [{id: sale}, {id: tickets}]\n" + client, nil},
		"a room for a client alone":      {"issuer: http://localhost:8080\nrooms: [{id: sale, public_api: false}]\n" + client, nil},
		"the example that is shipped":    {config.Example(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Parse([]byte(test.text), t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, advice := range c.Advice() {
				if i < len(test.want) && strings.HasPrefix(advice, test.want[i]) {
					advice = test.want[i]
				}
				got = append(got, advice)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("advice (-want +got):\n%s", diff)
			}
		})
	}
}
