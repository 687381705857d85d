package wait

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sent returns the cookies that a browser would have after set.
func sent(t *testing.T, set func(http.ResponseWriter)) []*http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	set(w)
	return w.Result().Cookies()
}

func TestCookiesAreBoundToTheHost(t *testing.T) {
	longest := strings.Repeat("r", 50)
	for name, secure := range map[string]bool{"over https": true, "on loopback": false} {
		t.Run(name, func(t *testing.T) {
			c := Cookies{Secure: secure}
			r := httptest.NewRequest(http.MethodGet, "/wait", nil)
			value, _ := newHolder()
			cookies := sent(t, func(w http.ResponseWriter) {
				c.GreetBrowser(w, r)
				c.setPlace(w, r, longest, strings.Repeat("p", 64))
				c.setSession(w, longest, value)
			})
			if len(cookies) != 3 {
				t.Fatalf("%d cookies, want 3", len(cookies))
			}
			for _, cookie := range cookies {
				if strings.HasPrefix(cookie.Name, "__Host-anteroom-") != secure || cookie.Secure != secure {
					t.Errorf("%s: Secure is %v", cookie.Name, cookie.Secure)
				}
				if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 30*24*60*60 {
					t.Errorf("attributes of %s: %s", cookie.Name, cookie.Raw)
				}
				if size := len(cookie.Name) + len(cookie.Value); size >= 160 {
					t.Errorf("%s takes %d bytes, want under 160", cookie.Name, size)
				}
			}
		})
	}
}

func TestABrowserKeepsItsIdentity(t *testing.T) {
	var c Cookies
	r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
	var first Browser
	for _, cookie := range sent(t, func(w http.ResponseWriter) { first = c.GreetBrowser(w, r) }) {
		r.AddCookie(cookie)
	}
	if again := sent(t, func(w http.ResponseWriter) {
		if got := c.GreetBrowser(w, r); got != first {
			t.Error("a returned cookie gives another identity")
		}
	}); len(again) > 0 {
		t.Errorf("a returned cookie is set again: %v", again)
	}
}

func TestABadBrowserCookieIsNoIdentity(t *testing.T) {
	for name, value := range map[string]string{
		"empty": "", "short": "AAAA", "long": strings.Repeat("A", 23), "not base64url": "!!!!!!!!!!!!!!!!!!!!!!",
		"stray bits at the end": "AAAAAAAAAAAAAAAAAAAAAB",
	} {
		r := httptest.NewRequest(http.MethodGet, "/wait", nil)
		r.Header.Set("Cookie", "anteroom-browser="+value)
		if _, ok := (Cookies{}).Browser(r); ok {
			t.Errorf("a cookie that is %s gives an identity", name)
		}
	}
}

// Where cookies have no __Host- prefix, another page of the host may plant a
// second one; then nobody can tell which is the browser's own.
func TestOfTwoCookiesOfOneNameNoneIsTaken(t *testing.T) {
	var c Cookies
	r := httptest.NewRequest(http.MethodGet, "/wait", nil)
	r.Header.Set("Cookie", "anteroom-browser=AAAAAAAAAAAAAAAAAAAAAA; anteroom-browser=AAAAAAAAAAAAAAAAAAAAAQ; "+
		"anteroom-place-sale=a; anteroom-place-sale=b")
	if _, ok := c.Browser(r); ok {
		t.Error("one of two browser cookies was taken")
	}
	if proof, ok := c.place(r, "sale"); !ok || proof != "" {
		t.Errorf("two places give %q, %v, want one that is there and doesn't verify", proof, ok)
	}
}

func TestABrowserKeepsSixteenPlaces(t *testing.T) {
	var c Cookies
	r := httptest.NewRequest(http.MethodGet, "/wait", nil)
	for i := range 17 {
		r.AddCookie(&http.Cookie{Name: "anteroom-place-r" + string(rune('a'+i)), Value: "x"})
	}
	cleared := 0
	for _, cookie := range sent(t, func(w http.ResponseWriter) { c.setPlace(w, r, "sale", "proof") }) {
		if cookie.MaxAge < 0 {
			cleared++
		}
	}
	if cleared != 2 {
		t.Errorf("%d of 17 older places were dropped, want 2", cleared)
	}
}
