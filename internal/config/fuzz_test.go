package config_test

import (
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// FuzzParse looks for input that makes the reader panic, that is wrong without
// a list of faults, or that passes without being what the rest of the server
// relies on.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"good_*.yaml", "bad_*.yaml"} {
		for _, path := range corpus(f, pattern) {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, "ANTEROOM_LOG_LEVEL=debug")
		}
	}
	f.Add([]byte(config.Example()), "ANTEROOM_ISSUER=https://wait.example.com")
	f.Add([]byte("a: &a [*a]"), "ANTEROOM_SECRET=")
	f.Add([]byte("? {a: b}\n: c"), "=")
	f.Fuzz(func(t *testing.T, data []byte, variable string) {
		// A directory that does not exist, so that no secret file is ever found.
		got, err := config.Parse(data, "/nonexistent", []string{variable})
		if err != nil {
			checkFaults(t, data, err)
			return
		}
		if issuer, err := url.Parse(got.Issuer); err != nil || issuer.Host == "" || strings.HasSuffix(got.Issuer, "/") {
			t.Errorf("accepted issuer %q", got.Issuer)
		}
		if len(got.Rooms) == 0 {
			t.Error("accepted a configuration without rooms")
		}
		for _, client := range got.Clients {
			if len(client.RedirectURIs) == 0 || client.Public != (client.SecretHash == [32]byte{}) && client.SecretSHA256 == "" {
				t.Errorf("accepted client %+v", client)
			}
		}
	})
}

// checkFaults checks that an error lists faults, on lines that exist.
func checkFaults(t *testing.T, data []byte, err error) {
	t.Helper()
	faults, ok := errors.AsType[config.Faults](err)
	if !ok || len(faults) == 0 || !errors.Is(err, config.ErrInvalid) {
		t.Fatalf("got error %v, want a list of faults", err)
	}
	for _, fault := range faults {
		// YAML ends lines at more characters than the line feed.
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r") +
			strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		if fault.Line < 0 || fault.Line > lines || fault.Message == "" {
			t.Errorf("fault %+v in a file of %d lines", fault, lines)
		}
	}
}
