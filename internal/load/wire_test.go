package load_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/load"
)

func TestARedirectIsFollowedOnlyBelowTheIssuer(t *testing.T) {
	for name, test := range map[string]struct{ issuer, address, want string }{
		"a path":                     {"https://wait.example", "/wait?login=x", "/wait?login=x"},
		"an address":                 {"https://wait.example", "https://wait.example/wait?login=x", "/wait?login=x"},
		"another host":               {"https://wait.example", "https://evil.example/wait?login=x", ""},
		"another host, no scheme":    {"https://wait.example", "//evil.example/wait?login=x", ""},
		"an issuer with a path":      {"https://wait.example/room", "/room/wait?login=x", "/wait?login=x"},
		"outside the issuer's path":  {"https://wait.example/room", "/wait?login=x", ""},
		"beside the issuer's path":   {"https://wait.example/room", "/roomy/wait", ""},
		"a port that is not its own": {"https://wait.example", "https://wait.example:8443/wait", ""},
		"nothing":                    {"https://wait.example", "", ""},
		"what is no address":         {"https://wait.example", "http://[", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := load.Local(test.issuer, test.address)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, test.want)
			}
		})
	}
}

func TestCookiesAreKeptReplacedAndForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		sets []string
		want string
	}{
		"one":               {[]string{"a=1; Path=/; HttpOnly"}, "a=1"},
		"two":               {[]string{"a=1", "b=2; Max-Age=60"}, "a=1; b=2"},
		"one anew":          {[]string{"a=1", "b=2", "a=3"}, "b=2; a=3"},
		"one taken back":    {[]string{"a=1", "b=2", "a=; Max-Age=0"}, "b=2"},
		"all taken back":    {[]string{"a=1", "a=; Max-Age=0"}, ""},
		"one that is none":  {[]string{"a=1", "=;;"}, "a=1"},
		"one with the host": {[]string{"__Host-a=1; Secure; Path=/"}, "__Host-a=1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := load.Cookies(test.sets...); got != test.want {
				t.Errorf("the browser sends %q, want %q", got, test.want)
			}
		})
	}
}

const waitingPage = `<html><main id="waiting" data-state="waiting" data-page="/wait?login=a&amp;b" data-status="/wait/status" ` +
	`data-poll="2000" data-enter="0" data-position="7" data-room="Fran&#39;s">`

func TestTheWaitingPageIsRead(t *testing.T) {
	want := map[string]string{"data-state": "waiting", "data-page": "/wait?login=a&b", "data-poll": "2000", "data-enter": "0", "data-position": "7"}
	if diff := cmp.Diff(want, load.MainTag([]byte(waitingPage))); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	for _, page := range []string{"", "<main>", `<main id="waiting" data-state="waiting"`, strings.ToUpper(waitingPage)} {
		if got := load.MainTag([]byte(page)); got != nil {
			t.Errorf("%q is read as %v", page, got)
		}
	}
}

// FuzzMainTag reads pages of whatever answers.
func FuzzMainTag(f *testing.F) {
	f.Add([]byte(waitingPage))
	f.Add([]byte(`<main id="waiting" data-state=">`))
	f.Fuzz(func(t *testing.T, page []byte) {
		for name, value := range load.MainTag(page) {
			if !strings.HasPrefix(name, "data-") || len(value) > 8*len(page) {
				t.Errorf("%q is %q", name, value)
			}
		}
	})
}
