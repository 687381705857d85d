package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
)

// TestEachBrowserWalksTheWholeWay lets browsers log in at a server that does
// nothing but count, first by its waiting page and then by their cookie.
func TestEachBrowserWalksTheWholeWay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the generator needs Linux")
	}
	var waited, redeemed, welcomed atomic.Int64
	back := func(w http.ResponseWriter) {
		w.Header().Set("Location", redirectURI+"?code=c")
		w.WriteHeader(http.StatusSeeOther)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("place"); err == nil {
			back(w)
			return
		}
		http.Redirect(w, r, "/wait?login=x", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, _ *http.Request) {
		waited.Add(1)
		http.SetCookie(w, &http.Cookie{Name: "place", Value: "1", Secure: true})
		back(w)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("code") == "c" && len(r.FormValue("code_verifier")) >= 43 {
			redeemed.Add(1)
		}
		fmt.Fprint(w, `{"access_token":"t"}`)
	})
	mux.HandleFunc("GET /userinfo", func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer t" {
			welcomed.Add(1)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	g, err := dial(t.Context(), 7, "", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	all, err := newBrowsers(20)
	if err != nil {
		t.Fatal(err)
	}
	const some = 20
	for range 2 {
		begun := 0
		err := g.hold(some, func() dialog {
			begun++
			return &login{jar: all[begun-1]}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if waited.Load() != some || redeemed.Load() != 2*some || welcomed.Load() != 2*some {
		t.Errorf("%d waited, %d redeemed a code, %d were welcomed, want %d, %d, %d", waited.Load(), redeemed.Load(), welcomed.Load(), some, 2*some, 2*some)
	}
	if err := g.close(); err != nil {
		t.Error(err)
	}
}
