package oidc_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/anteroom-dev/anteroom/oidc"
)

// FuzzAuthorize holds against all queries: no panic, never a redirect to
// anything but the waiting page or a registered URI, never a 5xx.
func FuzzAuthorize(f *testing.F) {
	for _, params := range []url.Values{
		request(),
		request("response_mode", "form_post", "prompt", "none"),
		request("max_age", "0", "code_challenge", challenge, "code_challenge_method", "S256"),
		request("redirect_uri", queryURI),
		request("redirect_uri", "https://evil.example.com/"),
		request("state", "\r\nSet-Cookie: x=y"),
	} {
		f.Add(params.Encode(), "")
	}
	f.Add("client_id=shop&redirect_uri="+url.QueryEscape(shopURI)+"&client_id=other", "document")
	f.Add("pending=AAAA", "iframe")
	f.Add(request("request", b64(`{"alg":"none"}`)+"."+b64(`{"response_mode":"form_post"}`)+".").Encode(), "")
	w := newWorld(f)
	router := mux.NewRouter()
	w.provider.Mount(router)
	var registered []string
	for _, client := range testClients() {
		registered = append(registered, client.RedirectURIs...)
	}
	f.Fuzz(func(t *testing.T, query, dest string) {
		for _, r := range []*http.Request{
			{Method: http.MethodGet, URL: &url.URL{Path: "/line/authorize", RawQuery: query}, Header: http.Header{"Sec-Fetch-Dest": {dest}}},
			httptest.NewRequest(http.MethodPost, "/line/authorize", strings.NewReader(query)),
		} {
			if r.Method == http.MethodPost {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			recorder := httptest.NewRecorder()
			router.ServeHTTP(recorder, r)
			location := recorder.Header().Get("Location")
			target, _, _ := strings.Cut(location, "&code=")
			target, _, _ = strings.Cut(target, "&error=")
			switch {
			case recorder.Code >= 500:
				t.Errorf("status %d for %q", recorder.Code, query)
			case strings.ContainsAny(location, "\r\n"):
				t.Errorf("location %q for %q", location, query)
			case location == "", strings.HasPrefix(location, "/line/wait?login="), strings.HasPrefix(location, "/line/authorize?pending="):
			case slices.Contains(registered, target), slices.Contains(registered, strings.SplitN(location, "?", 2)[0]):
			default:
				t.Errorf("location %q for %q", location, query)
			}
			if action, _ := readForm(recorder.Body.String()); action != "" && !slices.Contains(registered, action) {
				t.Errorf("form to %q for %q", action, query)
			}
		}
	})
}

// FuzzSealedLogin holds against all seals and all contents: no panic, and what
// opens seals to an equal login again.
func FuzzSealedLogin(f *testing.F) {
	w := newWorld(f)
	w.open.Store(false)
	for _, params := range []url.Values{
		request(),
		request("prompt", "login", "max_age", "7", "response_mode", "form_post", "scope", "offline_access"),
		request("state", "\xff\x00", "code_challenge", challenge, "code_challenge_method", "S256"),
		request("state", strings.Repeat("s", 8<<10)),
	} {
		seal := w.newBrowser().sealed(params)
		login, err := w.provider.OpenLogin(f.Context(), seal)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seal, w.provider.EncodeLogin(login))
	}
	f.Fuzz(func(t *testing.T, seal string, content []byte) {
		if login, err := w.provider.OpenLogin(t.Context(), seal); err == nil {
			w.provider.Reseal(t, login)
		}
		w.provider.PeekAgrees(t, seal)
		w.provider.DecodeLogin(t, content)
	})
}

// FuzzTokens holds against all tokens: no panic, nothing made up opens, and what
// a token says survives sealing.
func FuzzTokens(f *testing.F) {
	w := newWorld(f)
	tokens := w.exchange(w.newBrowser().login(request("scope", "openid offline_access")))
	// The seeds are good tokens, though of another installation.
	provider := w.newProvider(secrets{"this installation"})
	const subject = "01234567-89ab-cdef-0123-456789abcdef"
	f.Add(tokens.AccessToken, subject, int64(0), uint64(1), uint32(1), true)
	f.Add(w.newBrowser().tokensOf("api").AccessToken, subject, int64(0), uint64(1), uint32(1), true)
	f.Add("a.b.c", subject, int64(0), uint64(1), uint32(1), true)
	f.Add(tokens.RefreshToken, subject, int64(1)<<48-1, uint64(1)<<63, uint32(1)<<31, false)
	f.Add("", "not a UUID", int64(-1), uint64(0), uint32(0), false)
	f.Add("AAAA", strings.ToUpper(subject), int64(1)<<48, uint64(0), uint32(0), false)
	f.Fuzz(func(t *testing.T, token, subject string, generation int64, grant uint64, number uint32, offline bool) {
		if access, refresh := provider.Tokens(token); access == nil || refresh == nil {
			t.Errorf("%q opens", token)
		}
		provider.RoundTrip(t, subject, generation, grant, number, offline)
	})
}

// FuzzCodePayload holds against all that may lie in a store: no panic, and what
// is accepted encodes to the same again.
func FuzzCodePayload(f *testing.F) {
	f.Add([]byte("\x01\x00\x00"))
	f.Add([]byte("\x01\x02\x05nonce"))
	f.Add([]byte("\x01\x80\x05nonce0123456789abcdef"))
	f.Add([]byte("\x01\x80\x00short"))
	f.Add([]byte("\x02\x00\x00"))
	f.Fuzz(oidc.DecodeCodePayload)
}

// FuzzBasic holds against all headers: no panic, and credentials that are raw
// or form-encoded are found.
func FuzzBasic(f *testing.F) {
	f.Add("Basic c2hvcDpzZWNyZXQ=", "secret")
	f.Add("basic %", shopSecret)
	f.Add("Basic Og==", "%zz+ %")
	f.Add("Bearer x", "\x00:\xff")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, header, secret string) {
		w.provider.ParseBasic(header)
		for _, spelling := range []string{secret, url.QueryEscape(secret)} {
			header := "Basic " + base64.StdEncoding.EncodeToString([]byte("shop:"+spelling))
			id, secrets, ok := w.provider.ParseBasic(header)
			// Longer headers are refused.
			if !ok && len(header) < 64<<10 || ok && (id != "shop" || secret != "" && !slices.Contains(secrets, secret)) {
				t.Errorf("%q from %q: %q, %q, %v", secret, spelling, id, secrets, ok)
			}
		}
	})
}
