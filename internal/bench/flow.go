package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// walkRoom lets everybody in at once, and walker is its relying party.
	walkRoom = "walk"
	walker   = "walker"
	// flowWarmUp and flows are how many logins a run makes, walkers at a time.
	flowWarmUp = 50
	flows      = 400
	walkers    = 4
	// flowRate is how many logins begin a second: fewer than half of what a core
	// can sign, above which the door would hold visitors back.
	flowRate = 300
	// signatures are how many the yardstick of a run consists of.
	signatures = 200
	flowBound  = 0.25 // Signatures beyond the one that a login needs.
)

// measureFlow measures whole logins: /authorize, /wait, /token, /userinfo. Each
// needs one signature; what the server does beyond it is counted in signatures.
func measureFlow(ctx context.Context, l *lab) (lines []line, err error) {
	server, err := l.newServer("flow", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	if err := walk(ctx, server.address, flowWarmUp); err != nil {
		return nil, err
	}
	var beyond, logins, each []float64
	for range l.runs {
		signature, err := timeSignature(key)
		if err != nil {
			return nil, err
		}
		before, err := server.cpu()
		if err != nil {
			return nil, err
		}
		if err := walk(ctx, server.address, flows); err != nil {
			return nil, err
		}
		after, err := server.cpu()
		if err != nil {
			return nil, err
		}
		login := float64(after-before) / flows
		logins, each = append(logins, login/1e3), append(each, float64(signature)/1e3)
		beyond = append(beyond, (login-float64(signature))/float64(signature))
	}
	sum := summarize(beyond)
	return []line{{
		what: "login: CPU beyond its one signature",
		measured: fmt.Sprintf("%.2f signatures (a login %.0f µs, a signature %.0f µs)",
			sum.median, summarize(logins).median, summarize(each).median),
		spread: fmt.Sprintf("%.2f–%.2f", sum.lowest, sum.highest),
		bound:  fmt.Sprintf("≤ %.2f signatures", flowBound), verdict: judge(sum.median <= flowBound),
	}}, nil
}

// timeSignature returns what one RS256 signature takes on this machine.
func timeSignature(key *rsa.PrivateKey) (time.Duration, error) {
	digest := sha256.Sum256([]byte("a token"))
	begin := time.Now()
	for range signatures {
		if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
			return 0, err
		}
	}
	return time.Since(begin) / signatures, nil
}

// walk makes n logins of as many browsers, some of them at a time.
func walk(ctx context.Context, address string, n int) error {
	transport := &http.Transport{MaxIdleConnsPerHost: walkers}
	defer transport.CloseIdleConnections()
	pace := time.NewTicker(time.Second / flowRate)
	defer pace.Stop()
	failures := make([]error, walkers)
	var all sync.WaitGroup
	for i := range walkers {
		all.Go(func() {
			for range n / walkers {
				<-pace.C
				if failures[i] = login(ctx, transport, address); failures[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// login lets one new browser log in and its relying party ask for userinfo.
func login(ctx context.Context, transport http.RoundTripper, address string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {walker}, "redirect_uri": {redirectURI}, "scope": {"openid"}, "state": {rand.Text()},
		"nonce": {rand.Text()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	way := "/authorize?" + query.Encode()
	for range 2 { // To the waiting page, and from there back with a code.
		answer, err := fetch(ctx, browser, jar, address, http.MethodGet, way, nil, "")
		if err != nil {
			return err
		}
		way = strings.TrimPrefix(answer.header.Get("Location"), "https://"+host)
	}
	back, err := url.Parse(way)
	if err != nil || back.Query().Get("code") == "" {
		return fmt.Errorf("the waiting room sent a browser to %q instead of back with a code", way)
	}
	granted, err := fetch(ctx, browser, nil, address, http.MethodPost, "/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {walker}, "code": {back.Query().Get("code")},
		"redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}, "")
	if err != nil {
		return err
	}
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(granted.body, &tokens); err != nil {
		return err
	}
	answer, err := fetch(ctx, browser, nil, address, http.MethodGet, "/userinfo", nil, tokens.AccessToken)
	if err == nil && answer.status != http.StatusOK {
		err = fmt.Errorf("userinfo answers %d", answer.status)
	}
	return err
}

// fetch sends one request to the server under its public name, over which cookies
// are kept although there is no TLS here.
func fetch(ctx context.Context, browser *http.Client, jar http.CookieJar, address, method, path string, form url.Values, token string) (loaded, error) {
	site := &url.URL{Scheme: "https", Host: host, Path: "/"}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(form.Encode()))
	if err != nil {
		return loaded{}, err
	}
	request.Host = host
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if jar != nil {
		for _, cookie := range jar.Cookies(site) {
			request.AddCookie(cookie)
		}
	}
	response, err := browser.Do(request)
	if err != nil {
		return loaded{}, err
	}
	defer response.Body.Close() //nolint:errcheck // Read to its end.
	if jar != nil {
		jar.SetCookies(site, response.Cookies())
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	return loaded{response.StatusCode, response.Header, body}, err
}
