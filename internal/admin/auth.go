package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
)

// Auth lets a request through to next if it carries one of the tokens as
// "Authorization: Bearer", and answers 401 otherwise. Tokens are given as their
// SHA-256; without any, nothing gets through. A token in the query is not
// looked at, since addresses end up in logs.
func Auth(tokens [][sha256.Size]byte, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, given := bearer(r)
		if given && known(tokens, token) {
			next.ServeHTTP(w, r)
			return
		}
		// RFC 6750 §3: a challenge has a parameter, and says what was wrong
		// only to those who tried.
		challenge := `Bearer realm="anteroom"`
		if given {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		fail(w, http.StatusUnauthorized, "a valid admin token is required")
	})
}

// bearer returns the token of a request.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	// RFC 9110 §11.1: the scheme's case doesn't matter.
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(token, " "), true
}

// known reports whether token is one of tokens. Hashes are compared, all of
// them and each to its end, so that time tells nothing about any.
func known(tokens [][sha256.Size]byte, token string) bool {
	hash := sha256.Sum256([]byte(token))
	found := 0
	for i := range tokens {
		found |= subtle.ConstantTimeCompare(hash[:], tokens[i][:])
	}
	return found == 1
}

// answer sends v as JSON. What an operator sees is never kept by a cache.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // The types of this package always marshal.
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An error here means that the caller has gone.
	_, _ = w.Write(body)
}

// problem is the body of every error.
type problem struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, text string) {
	answer(w, status, problem{Error: text})
}
