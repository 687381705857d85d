//go:build e2e

package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// The headings of the waiting page.
const (
	inLine  = "You are in line"
	yourGo  = "It is your turn"
	welcome = "Welcome" // the shop's
)

// lineUp lets n visitors come one after the other, so that whoever comes next
// has them ahead.
func lineUp(t *testing.T, s *shop, n int) []*visitor {
	t.Helper()
	visitors := make([]*visitor, n)
	for i := range visitors {
		visitors[i] = newVisitor(t, s)
		if err := visitors[i].Come(); err != nil {
			t.Fatal(err)
		}
	}
	return visitors
}

func TestVisitorWaitsAndGetsIn(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: manual}")
	lineUp(t, shop, 3)
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	if position, ahead := b.Number("#position"), b.Number("#ahead"); position != 4 || ahead != 3 {
		t.Errorf("got position %d and %d ahead, want 4 and 3", position, ahead)
	}
	server.Serve(2)
	b.Shows("#ahead", "1")
	if position, serving := b.Number("#position"), b.Number("#serving"); position != 4 || serving != 2 {
		t.Errorf("got position %d and serving %d, want 4 and 2", position, serving)
	}
	b.Until(`document.title === "1 ahead – Spring sale"`)
	b.Until(`document.getElementById("live").textContent === "1 person ahead of you."`)
	server.Serve(1)
	b.Shows("#ahead", "0")
	b.Until(`document.title.startsWith("You are next")`)

	server.Serve(1)
	b.Sees(yourGo)
	b.Until(`document.activeElement.textContent === "Enter now"`)
	claims := b.Claims()
	if claims["queue_position"] != 4.0 || claims["iss"] != server.Issuer || claims["aud"] != "shop" || claims["sub"] == "" {
		t.Errorf("the shop was told %v", claims)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestVisitorOfAPeriodicRoomGetsInByTheClock(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: periodic, add: 2, every: 1s}")
	visitors := lineUp(t, shop, 20)
	b := newBrowser(t)
	b.Goes(shop.URL+"/", inLine)
	first := b.Number("#ahead")
	b.Until(`document.getElementById("wait").textContent === "less than a minute"`)
	claims := b.Claims()
	if position := int64(claims["queue_position"].(float64)); position <= first || position <= visitors[0].Position {
		t.Errorf("got in at position %d after %d were ahead", position, first)
	}
	b.Behaved(0, server.Issuer, shop.URL)
}

func TestVisitorWhoNeedNotWaitSeesNoPage(t *testing.T) {
	t.Parallel()
	server, shop := openShop(t, "inlet: {kind: open}")
	b := newBrowser(t)
	b.Do(chromedp.Navigate(shop.URL + "/"))
	if position := b.Claims()["queue_position"]; position != 1.0 {
		t.Errorf("got in at position %v, want 1", position)
	}
	b.Behaved(0, server.Issuer, shop.URL)
	b.Screenshot("shop")
}
