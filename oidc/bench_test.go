package oidc_test

import (
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// BenchmarkOpenLogin is what the provider adds to a load of the waiting page.
func BenchmarkOpenLogin(b *testing.B) {
	w := newWorld(b)
	w.open.Store(false)
	seal := w.newBrowser().sealed(request("code_challenge", challenge, "code_challenge_method", "S256"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.provider.OpenLogin(b.Context(), seal); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPeek is what the provider adds to a poll of the waiting page.
func BenchmarkPeek(b *testing.B) {
	w := newWorld(b)
	w.open.Store(false)
	seal := w.newBrowser().sealed(request("code_challenge", challenge, "code_challenge_method", "S256"))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.provider.Peek(b.Context(), seal); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCodeFlow is a whole login over HTTP but for the waiting page, with
// its one signature; BenchmarkSign tells how much of it that is.
func BenchmarkCodeFlow(b *testing.B) {
	w := newWorld(b)
	browser := w.newBrowser()
	browser.login(request())
	for b.Loop() {
		tokens := w.exchange(browser.login(request()))
		w.post("/userinfo", url.Values{"access_token": {tokens.AccessToken}})
	}
}

// BenchmarkSign is one signature.
func BenchmarkSign(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		if _, err := w.keys.Sign(b.Context(), jose.RS256, "JWT", []byte("{}")); err != nil {
			b.Fatal(err)
		}
	}
}
