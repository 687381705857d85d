package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Whoever can choose the address that is taken for the client's walks around
// the flood limit, so only trusted proxies are believed, each for one hop.
func TestTheClientsAddress(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, test := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"without a proxy it is the peer's":                    {"203.0.113.9:4711", nil, "203.0.113.9"},
		"a stranger's header is not believed":                 {"203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9"},
		"a proxy's header is":                                 {"10.0.0.1:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		"what the client itself sent lies further left":       {"10.0.0.1:4711", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1"},
		"also in a header of its own":                         {"10.0.0.1:4711", []string{"192.0.2.66", "198.51.100.1"}, "198.51.100.1"},
		"proxies in a row are walked through":                 {"10.0.0.1:4711", []string{"198.51.100.1, 10.0.0.3, fd00::2"}, "198.51.100.1"},
		"a proxy that says nothing is the client":             {"10.0.0.1:4711", nil, "10.0.0.1"},
		"garbage ends the walk":                               {"10.0.0.1:4711", []string{"198.51.100.1, <script>, 10.0.0.3"}, "10.0.0.3"},
		"IPv4 in IPv6 is IPv4":                                {"[::ffff:10.0.0.1]:4711", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a header of proxies alone gives the outermost":       {"10.0.0.1:4711", []string{"10.0.0.5, 10.0.0.3"}, "10.0.0.5"},
		"an endless header is looked at no further than this": {"10.0.0.1:4711", []string{"198.51.100.1" + strings.Repeat(", 10.0.0.7", maxForwarded)}, "10.0.0.7"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.peer
			r.Header["X-Forwarded-For"] = test.forwarded
			if got := trusted.client(r).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
