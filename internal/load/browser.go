package load

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/internal/load/audit"
	"github.com/anteroom-dev/anteroom/waitingroom"
)

// authorize starts a login, as a browser does that the relying party has sent.
func (r *run) authorize(ctx context.Context, v *visitor) {
	if v.rounds > maxRounds {
		r.ends(v, failed)
		return
	}
	v.login++
	a := r.wire.send(ctx, request{kind: kindAuthorize, due: v.due, path: "/authorize?" + r.party.request(v), browser: v.number, cookies: v.cookies})
	r.leads(ctx, v, a)
}

// page loads the waiting page, which lets a visitor enter whose turn it is.
func (r *run) page(ctx context.Context, v *visitor) {
	q := request{kind: kindPage, due: v.due, path: "/wait?" + v.query, browser: v.number, cookies: v.cookies}
	if v.served {
		q.kind = kindEnter
	}
	r.leads(ctx, v, r.wire.send(ctx, q))
}

// leads follows an answer to a navigation: it is a page, or the way to another.
func (r *run) leads(ctx context.Context, v *visitor, a *answer) {
	r.keep(v, a)
	switch a.status {
	case http.StatusFound, http.StatusSeeOther:
		r.follow(ctx, v, a)
	case http.StatusOK:
		r.read(ctx, v, a)
	case 0, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.later(v, a)
	default:
		r.ends(v, failed)
	}
}

// keep keeps the cookies that an answer sets, and what they say of the place.
func (r *run) keep(v *visitor, a *answer) {
	if len(a.header["Set-Cookie"]) == 0 {
		return
	}
	v.cookies = v.cookies.with(a.header)
	proof, err := waitingroom.ReadProof(v.cookies.find("anteroom-place"))
	if err != nil {
		return
	}
	if p := r.placeOf(v); p.Generation == audit.AnyGeneration {
		p.Generation = proof.Generation
		r.witness.sees(proof.Generation)
	}
}

// follow goes where a redirect leads: to the waiting page, or back to the relying
// party.
func (r *run) follow(ctx context.Context, v *visitor, a *answer) {
	target := a.header.Get("Location")
	r.guard(v, a, target)
	if back, ok := r.party.returns(target); ok {
		r.back(ctx, v, a, back)
		return
	}
	v.failures = 0
	if path, ok := r.wire.local(target); ok {
		if query, ok := strings.CutPrefix(path, "/wait?"); ok {
			v.query = query
			r.next(v, stagePage, 0)
			return
		}
		r.ends(v, failed)
		return
	}
	// Elsewhere: to where the relying party starts the login afresh.
	v.rounds++
	r.tally.note(0, 1)
	r.next(v, stageLogin, 0)
}

// guard looks for secrets in a URL that the browser is sent to.
func (r *run) guard(v *visitor, a *answer, target string) {
	r.witness.urls.Add(1)
	for pair := range strings.SplitSeq(string(v.cookies), "; ") {
		if name, value, _ := strings.Cut(pair, "="); len(value) > 8 && strings.Contains(target, value) {
			r.witness.fault(audit.Fault{Invariant: "I7", Visitor: v.number, Span: a.span, Says: "a URL holds the cookie " + name})
		}
	}
	if s := r.options.Secret; s != "" && strings.Contains(target, s) {
		r.witness.fault(audit.Fault{Invariant: "I7", Visitor: v.number, Span: a.span, Says: "a URL holds the client secret"})
	}
}

// read reads a page: that of the line, or one with a button, or another.
func (r *run) read(ctx context.Context, v *visitor, a *answer) {
	v.failures = 0
	tag := mainTag(a.body)
	switch {
	case tag != nil:
		r.stand(v, a, tag)
	case hasAction(a.body, "continue"):
		// The reply to the claim got lost, and with it the session cookie.
		press := request{
			kind: kindEnter, method: http.MethodPost, path: "/wait?" + v.query, browser: v.number, cookies: v.cookies, form: url.Values{"action": {"continue"}},
		}
		r.keep(v, r.wire.send(ctx, press))
		v.failures++
		r.next(v, stagePage, minPoll)
	case hasAction(a.body, "join"):
		r.ends(v, turnedAway)
	default:
		refresh, _, _ := strings.Cut(a.header.Get("Refresh"), ";")
		seconds, err := strconv.ParseUint(strings.TrimSpace(refresh), 10, 16)
		if err != nil {
			r.ends(v, turnedAway)
			return
		}
		r.next(v, stagePage, max(time.Duration(seconds)*time.Second, minPoll))
	}
}

// stand reads how the place stands from the waiting page.
func (r *run) stand(v *visitor, a *answer, tag map[string]string) {
	r.witness.answers.Add(1)
	number := func(name string) int64 {
		n, err := strconv.ParseInt(tag[name], 10, 64)
		if err != nil || n < 0 {
			r.malformed(v, a, "the waiting page has no number as "+name)
			return 0
		}
		return n
	}
	r.shown(v, number("data-position"), a)
	if path, ok := r.wire.local(tag["data-page"]); ok {
		if query, ok := strings.CutPrefix(path, "/wait?"); ok {
			v.query = query
		}
	}
	if tag["data-state"] == string(waitingroom.StateServed) {
		r.turn(v, number("data-enter"))
		return
	}
	r.waits(v, number("data-poll"))
}

// waits has a visitor poll after the pace of the server, in milliseconds.
func (r *run) waits(v *visitor, millis int64) {
	v.pace = min(max(time.Duration(millis)*time.Millisecond, minPoll), maxPoll)
	v.served = false
	r.next(v, stagePoll, v.pace)
}

// turn has a visitor enter, once the door lets it.
func (r *run) turn(v *visitor, millis int64) {
	if v.noShow {
		r.ends(v, noShow)
		return
	}
	v.served = true
	r.next(v, stagePage, min(max(time.Duration(millis)*time.Millisecond, r.options.Reading), maxPoll))
}

// status is the answer to a poll.
type status struct {
	State      string  `json:"state"`
	Position   int64   `json:"position"`
	Serving    *int64  `json:"serving"`
	PollAfter  float64 `json:"poll_after_ms"`
	EnterAfter float64 `json:"enter_after_ms"`
}

// poll asks how the place stands.
func (r *run) poll(ctx context.Context, v *visitor) {
	a := r.wire.send(ctx, request{
		kind: kindPoll, due: v.due, path: "/wait/status?" + v.query, browser: v.number, cookies: v.cookies,
		fine: []int{http.StatusBadRequest, http.StatusUnauthorized},
	})
	var s status
	err := json.Unmarshal(a.body, &s)
	switch a.status {
	case http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized:
	default:
		r.later(v, a)
		return
	}
	r.witness.answers.Add(1)
	if err != nil || s.State == "" {
		if a.status == http.StatusOK {
			r.malformed(v, a, "the answer to a poll is not the JSON that it should be")
		}
		r.later(v, a)
		return
	}
	v.failures = 0
	r.shown(v, s.Position, a)
	if s.Serving != nil {
		r.witness.counter(*s.Serving, a.span)
	}
	switch s.State {
	case "waiting", "paused":
		r.waits(v, int64(s.PollAfter))
	case "served":
		r.turn(v, int64(s.EnterAfter))
	default:
		if s.State == "unknown" && v.place != nil {
			v.place.Losses = append(v.place.Losses, a.span)
		}
		// The server has a page for it.
		r.next(v, stagePage, 0)
	}
}

// mainTag returns the attributes of the waiting page's main element, or nil if this
// is another page.
func mainTag(page []byte) map[string]string {
	_, rest, ok := bytes.Cut(page, []byte(`<main id="waiting" `))
	if !ok {
		return nil
	}
	text, _, ok := bytes.Cut(rest, []byte(">"))
	if !ok {
		return nil
	}
	attributes := make(map[string]string)
	for _, name := range []string{"data-state", "data-page", "data-poll", "data-enter", "data-position"} {
		if _, value, ok := bytes.Cut(text, []byte(name+`="`)); ok {
			value, _, _ = bytes.Cut(value, []byte(`"`))
			attributes[name] = html.UnescapeString(string(value))
		}
	}
	return attributes
}

// hasAction reports whether a page has a button that does something.
func hasAction(page []byte, action string) bool {
	return bytes.Contains(page, []byte(`name="action" value="`+action+`"`))
}
