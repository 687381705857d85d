package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
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
)

// A dialog is requests of which each depends on the answer to the one before.
type dialog interface {
	// next returns the request after an answer, nil when there is none to be
	// sent. The first answer is nil.
	next(answer []byte) (request []byte, err error)
}

// site is where the browsers think that they are, over TLS.
var site = &url.URL{Scheme: "https", Host: host, Path: "/"}

// newBrowsers returns the cookie jars of browsers that have never been here.
func newBrowsers(n int) ([]http.CookieJar, error) {
	all := make([]http.CookieJar, n)
	for i := range all {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		all[i] = jar
	}
	return all, nil
}

// A login is the dialog of one browser and its relying party, up to userinfo. A
// browser that is admitted gets its code from /authorize, any other from /wait.
type login struct {
	jar      http.CookieJar
	claims   bool // It ends with the code, unredeemed.
	verifier string
	hear     func(*http.Response) (*http.Request, error) // What to do with the next answer.
}

// next implements dialog.
func (l *login) next(answer []byte) ([]byte, error) {
	request, err := l.request(answer)
	if err != nil || request == nil {
		return nil, err
	}
	var b bytes.Buffer
	request.Host = host
	err = request.Write(&b)
	return b.Bytes(), err
}

func (l *login) request(answer []byte) (*http.Request, error) {
	if answer == nil {
		return l.authorize()
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // It lies in memory.
	return l.hear(response)
}

// authorize starts the login.
func (l *login) authorize() (*http.Request, error) {
	l.verifier = rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(l.verifier))
	return l.browse("/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {walker}, "redirect_uri": {redirectURI}, "scope": {"openid"}, "state": {rand.Text()},
		"nonce": {rand.Text()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
}

// browse asks for a path as the browser does.
func (l *login) browse(path string) (*http.Request, error) {
	request, err := http.NewRequest(http.MethodGet, path, http.NoBody) //nolint:noctx // It is only written down.
	if err != nil {
		return nil, err
	}
	for _, cookie := range l.jar.Cookies(site) {
		request.AddCookie(cookie)
	}
	l.hear = l.follow
	return request, nil
}

// follow follows a redirect, to the waiting page or back with a code.
func (l *login) follow(response *http.Response) (*http.Request, error) {
	l.jar.SetCookies(site, response.Cookies())
	to, err := url.Parse(response.Header.Get("Location"))
	switch {
	case err != nil:
		return nil, err
	case strings.HasPrefix(to.Path, "/wait"):
		return l.browse(to.RequestURI())
	case response.StatusCode == http.StatusOK:
		return nil, errors.New("the waiting room shows a page instead of letting a browser in: on a busy machine its door holds back those who come at once")
	case to.Query().Get("code") == "":
		return nil, fmt.Errorf("the waiting room answers %s and sends a browser to %q instead of back with a code", response.Status, to)
	}
	if l.claims {
		return nil, nil
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {walker}, "code": {to.Query().Get("code")},
		"redirect_uri": {redirectURI}, "code_verifier": {l.verifier},
	}
	request, err := http.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode())) //nolint:noctx // It is only written down.
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	l.hear = l.granted
	return request, nil
}

// granted takes the tokens and asks for userinfo.
func (l *login) granted(response *http.Response) (*http.Request, error) {
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&tokens); err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodGet, "/userinfo", http.NoBody) //nolint:noctx // It is only written down.
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	l.hear = l.welcomed
	return request, nil
}

// welcomed ends the login.
func (l *login) welcomed(response *http.Response) (*http.Request, error) {
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("userinfo answers %s %q", response.Status, body)
	}
	return nil, nil
}
