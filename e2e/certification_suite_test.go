//go:build e2e

package e2e_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// The suite's own addresses, where nobody has to listen: its browser stops
	// before them.
	suiteOrigin       = "https://127.0.0.1:8443"
	suiteCallback     = suiteOrigin + "/test/a/anteroom/callback"
	suiteLogoutReturn = suiteOrigin + "/test/a/anteroom/post_logout_redirect"
)

// A suiteClient is a client as the suite is configured with it.
type suiteClient struct {
	id, secret string
	inBody     bool // client_secret_post
}

// The clients of the suite. Their secrets are longer than 32 bytes and must be
// escaped in every encoding.
var (
	firstClient  = suiteClient{id: "conformance-1", secret: "one+one/=%41 is two: 0123456789abcdef"}
	secondClient = suiteClient{id: "conformance-2", secret: "two+two/=%42 is four: 0123456789abcdef"}
	postClient   = suiteClient{id: "conformance-post", secret: "by+post/=%43&form=is: 0123456789abcdef", inBody: true}
)

// A suite is the certification suite, before a server of its own.
type suite struct {
	server    *server
	transport *http.Transport
	formPost  bool // of the plan for form_post
	live      bool // the room has a line, in which a browser waits
}

// newSuite starts a server over https, with a room that lets everybody in at
// once, or with one in which each visitor waits to be served.
func newSuite(t *testing.T, live, formPost bool) *suite {
	t.Helper()
	inlet := "open"
	if live {
		inlet = "manual"
	}
	config := fmt.Sprintf("rooms: [{id: sale, name: Spring sale, inlet: {kind: %s}}]\nclients:\n", inlet)
	for _, c := range []suiteClient{firstClient, secondClient, postClient} {
		config += fmt.Sprintf("  - {id: %s, room: sale, secret_sha256: \"%x\", redirect_uris: [%q], post_logout_redirect_uris: [%q], claims: {}, queue_position: false}\n",
			c.id, sha256.Sum256([]byte(c.secret)), suiteCallback, suiteLogoutReturn)
	}
	ca := newAuthority(t)
	return &suite{server: startSecureServer(t, ca, "127.0.0.2", config), transport: ca.Transport(), live: live, formPost: formPost}
}

// A module is one of the suite's test modules while it runs. What the suite
// calls a FAILURE fails the test at once; what it calls a WARNING is gathered.
type module struct {
	*testing.T
	suite    *suite
	browser  *scriptedBrowser
	metadata map[string]any
	keys     jose.JSONWebKeySet

	loggedIn bool     // somebody has logged in
	warnings []string // what was warned of
	skipped  bool     // the provider says that it doesn't do what is tested
	pages    int      // pages of which the suite keeps a picture
}

// newModule begins a module: with an empty cookie jar, and with the checks of
// the discovery document and the keys that all modules make.
func (s *suite) newModule(t *testing.T) *module {
	m := &module{T: t, suite: s}
	m.browser = newScriptedBrowser(s.server.Issuer, s.transport, func() { s.server.Serve(1) })
	m.discover()
	return m
}

// Warn notes a WARNING of the suite by a name.
func (m *module) Warn(name string) { m.warnings = append(m.warnings, name) }

// Result is the word by which the suite closes the module.
func (m *module) Result() string {
	switch {
	case m.skipped:
		return resultSkipped
	case len(m.warnings) > 0:
		return resultWarning
	case m.pages > 0:
		return resultReview
	default:
		return resultPassed
	}
}

// endpoint returns an endpoint that the discovery document names.
func (m *module) endpoint(name string) string {
	m.Helper()
	endpoint, ok := m.metadata[name].(string)
	if !ok || endpoint == "" {
		m.Fatalf("the discovery document has no %s", name)
	}
	return endpoint
}

// supports reports whether a list in the discovery document has a value.
func (m *module) supports(list, value string) bool {
	values, _ := m.metadata[list].([]any)
	return slices.Contains(values, any(value))
}

// request returns the suite's authorization request with changes, which are
// pairs of a name and a value; an empty value takes the parameter away.
func (m *module) request(c suiteClient, changes ...string) url.Values {
	params := url.Values{
		"client_id": {c.id}, "redirect_uri": {suiteCallback}, "response_type": {"code"}, "scope": {"openid"},
		"nonce": {rand.Text()[:10]}, "state": {rand.Text()[:10]},
	}
	if m.suite.formPost {
		params.Set("response_mode", "form_post")
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			params.Del(changes[i])
			continue
		}
		params.Set(changes[i], changes[i+1])
	}
	return params
}

// ask sends an authorization request, its parameters in alphabetical order.
func (m *module) ask(params url.Values) landing {
	m.Helper()
	return m.arrives(m.browser.Goes(m.endpoint("authorization_endpoint") + "?" + params.Encode()))
}

// arrives fails the module if the browser arrived nowhere.
func (m *module) arrives(at landing, err error) landing {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
	return at
}

// code returns the code of a landing at the client.
func (m *module) code(params url.Values, at landing) string {
	m.Helper()
	values := m.checkBack(params, at)
	if values.Has("error") || values.Get("code") == "" {
		m.Fatalf("the callback has no code: %v", values)
	}
	m.checkNames(values, "code", "state", "session_state", "iss")
	code := values.Get("code")
	// OIDCC-3.1.3.2 and RFC 6749 §10.10: codes can't be guessed.
	if len(code)*8 < 128 || entropy(code) <= 96 {
		m.Errorf("the code has %d bytes and %.0f bits of entropy", len(code), entropy(code))
	}
	return code
}

// fault returns the error code of a landing at the client.
func (m *module) fault(params url.Values, at landing) string {
	m.Helper()
	values := m.checkBack(params, at)
	if values.Get("error") == "" || values.Has("code") {
		m.Fatalf("the callback has no error, or a code: %v", values)
	}
	m.checkNames(values, "error", "error_description", "error_uri", "state", "session_state", "iss")
	description := values.Get("error_description")
	if strings.ContainsAny(description, "\r\n\t") {
		m.Warn("control characters in error_description")
	}
	// RFC 6749 §4.1.2.1 has these characters alone.
	if !regexp.MustCompile(`^[\x20-\x21\x23-\x5b\x5d-\x7e]*$`).MatchString(description) {
		m.Errorf("error_description has illegal characters: %q", description)
	}
	if uri := values.Get("error_uri"); !regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]*$`).MatchString(uri) {
		m.Errorf("error_uri has illegal characters: %q", uri)
	}
	return values.Get("error")
}

// checkBack checks what holds for every answer to a client, and returns its
// values.
func (m *module) checkBack(params url.Values, at landing) url.Values {
	m.Helper()
	if at.back == nil {
		m.Fatalf("the browser stays at %s with status %d: %s", at.page.from.Path, at.page.status, at.page.body)
	}
	back := at.back
	query := back.url.Query()
	if bare, _, _ := strings.Cut(back.url.String(), "?"); bare != suiteCallback || strings.Contains(back.url.String(), "#") {
		m.Fatalf("the answer goes to %s", back.url)
	}
	if m.suite.formPost && (back.method != http.MethodPost || query.Has("code") || query.Has("error")) {
		m.Fatalf("response_mode=form_post is answered by %s %s", back.method, back.url)
	}
	if !m.suite.formPost && back.method != http.MethodGet {
		m.Fatalf("the answer comes by %s", back.method)
	}
	for name, values := range back.values {
		if len(values) != 1 {
			m.Errorf("%s comes %d times", name, len(values))
		}
	}
	if got := back.values.Get("state"); got != params.Get("state") || back.values.Has("state") != params.Has("state") {
		m.Errorf("state is %q, want %q", got, params.Get("state"))
	}
	// RFC 9207 §2.4.
	if back.values.Has("iss") && back.values.Get("iss") != m.suite.server.Issuer {
		m.Errorf("iss is %q", back.values.Get("iss"))
	}
	return back.values
}

// checkNames warns of parameters that the client didn't expect.
func (m *module) checkNames(values url.Values, known ...string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, name) {
			m.Warn("unexpected callback parameter " + name)
		}
	}
}

// staysOnPage checks that the browser was shown an HTML page and sent nowhere:
// the suite keeps a picture of it for the reviewer.
func (m *module) staysOnPage(at landing) reply {
	m.Helper()
	if at.back != nil {
		m.Fatalf("the browser is sent to %s, want a page", at.back.url)
	}
	page := at.page
	if kind := page.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") || page.status >= http.StatusInternalServerError {
		m.Errorf("the page has type %q and status %d", kind, page.status)
	}
	if !strings.Contains(page.body, "<h1>") {
		m.Errorf("the page has no heading: %s", page.body)
	}
	m.pages++
	return page
}

// confirms presses the button of the page on which a visitor logs in again, and
// returns where that leads.
func (m *module) confirms(at landing) landing {
	m.Helper()
	return m.arrives(m.browser.Presses(m.staysOnPage(at)))
}

// entropy is the suite's measure: Shannon's, by how often each character comes,
// for the whole string, in bits.
func entropy(s string) float64 {
	counts := make(map[rune]float64)
	for _, c := range s {
		counts[c]++
	}
	bits := 0.0
	for _, n := range counts {
		bits -= n * math.Log2(n/float64(len(s)))
	}
	return bits
}

// asJSON decodes a JSON object, or fails the module.
func (m *module) asJSON(got reply) map[string]any {
	m.Helper()
	if kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";"); kind != "application/json" {
		m.Fatalf("%s answers %d with type %q", got.from.Path, got.status, kind)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(got.body), &object); err != nil || len(object) == 0 {
		m.Fatalf("%s answers no JSON object: %v: %s", got.from.Path, err, got.body)
	}
	return object
}

// call sends a request of the client's server, without cookies.
func (m *module) call(r *http.Request) reply {
	m.Helper()
	got, err := answers(&http.Client{Transport: m.suite.transport, Timeout: actionLimit}, r)
	if err != nil {
		m.Fatal(err)
	}
	return got
}

// form makes a POST of a form.
func (m *module) form(address string, values url.Values) *http.Request {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// get makes a GET.
func (m *module) get(address string) *http.Request {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodGet, address, nil)
	if err != nil {
		m.Fatal(err)
	}
	return r
}

// pause lets time pass where a module says how much.
func pause(d time.Duration) { time.Sleep(d) }
