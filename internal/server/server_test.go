package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

const (
	issuer   = "http://wait.localhost:8080"
	callback = "http://shop.localhost/callback"
	secret   = "s3cretS3cretS3cretS3cret"
	token    = "operatorOperatorOperator"
)

// clock is the store's clock, turned by tests.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time         { return time.Now().Add(time.Duration(c.ahead.Load())) }
func hash(secret string) (sum [32]byte) { return sha256.Sum256([]byte(secret)) }

// site is a running server and what tests know of it.
type site struct {
	*testing.T
	server *server.Server
	clock  *clock
	dir    string
	text   string

	secrets []string               // The master secrets, newest first.
	log     *journal               // To be read when the server has stopped.
	public  atomic.Pointer[string] // The address of the public side; browsers dial it in the background, also while the server is restarted.
}

// journal takes the log of a server and of the one that follows it, whose
// goroutines may still be at it.
type journal struct {
	mu   sync.Mutex // Guards text.
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// newSite runs a server with one client, "shop", and one room, "sale", with the
// given inlet, in flow style.
func newSite(t *testing.T, store, inlet string) *site {
	t.Helper()
	dir := t.TempDir()
	sum := hash(secret)
	s := &site{T: t, clock: &clock{}, dir: dir, secrets: []string{strings.Repeat("m", 32)}, text: fmt.Sprintf(`
issuer: %s
listen: "127.0.0.1:0"
management: {listen: "127.0.0.1:0"}
store: {url: %q}
rooms:
  - {id: sale, name: Spring sale, inlet: %s}
  - {id: other, inlet: {kind: manual}, public_api: false}
clients:
  - {id: shop, secret_sha256: %s, room: sale, redirect_uris: [%s]}
  - {id: shop-too, secret_sha256: %s, room: sale, redirect_uris: [%s]}
  - {id: strict, secret_sha256: %s, room: sale, redirect_uris: [%s], reauth: requeue}
  - {id: forum, secret_sha256: %s, room: sale, redirect_uris: [%s], subject: browser, access_token: jwt, refresh: always}
  - {id: elsewhere, secret_sha256: %s, room: other, redirect_uris: [%s]}
`, issuer, store, inlet, hex.EncodeToString(sum[:]), callback, hex.EncodeToString(sum[:]), callback, hex.EncodeToString(sum[:]), callback, hex.EncodeToString(sum[:]), callback, hex.EncodeToString(sum[:]), callback)}
	s.text += lateClients(hex.EncodeToString(sum[:]))
	s.start()
	return s
}

// parse returns the configuration of the site.
func (s *site) parse() *config.Config {
	s.Helper()
	c, err := config.Parse([]byte(s.text), s.dir, []string{"ANTEROOM_MANAGEMENT_TOKEN=" + token, "ANTEROOM_SECRET=" + strings.Join(s.secrets, "\n")})
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *site) start() {
	s.Helper()
	s.run(server.Options{})
}

// run starts a server of the site's configuration, clock and log; o says what else
// is special about it.
func (s *site) run(o server.Options) {
	s.Helper()
	if s.log == nil {
		s.log = new(journal)
	}
	o.Config, o.Now = s.parse(), s.clock.now
	o.Logger = slog.New(slog.NewTextHandler(io.MultiWriter(s.Output(), s.log), nil))
	var err error
	if s.server, err = server.New(o); err != nil {
		s.Fatal(err)
	}
	address := s.server.PublicAddr().String()
	s.public.Store(&address)
	if err := s.server.Start(context.Background()); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(s.stop)
	s.until("ready", func() bool { return s.manage(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
}

func (s *site) stop() {
	if err := s.server.Stop(context.Background()); err != nil {
		s.Error(err)
	}
}

// until waits for what the server does by itself, such as noting a counter.
func (s *site) until(what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(deadline) {
			s.Fatalf("still not %s after 10 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// turn turns the store's clock and waits until the server has noticed.
func (s *site) turn(d time.Duration) {
	s.Helper()
	s.clock.ahead.Add(int64(d))
	turned := s.clock.now()
	s.until("aware of the time", func() bool {
		var room struct{ Now time.Time }
		s.manage(http.MethodGet, "/admin/api/rooms/sale", "", &room)
		return !room.Now.Before(turned)
	})
}

// manage calls the management listener and decodes its answer into out.
func (s *site) manage(method, path, body string, out any) (status int) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, "http://"+s.server.ManagementAddr().String()+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	if out != nil {
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			s.Fatal(err)
		}
	}
	return answer.StatusCode
}

func (s *site) serveOne() {
	s.Helper()
	if status := s.manage(http.MethodPost, "/private/increment_serving_counter", `{"event_id":"sale","increment_by":1}`, nil); status != http.StatusOK {
		s.Fatalf("serving one more answers %d", status)
	}
}

// browser is a cookie jar that reaches the server under the issuer's name and
// stops at redirects to anywhere else.
type browser struct {
	*site
	http *http.Client
	jar  *cookiejar.Jar
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	b := &browser{site: s, jar: jar}
	b.http = &http.Client{
		Jar: jar,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, *s.public.Load())
		}},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host != "wait.localhost:8080" {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	s.Cleanup(b.http.CloseIdleConnections)
	return b
}

// page is an answer that was read to its end.
type page struct {
	*http.Response
	text string
}

func (b *browser) do(method, target string, form url.Values, header http.Header) page {
	b.Helper()
	if strings.HasPrefix(target, "/") {
		target = issuer + target
	}
	r, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	maps.Copy(r.Header, header)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	return page{answer, string(body)}
}

func (b *browser) get(target string) page { return b.do(http.MethodGet, target, nil, nil) }

// login starts a login at the client and follows it as far as it goes.
func (b *browser) login(extra ...string) page {
	b.Helper()
	return b.loginOf("shop", extra...)
}

func (b *browser) loginOf(client string, extra ...string) page {
	q := url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"openid"}, "state": {"st-a/te+="},
	}
	for i := 0; i < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return b.get("/authorize?" + q.Encode())
}

// code returns the code of a page that is the way back to the client.
func (b *browser) code(p page) string {
	b.Helper()
	at, err := p.Location()
	if err != nil {
		b.Fatalf("no way back to the client: status %d\n%s", p.StatusCode, p.text)
	}
	code := at.Query().Get("code")
	if code == "" || at.Query().Get("state") != "st-a/te+=" {
		b.Fatalf("the way back is %s", at)
	}
	return code
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Error        string `json:"error"`
}

// redeem redeems a code as the client does, without cookies.
func (b *browser) redeem(client, code string) (tokens, int) {
	b.Helper()
	return b.site.browser().token(client, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}})
}

func (b *browser) token(client string, form url.Values) (tokens, int) {
	b.Helper()
	form.Set("client_id", client)
	form.Set("client_secret", secret)
	answer := b.do(http.MethodPost, "/token", form, nil)
	var got tokens
	if err := json.Unmarshal([]byte(answer.text), &got); err != nil {
		b.Fatalf("%v: %d %s", err, answer.StatusCode, answer.text)
	}
	return got, answer.StatusCode
}

// waits checks that a page is the waiting page and returns its position.
func (b *browser) waits(p page) (status statusAnswer) {
	b.Helper()
	if p.StatusCode != http.StatusOK || p.Header.Get("Refresh") == "" {
		b.Fatalf("not the waiting page: %d\n%s", p.StatusCode, p.text)
	}
	return b.poll(p)
}

type statusAnswer struct {
	status     int
	State      string
	Position   int64
	Serving    int64
	Ahead      int64
	EtaSeconds []int64 `json:"eta_seconds"`
	PollAfter  int64   `json:"poll_after_ms"`
	EnterAfter int64   `json:"enter_after_ms"`
}

func (b *browser) poll(p page) statusAnswer {
	b.Helper()
	answer := b.get("/wait/status?" + p.Request.URL.RawQuery)
	got := statusAnswer{status: answer.StatusCode}
	if err := json.Unmarshal([]byte(answer.text), &got); err != nil {
		b.Fatalf("%v: %d %s", err, answer.StatusCode, answer.text)
	}
	return got
}

func bolt(t *testing.T) string { return "bolt:" + filepath.Join(t.TempDir(), "anteroom.db") }
