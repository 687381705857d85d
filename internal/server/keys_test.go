package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// restart stops the server and starts it with another configuration.
func (s *site) restart(edit func(text string) string) {
	s.Helper()
	s.stop()
	s.text = edit(s.text)
	s.start()
}

// shopWith returns an edit of the configuration that adds keys to the client shop.
func shopWith(keys string) func(string) string {
	return func(text string) string { return strings.Replace(text, "{id: shop, ", "{id: shop, "+keys+", ", 1) }
}

// published returns the key set as relying parties see it.
func (b *browser) published() (set jose.JSONWebKeySet, etag string) {
	b.Helper()
	answer := b.get("/.well-known/jwks.json")
	if err := json.Unmarshal([]byte(answer.text), &set); err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("%v: %d %s", err, answer.StatusCode, answer.text)
	}
	if got, want := answer.Header.Get("Cache-Control"), "public, max-age=300"; got != want {
		b.Errorf("Cache-Control of the key set: got %q, want %q", got, want)
	}
	return set, answer.Header.Get("ETag")
}

// signer returns the kid and algorithm of an ID token, after checking it against
// a key set.
func (b *browser) signer(idToken string, set jose.JSONWebKeySet) (id, algorithm string) {
	b.Helper()
	signed, err := jose.ParseSignedCompact(idToken, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		b.Fatal(err)
	}
	header := signed.Signatures[0].Header
	found := set.Key(header.KeyID)
	if len(found) != 1 {
		b.Fatalf("key %s is not published", header.KeyID)
	}
	if _, err := signed.Verify(found[0]); err != nil {
		b.Fatal(err)
	}
	return header.KeyID, header.Algorithm
}

// refresh redeems a refresh token and fails the test unless it is good.
func (b *browser) refresh(old string) tokens {
	b.Helper()
	got, status := b.site.browser().token("shop", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}})
	if status != http.StatusOK {
		b.Fatalf("refreshing answers %d %s", status, got.Error)
	}
	return got
}

// enter lets a browser in and returns the tokens of the shop.
func (b *browser) enter() tokens {
	b.Helper()
	got, status := b.redeem("shop", b.code(b.login()))
	if status != http.StatusOK || got.RefreshToken == "" {
		b.Fatalf("redeeming answers %d %+v", status, got)
	}
	return got
}

func TestLoginsGoOnAcrossARotation(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	s.restart(shopWith("refresh: always"))
	b := s.browser()
	first := b.enter()
	before, etag := b.published()
	old, _ := b.signer(first.IDToken, before)

	var answer struct {
		Keys []struct{ Kid, State string }
	}
	if status := s.manage(http.MethodPost, "/admin/api/keys/rotate", `{"purpose":"oidc"}`, &answer); status != http.StatusOK || len(answer.Keys) != 2 {
		t.Fatalf("rotating answers %d %+v", status, answer)
	}
	next := answer.Keys[1].Kid
	// A relying party that fetches the set now knows both keys, and needs no other
	// for the rest of this test.
	known, changed := b.published()
	if len(known.Keys) != 2 || changed == etag {
		t.Fatalf("after rotation %d keys are published, tag changed: %v", len(known.Keys), changed != etag)
	}
	s.turn(30 * time.Minute)
	second := b.refresh(first.RefreshToken)
	if id, _ := b.signer(second.IDToken, known); id != old {
		t.Error("the next key signs too early")
	}
	s.turn(31 * time.Minute)
	third := b.refresh(second.RefreshToken)
	if id, _ := b.signer(third.IDToken, known); id != next {
		t.Error("an hour after it was published the next key doesn't sign")
	}
	info := b.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + third.AccessToken}})
	if info.StatusCode != http.StatusOK {
		t.Errorf("userinfo answers %d %s", info.StatusCode, info.text)
	}
	// The hint was signed by the key that has ended, and still says who it is.
	out := b.get("/logout?id_token_hint=" + first.IDToken)
	if out.StatusCode != http.StatusOK || strings.Contains(out.text, "<form") {
		t.Errorf("logout with the old key's ID token asks: %d\n%s", out.StatusCode, out.text)
	}
	if again := b.login("prompt", "none"); !strings.Contains(again.Header.Get("Location"), "login_required") {
		t.Errorf("after the logout a login goes to %q", again.Header.Get("Location"))
	}
}

// TestARevokedKeyIsNoLongerBelieved stops the thief of a signing key: a hint
// signed with it is refused, and the page asks.
func TestARevokedKeyIsNoLongerBelieved(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	s.restart(shopWith("refresh: always"))
	b := s.browser()
	first := b.enter()
	if status := s.manage(http.MethodPost, "/admin/api/keys/rotate", `{"purpose":"oidc","revoke":true}`, nil); status != http.StatusOK {
		t.Fatalf("revoking answers %d", status)
	}
	b.get("/logout?id_token_hint=" + first.IDToken)
	b.code(b.login("prompt", "none")) // Nobody has been logged out.
	set, _ := b.published()
	b.signer(b.refresh(first.RefreshToken).IDToken, set)
}

func TestAClientGetsTheAlgorithmItAsksFor(t *testing.T) {
	s := newSite(t, "memory:", "{kind: open}")
	algorithms := func() (list []string) {
		var discovery struct {
			Algorithms []string `json:"id_token_signing_alg_values_supported"`
		}
		if err := json.Unmarshal([]byte(s.browser().get("/.well-known/openid-configuration").text), &discovery); err != nil {
			t.Fatal(err)
		}
		return discovery.Algorithms
	}
	if got, want := algorithms(), []string{"RS256"}; !slices.Equal(got, want) {
		t.Errorf("algorithms: got %v, want %v", got, want)
	}
	s.restart(shopWith("id_token_alg: ES256, refresh: always"))
	if got, want := algorithms(), []string{"RS256", "ES256"}; !slices.Equal(got, want) {
		t.Errorf("algorithms: got %v, want %v", got, want)
	}
	b := s.browser()
	set, _ := b.published()
	got := b.enter()
	if _, algorithm := b.signer(got.IDToken, set); algorithm != "ES256" {
		t.Errorf("the ID token is signed with %s", algorithm)
	}
	other, status := b.redeem("shop-too", b.code(b.loginOf("shop-too")))
	if status != http.StatusOK {
		t.Fatalf("redeeming answers %d", status)
	}
	if _, algorithm := b.signer(other.IDToken, set); algorithm != "RS256" {
		t.Errorf("the other client's ID token is signed with %s", algorithm)
	}
	if out := b.get("/logout?id_token_hint=" + got.IDToken); strings.Contains(out.text, "<form") {
		t.Errorf("logout with an ES256 ID token asks:\n%s", out.text)
	}
}

// TestTheMasterSecretCanBeChanged walks through what docs/operations.md tells:
// a newer secret is put first, and later the older one is taken away.
func TestTheMasterSecretCanBeChanged(t *testing.T) {
	s := newSite(t, bolt(t), "{kind: manual}")
	s.restart(shopWith("refresh: always"))
	inside, waiting := s.browser(), s.browser()
	inside.login()
	line := waiting.login()
	s.serveOne()
	old := inside.enter()
	set, _ := inside.published()
	kid, _ := inside.signer(old.IDToken, set)
	change := func(secrets ...string) {
		t.Helper()
		s.stop()
		s.secrets = secrets
		s.start()
		inside.http.CloseIdleConnections()
		waiting.http.CloseIdleConnections()
	}
	older, newer := strings.Repeat("m", 32), strings.Repeat("n", 32)

	change(newer, older)
	if at := waiting.waits(waiting.get(line.Request.URL.String())); at.Position != 2 {
		t.Errorf("with the newer secret first the place and the sealed login give position %d, want 2", at.Position)
	}
	info := inside.do(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + old.AccessToken}})
	if info.StatusCode != http.StatusOK {
		t.Errorf("with the newer secret first userinfo answers %d %s", info.StatusCode, info.text)
	}
	fresh := inside.refresh(old.RefreshToken)
	if got, _ := inside.signer(fresh.IDToken, set); got != kid {
		t.Errorf("with the newer secret first key %s signs, want %s", got, kid)
	}
	inside.code(inside.login("prompt", "none"))
	late, later := s.browser(), s.browser()
	if at := late.waits(late.login()); at.Position != 3 {
		t.Errorf("the next place is %d, want 3", at.Position)
	}
	laterLine := later.login()
	s.serveOne()
	s.serveOne()
	entered := late.enter()

	change(newer)
	later.http.CloseIdleConnections()
	if at := later.waits(later.get(laterLine.Request.URL.String())); at.Position != 4 {
		t.Errorf("without the older secret a place dealt under the newer is %d, want 4", at.Position)
	}
	if got, _ := late.signer(late.refresh(entered.RefreshToken).IDToken, set); got != kid {
		t.Errorf("without the older secret key %s signs, want %s", got, kid)
	}
	if refused, status := s.browser().token("shop", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.RefreshToken}}); status == http.StatusOK {
		t.Errorf("a refresh token of the secret that was taken away gives %+v", refused)
	}

	s.stop()
	c, err := config.Parse([]byte(s.text), s.dir, []string{"ANTEROOM_MANAGEMENT_TOKEN=" + token, "ANTEROOM_SECRET=" + older})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := server.New(server.Options{Config: c, Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := foreign.Start(t.Context()); !errors.Is(err, waitingroom.ErrForeignSecret) {
		t.Errorf("the older secret alone gives %v, want ErrForeignSecret", err)
	}
	if err := foreign.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
