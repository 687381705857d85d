package oidc_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"github.com/anteroom-dev/anteroom/oidc"
)

// secrets derives keys by HMAC; the newest secret comes first.
type secrets []string

func (s secrets) Derive(label string, size int, info ...string) [][]byte {
	var keys [][]byte
	for _, secret := range s {
		mac := hmac.New(sha256.New, []byte(secret))
		for _, part := range append([]string{label}, info...) {
			mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
			mac.Write([]byte(part))
		}
		keys = append(keys, mac.Sum(nil)[:size])
	}
	return keys
}

// signer is a key ring with one real key. While it is off, there is no key yet.
type signer struct {
	key jose.JSONWebKey
	off atomic.Bool
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newSigner() *signer {
	return &signer{key: jose.JSONWebKey{Key: testKey(), KeyID: "key-1", Algorithm: "RS256", Use: "sig"}}
}

func (s *signer) Sign(_ context.Context, algorithm jose.SignatureAlgorithm, typ string, payload []byte) (string, error) {
	if s.off.Load() {
		return "", errors.New("not ready")
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	signing, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: s.key}, options)
	if err != nil {
		return "", err
	}
	jws, err := signing.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

func (s *signer) Public() jose.JSONWebKeySet {
	if s.off.Load() {
		return jose.JSONWebKeySet{}
	}
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}}
}

func (s *signer) Verify(typ, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	if jws.Signatures[0].Header.ExtraHeaders[jose.HeaderType] != typ {
		return nil, errors.New("another type")
	}
	return jws.Verify(s.key.Public())
}

// pages renders what the real pages hold, in a form that tests can read.
type pages struct{}

func (pages) Problem(w http.ResponseWriter, _ *http.Request, status int, problem oidc.Problem) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "problem %s: %s", problem.Code, problem.Explanation)
}

func (pages) FormPost(w http.ResponseWriter, _ *http.Request, action string, fields []oidc.Field) {
	form(w, "formpost", action, fields)
}

func (pages) ConfirmLogout(w http.ResponseWriter, _ *http.Request, action string, fields []oidc.Field) {
	form(w, "confirm logout", action, fields)
}

func (pages) LoggedOut(w http.ResponseWriter, _ *http.Request, next string) {
	fmt.Fprintf(w, "logged out, next %q", next)
}

func form(w io.Writer, title, action string, fields []oidc.Field) {
	fmt.Fprintf(w, "%s<form action=\"%s\">", title, html.EscapeString(action))
	for _, f := range fields {
		fmt.Fprintf(w, `<input name="%s" value="%s">`, html.EscapeString(f.Name), html.EscapeString(f.Value))
	}
}

var (
	actionPattern = regexp.MustCompile(`<form action="([^"]*)">`)
	inputPattern  = regexp.MustCompile(`<input name="([^"]*)" value="([^"]*)">`)
)

// readForm reads back what form wrote.
func readForm(body string) (action string, values url.Values) {
	if m := actionPattern.FindStringSubmatch(body); m != nil {
		action = html.UnescapeString(m[1])
	}
	values = url.Values{}
	for _, m := range inputPattern.FindAllStringSubmatch(body, -1) {
		values.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return action, values
}
