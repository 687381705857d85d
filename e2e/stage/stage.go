package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

const (
	// Issuer is the issuer of the server on the stage.
	Issuer = "https://" + issuerHost

	issuerHost    = "wait.example.com"
	operatorToken = "operatorOperatorOperator"
	masterSecret  = "masterMasterMasterMasterMasterMa"
)

// Stage is a server, the sites that were added to it, and a clock.
type Stage struct {
	tb        testing.TB
	ahead     atomic.Int64 // how far the clock was turned
	authority *authority
	dir       string
	settings  string
	server    *server.Server

	mu    sync.Mutex
	hosts map[string]string // "shop.example.com:443" to the address that answers
}

// Hash returns a secret as the configuration's secret_sha256 wants it.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Start runs a server until the test ends. The settings are the part of its
// configuration that matters to the test: rooms and clients, in YAML.
func Start(tb testing.TB, settings string) *Stage {
	tb.Helper()
	s := &Stage{tb: tb, dir: tb.TempDir(), settings: settings, hosts: make(map[string]string)}
	var err error
	if s.authority, err = newAuthority(); err != nil {
		tb.Fatal(err)
	}
	if err := s.authority.write(s.dir, issuerHost); err != nil {
		tb.Fatal(err)
	}
	s.run()
	tb.Cleanup(s.Stop)
	return s
}

func (s *Stage) run() {
	s.tb.Helper()
	c, err := config.Parse([]byte(fmt.Sprintf(`
issuer: %s
listen: "127.0.0.1:0"
tls: {cert_file: cert.pem, key_file: key.pem}
management: {listen: "127.0.0.1:0"}
store: {url: "memory:"}
`, Issuer)+s.settings), s.dir, []string{"ANTEROOM_MANAGEMENT_TOKEN=" + operatorToken, "ANTEROOM_SECRET=" + masterSecret})
	if err != nil {
		s.tb.Fatal(err)
	}
	s.server, err = server.New(server.Options{
		Config: c, Now: s.Now, Logger: slog.New(slog.NewTextHandler(s.tb.Output(), nil)),
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := s.server.Start(context.Background()); err != nil {
		s.tb.Fatal(err)
	}
	s.resolve(issuerHost, s.server.PublicAddr())
	s.until("ready", func() bool { return s.operate(http.MethodGet, "/readyz", "", nil) == http.StatusOK })
}

// Stop stops the server, before the end of the test if that is to be tried.
func (s *Stage) Stop() {
	if err := s.server.Stop(context.Background()); err != nil {
		s.tb.Error(err)
	}
}

// Host puts a site on the stage, under a name of its own.
func (s *Stage) Host(name string, site http.Handler) {
	s.tb.Helper()
	certificate, err := s.authority.certify(name)
	if err != nil {
		s.tb.Fatal(err)
	}
	host := httptest.NewUnstartedServer(site)
	host.TLS = serverTLS(certificate)
	host.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(s.tb.Output(), nil), slog.LevelDebug)
	host.StartTLS()
	s.tb.Cleanup(host.Close)
	s.resolve(name, host.Listener.Addr())
}

func (s *Stage) resolve(name string, address net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[net.JoinHostPort(name, "443")] = address.String()
}

// dial connects to a site by its name.
func (s *Stage) dial(ctx context.Context, network, name string) (net.Conn, error) {
	s.mu.Lock()
	address, ok := s.hosts[name]
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("nothing listens on %s on the stage", name)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Transport returns a transport that reaches all names on the stage.
func (s *Stage) Transport() *http.Transport {
	transport := &http.Transport{DialContext: s.dial, TLSClientConfig: s.authority.clientTLS()}
	s.tb.Cleanup(transport.CloseIdleConnections)
	return transport
}

// Client returns a client as sites use it among themselves: without cookies, and
// without following redirects.
func (s *Stage) Client() *http.Client {
	return &http.Client{Transport: s.Transport(), CheckRedirect: stay}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Now is the time on the stage.
func (s *Stage) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// Turn turns the clock ahead and waits until the server has noticed.
func (s *Stage) Turn(d time.Duration) {
	s.tb.Helper()
	s.ahead.Add(int64(d))
	turned := s.Now()
	s.until("aware of the time", func() bool {
		var all struct {
			Rooms []struct{ Now time.Time }
		}
		s.operate(http.MethodGet, "/admin/api/rooms", "", &all)
		for _, room := range all.Rooms {
			if room.Now.Before(turned) {
				return false
			}
		}
		return true
	})
}

// Serve lets n more visitors of a room in.
func (s *Stage) Serve(room string, n int) {
	s.tb.Helper()
	body := fmt.Sprintf(`{"event_id":%q,"increment_by":%d}`, room, n)
	if status := s.operate(http.MethodPost, "/private/increment_serving_counter", body, nil); status != http.StatusOK {
		s.tb.Fatalf("serving %d more answers %d", n, status)
	}
}

// Dealt returns how many places of a room were dealt.
func (s *Stage) Dealt(room string) int64 {
	s.tb.Helper()
	var state struct {
		Dealt int64 `json:"dealt"`
	}
	if status := s.operate(http.MethodGet, "/admin/api/rooms/"+room, "", &state); status != http.StatusOK {
		s.tb.Fatalf("the state of the room answers %d", status)
	}
	return state.Dealt
}

// RotateKeys turns the signing keys at once, so that the next token has another
// kid.
func (s *Stage) RotateKeys() {
	s.tb.Helper()
	if status := s.operate(http.MethodPost, "/admin/api/keys/rotate", `{"purpose":"oidc","now":true}`, nil); status != http.StatusOK {
		s.tb.Fatalf("rotating the keys answers %d", status)
	}
}

// operate calls the management listener and decodes its answer into out.
func (s *Stage) operate(method, path, body string, out any) (status int) {
	s.tb.Helper()
	target := "http://" + s.server.ManagementAddr().String() + path
	r, err := http.NewRequestWithContext(s.tb.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // Read to its end, or not wanted.
	if out != nil {
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			s.tb.Fatal(err)
		}
	}
	return answer.StatusCode
}

// until waits for what the server does by itself.
func (s *Stage) until(what string, done func() bool) {
	s.tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(deadline) {
			s.tb.Fatalf("the server is still not %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
