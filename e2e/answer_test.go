//go:build e2e

package e2e_test

import (
	"strings"
	"testing"
)

// formPost asks for the answer in the form_post mode.
const formPost = "/login?response_mode=form_post"

func TestFormPostSubmitsItselfAfterTheWait(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t)
	b.Goes(shop.URL+formPost, inLine)
	server.Serve(1)
	b.Claims()
	// The second time there is nothing to wait for.
	b.Goes(shop.URL+formPost, welcome)
	if got := b.Claims()["queue_position"]; got != 1.0 {
		t.Errorf("got in at position %v, want 1", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestFormPostWithoutScriptsHasAButton(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	b := newBrowser(t, noScripts)
	b.Goes(shop.URL+formPost, inLine)
	server.Serve(1)
	b.Sees("One moment")
	b.Presses()
	if got := b.Claims()["queue_position"]; got != 1.0 {
		t.Errorf("got in at position %v, want 1", got)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestErrorsReachTheShopInBothModes(t *testing.T) {
	t.Parallel()
	_, shop := openShop(t, "inlet: {kind: open}")
	b := newBrowser(t)
	for _, query := range []string{"?prompt=none", "?prompt=none&response_mode=form_post"} {
		b.Goes(shop.URL+"/login"+query, "Problem")
		if got := b.Text("#claims"); !strings.HasPrefix(got, "the provider answered login_required") {
			t.Errorf("%s: the shop says %q, want login_required", query, got)
		}
	}
}
