//go:build e2e

package e2e_test

import "testing"

func TestPageOutlivesTheLossOfTheServer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*server){
		"a stop":  (*server).Stop,
		"a crash": (*server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			server, shop := openShop(t, "inlet: {kind: manual}")
			lineUp(t, shop, 1)
			b := newBrowser(t)
			b.Goes(shop.URL+"/", inLine)
			end(server)
			b.Until(`!document.getElementById("link").hidden`)
			b.Shows("#link", "Connection lost. Your place is kept. Trying again…")
			b.Shows("#live", "Connection lost. Your place is kept. Trying again…")
			b.Sees(inLine)
			b.Screenshot("connection-lost")
			server.Restart()
			b.Until(`document.getElementById("link").hidden`)
			b.Until(`document.getElementById("live").textContent.startsWith("The connection is back. Your place was kept.")`)
			if got := b.Number("#position"); got != 2 {
				t.Errorf("got position %d, want 2", got)
			}
			server.Serve(2)
			if got := b.Claims()["queue_position"]; got != 2.0 {
				t.Errorf("got in at position %v, want 2", got)
			}
			if got := b.Documents("/wait?"); got != 2 {
				t.Errorf("the browser loaded the waiting page %d times, want twice: to wait and to enter", got)
			}
		})
	}
}
