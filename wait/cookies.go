package wait

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

const (
	cookieAge = 30 * 24 * time.Hour
	// maxPlaces is how many rooms' places a browser keeps.
	maxPlaces   = 16
	browserSize = 16
	sessionSize = 32
)

// base64URL is the encoding of random bytes in cookies. Being strict, it takes no
// other spelling of them than its own.
var base64URL = base64.RawURLEncoding.Strict()

// Cookies reads and writes the browser's cookies.
type Cookies struct {
	// Secure is true for an https issuer: the names get the prefix __Host-,
	// which a browser accepts only from this host and over TLS. An http issuer
	// is for loopback, where browsers would refuse the prefix.
	Secure bool
}

func (c Cookies) name(kind, room string) string {
	name := "anteroom-" + kind
	if room != "" {
		name += "-" + room
	}
	if c.Secure {
		return "__Host-" + name
	}
	return name
}

func (c Cookies) set(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, c.cookie(name, value, int(cookieAge/time.Second)))
}

func (c Cookies) clear(w http.ResponseWriter, name string) {
	http.SetCookie(w, c.cookie(name, "", -1))
}

func (c Cookies) cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is off for an issuer on loopback alone.
		Name: name, Value: value, MaxAge: age, Path: "/",
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// find returns the value of a cookie, and how many there are of that name. It
// finds what [http.Request.CookiesNamed] finds, and leaves the header where it
// is, because every poll comes by. Of several no value is returned: somebody may
// have planted the other.
func (c Cookies) find(r *http.Request, kind, room string) (value string, n int) {
	for _, line := range r.Header["Cookie"] {
		for rest, more := line, true; more; {
			var pair string
			pair, rest, more = strings.Cut(rest, ";")
			name, v, _ := strings.Cut(textproto.TrimString(pair), "=")
			if !c.names(textproto.TrimString(name), kind, room) {
				continue
			}
			if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
				v = v[1 : len(v)-1]
			}
			if isCookieValue(v) {
				value, n = v, n+1
			}
		}
	}
	if n > 1 {
		value = ""
	}
	return value, n
}

// isCookieValue reports whether net/http takes a cookie with this value.
func isCookieValue(value string) bool {
	for i := range len(value) {
		if b := value[i]; b < ' ' || b >= 0x7f || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// names reports whether name is c.name(kind, room).
func (c Cookies) names(name, kind, room string) bool {
	name, secure := strings.CutPrefix(name, "__Host-")
	if secure != c.Secure {
		return false
	}
	name, ok := strings.CutPrefix(name, "anteroom-")
	if !ok {
		return false
	}
	if room != "" {
		if name, ok = strings.CutSuffix(name, room); !ok {
			return false
		}
		if name, ok = strings.CutSuffix(name, "-"); !ok {
			return false
		}
	}
	return name == kind
}

// secret reads a cookie that holds random bytes into b.
func (c Cookies) secret(r *http.Request, kind, room string, b []byte) bool {
	value, n := c.find(r, kind, room)
	if n != 1 || len(value) != base64URL.EncodedLen(len(b)) {
		return false
	}
	n, err := base64URL.Decode(b, []byte(value))
	return err == nil && n == len(b)
}

// Browser identifies a browser by a hash of its browser cookie.
type Browser [16]byte

func browserOf(secret []byte) Browser {
	sum := sha256.Sum256(secret)
	return Browser(sum[:16])
}

// Browser returns the identity of the browser that sent r, if it returned a
// browser cookie.
func (c Cookies) Browser(r *http.Request) (Browser, bool) {
	var secret [browserSize]byte
	if !c.secret(r, "browser", "", secret[:]) {
		return Browser{}, false
	}
	return browserOf(secret[:]), true
}

// GreetBrowser returns the identity of the browser that sent r, and gives it
// one if it has none.
func (c Cookies) GreetBrowser(w http.ResponseWriter, r *http.Request) Browser {
	if b, ok := c.Browser(r); ok {
		return b
	}
	secret := make([]byte, browserSize)
	_, _ = rand.Read(secret) // crypto/rand.Read never fails.
	c.set(w, c.name("browser", ""), base64URL.EncodeToString(secret))
	return browserOf(secret)
}

// place returns a room's place proof, unverified. Of several with one name none
// can be told to be the browser's own, and what is returned verifies as none:
// a place must not be lost silently.
func (c Cookies) place(r *http.Request, room string) (proof string, ok bool) {
	proof, n := c.find(r, "place", room)
	return proof, n > 0
}

// setPlace stores a room's place proof. A browser that keeps too many rooms'
// places loses the first of the others.
func (c Cookies) setPlace(w http.ResponseWriter, r *http.Request, room, proof string) {
	prefix, own := c.name("place", "")+"-", c.name("place", room)
	var others []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, prefix) && cookie.Name != own {
			others = append(others, cookie.Name)
		}
	}
	for ; len(others) >= maxPlaces; others = others[1:] {
		c.clear(w, others[0])
	}
	c.set(w, own, proof)
}

// holder returns the hash of a room's session cookie.
func (c Cookies) holder(r *http.Request, room string) ([32]byte, bool) {
	var secret [sessionSize]byte
	if !c.secret(r, "session", room, secret[:]) {
		return [32]byte{}, false
	}
	return sha256.Sum256(secret[:]), true
}

// newHolder returns a fresh session cookie's value and its hash.
func newHolder() (value string, hash [32]byte) {
	secret := make([]byte, sessionSize)
	_, _ = rand.Read(secret) // crypto/rand.Read never fails.
	return base64URL.EncodeToString(secret), sha256.Sum256(secret)
}

func (c Cookies) setSession(w http.ResponseWriter, room, value string) {
	c.set(w, c.name("session", room), value)
}

// ClearSession removes a room's session cookie.
func (c Cookies) ClearSession(w http.ResponseWriter, room string) {
	c.clear(w, c.name("session", room))
}
