package albsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// shardSize is how many characters of the session one cookie holds.
	//
	// Assumption: AWS says shards of 4 K.
	shardSize = 4093
	// maxShards is how many cookies a session may take: 16 K, says AWS.
	maxShards = 4
	// cookieLife is what the cookies' Expires says, whatever SessionTimeout is.
	cookieLife = 7 * 24 * time.Hour
)

// errNoSession says that a request has no session cookie.
var errNoSession = errors.New("no session cookie")

// session is what the session cookies hold.
type session struct {
	Claims             json.RawMessage `json:"claims"` // of userinfo, as they came
	Subject            string          `json:"sub"`
	AccessToken        string          `json:"at"`
	AccessTokenExpires time.Time       `json:"at_exp"`
	RefreshToken       string          `json:"rt,omitempty"`
	Start              time.Time       `json:"session_start"`
}

func (lb *LoadBalancer) shardName(i int) string {
	return lb.config.SessionCookieName + "-" + strconv.Itoa(i)
}

// setSession puts a session in as many cookies as it takes.
func (lb *LoadBalancer) setSession(w http.ResponseWriter, s session) error {
	sealed, err := lb.seal(s)
	if err != nil {
		return err
	}
	if len(sealed) > maxShards*shardSize {
		return refuse(http.StatusInternalServerError, AuthUserinfoResponseSizeExceeded, "the session takes %d bytes", len(sealed))
	}
	for i := 0; sealed != ""; i++ {
		size := min(shardSize, len(sealed))
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // SameSite=None is what the real one sets.
			Name: lb.shardName(i), Value: sealed[:size], Path: "/", Expires: lb.config.Now().Add(cookieLife),
			Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode,
		})
		sealed = sealed[size:]
	}
	return nil
}

// session returns the session that a request shows, however old.
func (lb *LoadBalancer) session(r *http.Request) (session, error) {
	var sealed strings.Builder
	for i := range maxShards {
		shard, err := r.Cookie(lb.shardName(i))
		if err != nil {
			break
		}
		sealed.WriteString(shard.Value)
	}
	var s session
	if sealed.Len() == 0 {
		return s, errNoSession
	}
	return s, lb.open(sealed.String(), &s)
}
