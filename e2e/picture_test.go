//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

// The pictures of the waiting page that docs/images holds, with fewer colours,
// are taken here.
func TestPictureOfALongLine(t *testing.T) {
	t.Parallel()
	const ahead = 1163
	server, shop := openShop(t, "inlet: {kind: periodic, add: 3, every: 1s}", `trusted_proxies: ["127.0.0.0/8"]`)
	for range ahead + 120 {
		if status := joinByAPI(t, server, "127.0.0.1"); status != http.StatusOK {
			t.Fatalf("assign_queue_num answered %d", status)
		}
	}
	b := newBrowser(t)
	b.Do(chromedp.EmulateViewport(1280, 760))
	b.Goes(shop.URL+"/", inLine)
	server.Serve(120 - int(b.Number("#serving")))
	b.Goes(shop.URL+"/", inLine)
	b.Until(`document.getElementById("wait").textContent.endsWith("minutes")`)
	b.Screenshot("long-line-light")
	b.Prefer("prefers-color-scheme", "dark")
	b.Until("document.getAnimations().length === 0") // Colours fade.
	b.Screenshot("long-line-dark")
	b.Do(chromedp.EmulateViewport(390, 760, chromedp.EmulateScale(2)))
	b.Screenshot("long-line-phone")
}
