package load

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
)

// A party is the relying party of all visitors. What it has to remember of a login it
// makes again when it needs it, so that waiting visitors take no memory for it.
type party struct {
	options *Options
	key     [32]byte
}

func newParty(o *Options) *party {
	p := &party{options: o}
	_, _ = rand.Read(p.key[:]) // crypto/rand.Read never fails.
	return p
}

// secret returns what a login keeps under a name: its state, nonce or verifier.
func (p *party) secret(v *visitor, name string) string {
	mac := hmac.New(sha256.New, p.key[:])
	fmt.Fprintf(mac, "%s %d %d", name, v.number, v.login)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// request returns the query of a visitor's authorization request.
func (p *party) request(v *visitor) string {
	// RFC 7636 §4.2: the challenge is the verifier's hash.
	challenge := sha256.Sum256([]byte(p.secret(v, "verifier")))
	return url.Values{
		"response_type": {"code"}, "client_id": {p.options.Client}, "redirect_uri": {p.options.RedirectURI}, "scope": {p.options.Scope},
		"state": {p.secret(v, "state")}, "nonce": {p.secret(v, "nonce")},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

// returns reports whether an address is the redirect URI, and the parameters that it
// got.
func (p *party) returns(address string) (url.Values, bool) {
	there, query, _ := strings.Cut(address, "?")
	registered, own, _ := strings.Cut(p.options.RedirectURI, "?")
	if there != registered || !strings.HasPrefix(query, own) {
		return nil, false
	}
	values, err := url.ParseQuery(query)
	return values, err == nil
}

// A visit is what a visitor on the site holds.
type visit struct {
	access, refresh, id string
	code                string
	expires             time.Duration // When the access token does, at the earliest.
}

// tokens is the answer of /token.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	ExpiresIn    int64  `json:"expires_in"`
}

// claims is what is read of an ID token. Its signature is the business of the tests;
// here it came from the issuer itself (OpenID Connect Core 1.0 §3.1.3.7, 6).
type claims struct {
	Nonce    string `json:"nonce"`
	AuthTime int64  `json:"auth_time"`
	Position int64  `json:"queue_position"`
}

// back brings the browser back to the relying party, which redeems the code.
func (r *run) back(ctx context.Context, v *visitor, a *answer, values url.Values) {
	code := values.Get("code")
	if values.Get("state") != r.party.secret(v, "state") {
		r.malformed(v, a, "the way back to the relying party has the state of another login")
		r.ends(v, failed)
		return
	}
	if code == "" {
		r.ends(v, failed)
		return
	}
	p := r.placeOf(v)
	p.Entries = append(p.Entries, audit.Entry{Span: a.span})
	entry := &p.Entries[len(p.Entries)-1]
	a, got := r.redeem(ctx, v, entry, kindToken, code)
	if got == nil {
		// Whatever became of the code, the visitor is admitted: a new login is
		// answered at once.
		v.rounds++
		v.stage = stageLogin
		r.later(v, a)
		return
	}
	r.enters(ctx, v, a, entry, got, code)
}

// redeem offers a code, and returns the tokens or nil.
func (r *run) redeem(ctx context.Context, v *visitor, entry *audit.Entry, k kind, code string) (*answer, *tokens) {
	q := request{kind: k, method: http.MethodPost, path: "/token", form: url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r.options.RedirectURI}, "code_verifier": {r.party.secret(v, "verifier")},
	}}
	if k == kindReplay {
		q.fine = []int{http.StatusBadRequest} // RFC 6749 §5.2: invalid_grant.
	}
	a := r.authenticated(ctx, q)
	attempt := audit.Redemption{Span: a.span}
	var got *tokens
	switch a.status {
	case http.StatusOK:
		attempt.Outcome = audit.Done
		r.witness.answers.Add(1)
		got = &tokens{}
		if err := json.Unmarshal(a.body, got); err != nil || got.AccessToken == "" || got.IDToken == "" {
			r.malformed(v, a, "the answer of /token is not the JSON that it should be")
			got = nil
		} else {
			attempt.Admitted = r.admittedAt(v, a, got.IDToken)
		}
	case http.StatusBadRequest, http.StatusUnauthorized:
		attempt.Outcome = audit.Refused
	}
	entry.Redemptions = append(entry.Redemptions, attempt)
	return a, got
}

// authenticated sends a request of the relying party, which authenticates.
func (r *run) authenticated(ctx context.Context, q request) *answer {
	if r.options.Secret != "" {
		q.basic = [2]string{r.options.Client, r.options.Secret}
	} else {
		q.form.Set("client_id", r.options.Client)
	}
	return r.wire.send(ctx, q)
}

// admittedAt reads an ID token, and returns the time of admission in seconds.
func (r *run) admittedAt(v *visitor, a *answer, token string) int64 {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		r.malformed(v, a, "the ID token is no JWT")
		return 0
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &c)
	}
	if err != nil {
		r.malformed(v, a, "the ID token is no JWT")
		return 0
	}
	if c.Nonce != r.party.secret(v, "nonce") {
		r.malformed(v, a, "the ID token has the nonce of another login")
	}
	r.shown(v, c.Position, a)
	return c.AuthTime
}

// enters has a visitor enter the site.
func (r *run) enters(ctx context.Context, v *visitor, a *answer, entry *audit.Entry, got *tokens, code string) {
	now := r.clock.now()
	v.visit = &visit{
		access: got.AccessToken, refresh: got.RefreshToken, id: got.IDToken, code: code,
		expires: a.span.Invoked + time.Duration(got.ExpiresIn)*time.Second,
	}
	v.place.Visit.Alive = a.span
	v.rounds, v.failures, v.query = 0, 0, ""
	if v.fate != waiting {
		r.next(v, stageStay, 0)
		return
	}
	r.tally.move(waiting, onSite)
	v.fate = onSite
	r.meter.admitted(now, now-v.arrived)
	v.leaves = Never
	if v.stay < Never-now {
		v.leaves = now + v.stay
	}
	if v.replay {
		// It ends the tokens of that login, never the visit; so another login follows.
		v.replay = false
		if _, twice := r.redeem(ctx, v, entry, kindReplay, code); twice == nil {
			r.next(v, stageLogin, 0)
			return
		}
	}
	r.next(v, stageStay, 0)
}

// stay looks whether the visit is alive, and ends it when the visitor has had enough.
func (r *run) stay(ctx context.Context, v *visitor) {
	a := r.wire.send(ctx, request{kind: kindUserinfo, due: v.due, path: "/userinfo", token: v.visit.access, fine: []int{http.StatusUnauthorized}})
	switch a.status {
	case http.StatusOK:
		v.failures = 0
		v.place.Visit.Alive = a.span
	case http.StatusUnauthorized:
		if a.span.Completed < v.visit.expires {
			v.place.Visit.Forgotten = append(v.place.Visit.Forgotten, a.span)
		}
		// The relying party sends the browser to log in again, which is silent
		// while the visit lives.
		v.rounds++
		r.next(v, stageLogin, 0)
		return
	default:
		r.later(v, a)
		return
	}
	if r.clock.now() >= v.leaves {
		r.leave(ctx, v)
		return
	}
	if v.refresh && v.visit.refresh != "" {
		v.refresh = false
		r.renew(ctx, v)
	}
	r.next(v, stageStay, min(look, v.leaves-r.clock.now(), max(v.visit.expires-r.clock.now(), 0)/2+minPoll))
}

// renew uses the refresh token.
func (r *run) renew(ctx context.Context, v *visitor) {
	a := r.authenticated(ctx, request{kind: kindRefresh, method: http.MethodPost, path: "/token", form: url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {v.visit.refresh},
	}})
	var got tokens
	switch {
	case a.status == http.StatusBadRequest && a.span.Completed < v.visit.expires:
		v.place.Visit.Forgotten = append(v.place.Visit.Forgotten, a.span)
	case a.status != http.StatusOK: // The token may be used up; the access token is good as before.
		v.visit.refresh = ""
	case json.Unmarshal(a.body, &got) != nil || got.AccessToken == "":
		r.malformed(v, a, "the answer to a refresh token is not the JSON that it should be")
	default:
		v.place.Visit.Alive = a.span
		v.visit.access, v.visit.refresh = got.AccessToken, got.RefreshToken
		v.visit.expires = a.span.Invoked + time.Duration(got.ExpiresIn)*time.Second
	}
}

// leave logs the visitor out.
func (r *run) leave(ctx context.Context, v *visitor) {
	query := url.Values{"id_token_hint": {v.visit.id}}
	a := r.wire.send(ctx, request{kind: kindLogout, path: "/logout?" + query.Encode(), browser: v.number, cookies: v.cookies})
	stays := v.place.Visit
	stays.Asked, stays.End = true, a.span
	// That the session cookie is taken back shows that the visit has ended.
	if v.cookies.find("anteroom-session") != "" && v.cookies.with(a.header).find("anteroom-session") == "" {
		stays.Ended = audit.Done
	}
	v.place.Visit = stays
	r.keep(v, a)
	v.visit = nil
	if v.returns && stays.Ended == audit.Done {
		r.next(v, stageReturn, minPoll)
		return
	}
	r.ends(v, left)
}

// comeAgain tries to get in with a place whose visit has ended. It takes no new place.
func (r *run) comeAgain(ctx context.Context, v *visitor) {
	v.login++
	a := r.wire.send(ctx, request{kind: kindAuthorize, due: v.due, path: "/authorize?" + r.party.request(v), browser: v.number, cookies: v.cookies})
	path, ok := r.wire.local(a.header.Get("Location"))
	if ok && strings.HasPrefix(path, "/wait?") {
		a = r.wire.send(ctx, request{kind: kindPage, path: path, browser: v.number, cookies: v.cookies})
	}
	if values, ok := r.party.returns(a.header.Get("Location")); ok && values.Get("code") != "" {
		v.place.Entries = append(v.place.Entries, audit.Entry{Span: a.span})
	}
	r.ends(v, left)
}
