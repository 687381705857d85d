package wait

import (
	"net/http"
	"testing"
)

// FuzzCookies checks that reading the header in place finds what net/http finds.
func FuzzCookies(f *testing.F) {
	const own = "__Host-anteroom-place-a-b"
	for _, header := range []string{
		"", own, own + "=", own + "=v", " " + own + " =v ; x=y", "x=y;" + own + `="v"`, own + `="`, own + `=""`, own + "=a=b",
		own + "=1; " + own + "=2", own + "=v\x7f", own + "=\xff", own + `=a\b`, own + "= v",
		"anteroom-place-a-b=v", "__Host-" + own + "=v", "__Host-anteroom-place-b=v", "__Host-anteroom-place=v; __Host-anteroom-place-=v",
	} {
		f.Add(header, "")
		f.Add("x=y", header)
	}
	c := Cookies{Secure: true}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{Header: http.Header{"Cookie": {first, second}}}
		if len(first)+len(second) > 1024 {
			t.Skip("net/http ignores all cookies if there are thousands")
		}
		for _, cookie := range []struct{ kind, room string }{{"place", "a-b"}, {"place", "b"}, {"browser", ""}, {"place", ""}} {
			found := r.CookiesNamed(c.name(cookie.kind, cookie.room))
			value, n := c.find(r, cookie.kind, cookie.room)
			if n != len(found) {
				t.Fatalf("%s of %q: found %d, net/http finds %d", cookie.kind, cookie.room, n, len(found))
			}
			if n == 1 && value != found[0].Value || n != 1 && value != "" {
				t.Fatalf("%s of %q: got %q, want %+v", cookie.kind, cookie.room, value, found)
			}
		}
	})
}
