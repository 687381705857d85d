package oidc_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/oidc"
)

func TestNewNamesEveryFault(t *testing.T) {
	_, err := oidc.New(oidc.Options{
		Issuer: "http://wait.example.com",
		Clients: []oidc.Client{
			{ID: "a:b", Public: true, SecretHashes: make([][32]byte, 1), RedirectURIs: []string{"/cb"}},
			{ID: "twice", Room: "r", SecretHashes: make([][32]byte, 1), RedirectURIs: []string{"https://a.example.com/"}},
			{ID: "twice", Room: "r", Refresh: "sometimes", AccessTokenTTL: time.Millisecond},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, fault := range []string{
		`issuer "http://wait.example.com": neither https nor http on loopback`,
		"no queue", "no keys", "no pages", "no secrets",
		`client "a:b": the ID must have`, "no room", "a public client has no secret", `redirect URI "/cb": not an absolute URL`,
		`client "twice": there is another client of that ID`,
		"no secret, and not public", `unknown refresh policy "sometimes"`, "not 1ms", "no redirect URI",
	} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is missing in: %v", fault, err)
		}
	}
}

func TestNewChecksURIs(t *testing.T) {
	for _, row := range []struct {
		uri  string
		good bool
	}{
		{"https://shop.example.com/cb", true},
		{"https://shop.example.com:443/cb?action=x&b=%20", true},
		{"https://shop.example.com", true},
		{"http://localhost:3000/cb", true},
		{"http://shop.localhost/cb", true},
		{"http://127.0.0.2/cb", true},
		{"http://[::1]:8080/cb", true},
		{"http://shop.example.com/cb", false},
		{"http://localhost.example.com/cb", false},
		{"https://shop.example.com/cb#x", false},
		{"https://shop.example.com/cb#", false},
		{"https://user@shop.example.com/cb", false},
		{"https://shop.example.com/c b", false},
		{"https://shop.example.com/\r\nx", false},
		{`https://shop.example.com\@evil.example.com/`, false},
		{"https:///cb", false},
		{"https://:443/cb", false},
		{"//shop.example.com/cb", false},
		{"javascript:alert(1)", false},
		{"com.example.app:/cb", false},
		{"https://shop.example.com/é", false},
		{"", false},
	} {
		client := oidc.Client{ID: "c", Room: "r", SecretHashes: [][32]byte{sha256.Sum256([]byte("s"))}, RedirectURIs: []string{row.uri}}
		_, err := oidc.New(oidc.Options{
			Issuer: "https://wait.example.com", Clients: []oidc.Client{client},
			Queue: newLine(), Keys: newSigner(), Pages: pages{}, Secrets: secrets{"s"},
		})
		if (err == nil) != row.good {
			t.Errorf("%q: %v", row.uri, err)
		}
	}
	for issuer, good := range map[string]bool{
		"https://wait.example.com":        true,
		"https://wait.example.com/a/b":    true,
		"http://localhost:8080":           true,
		"http://wait.example.com":         false,
		"https://wait.example.com/":       false,
		"https://wait.example.com?x=1":    false,
		"https://wait.example.com?":       false,
		"https://wait.example.com#x":      false,
		"https://user@wait.example.com":   false,
		"wait.example.com":                false,
		"":                                false,
		"https://wait.example.com/a b":    false,
		"ftp://wait.example.com":          false,
		"https://wait.example.com:443/ab": true,
	} {
		_, err := oidc.New(oidc.Options{
			Issuer: issuer, Queue: newLine(), Keys: newSigner(), Pages: pages{}, Secrets: secrets{"s"},
		})
		if (err == nil) != good {
			t.Errorf("issuer %q: %v", issuer, err)
		}
	}
}

func TestNewWantsASecret(t *testing.T) {
	_, err := oidc.New(oidc.Options{
		Issuer: "https://wait.example.com", Queue: newLine(), Keys: newSigner(), Pages: pages{}, Secrets: secrets{},
	})
	if err == nil {
		t.Error("a provider without a secret")
	}
}
