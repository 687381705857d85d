package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

// newCertificate writes a new certificate for localhost and its key into a
// directory, and returns what trusts it.
func newCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(cert)
	return trusted
}

// startSecure runs a server whose two listeners speak HTTPS.
func startSecure(t *testing.T, dir string) *server.Server {
	t.Helper()
	c, err := config.Parse([]byte(`
issuer: https://localhost
listen: "127.0.0.1:0"
tls: {cert_file: cert.pem, key_file: key.pem}
management: {listen: "127.0.0.1:0", tls: {cert_file: cert.pem, key_file: key.pem}}
store: {url: "memory:"}
rooms: [{id: sale}]
`), dir, []string{"ANTEROOM_MANAGEMENT_TOKEN=" + token, "ANTEROOM_SECRET=" + strings.Repeat("m", 32)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// seen is what a visitor sees of an answer.
type seen struct {
	status, major int
	strict        string // Strict-Transport-Security.
}

// visit asks for the health of a side over a connection of its own.
func visit(ctx context.Context, address string, settings *tls.Config) (seen, error) {
	settings.ServerName = "localhost"
	transport := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s/healthz", address), nil)
	if err != nil {
		return seen{}, err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return seen{}, err
	}
	return seen{answer.StatusCode, answer.ProtoMajor, answer.Header.Get("Strict-Transport-Security")}, answer.Body.Close()
}

func TestTheMetricsTellUntilWhenCertificatesAreValid(t *testing.T) {
	dir := t.TempDir()
	trusted := newCertificate(t, dir)
	s := startSecure(t, dir)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.ManagementAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"public", "management"} {
		_, after, ok := strings.Cut(string(text), `anteroom_certificate_expiry_timestamp_seconds{side="`+side+`"} `)
		value, _, _ := strings.Cut(after, "\n")
		until, err := strconv.ParseFloat(value, 64)
		if left := time.Until(time.Unix(int64(until), 0)); !ok || err != nil || left < 59*time.Minute || left > time.Hour {
			t.Errorf("the %s certificate is said to be valid for %v (%q)", side, left, value)
		}
	}
}

func TestBothSidesSpeakHTTPSWithTheirCertificate(t *testing.T) {
	dir := t.TempDir()
	trusted := newCertificate(t, dir)
	s := startSecure(t, dir)
	for _, side := range []struct{ name, address, strict string }{
		{"public", s.PublicAddr().String(), "max-age=31536000"},
		{"management", s.ManagementAddr().String(), ""},
	} {
		answer, err := visit(t.Context(), side.address, &tls.Config{RootCAs: trusted})
		if err != nil {
			t.Fatalf("%s: %v", side.name, err)
		}
		if want := (seen{http.StatusOK, 2, side.strict}); answer != want {
			t.Errorf("%s: got %+v, want %+v", side.name, answer, want)
		}
		old := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		if _, err := visit(t.Context(), side.address, old); err == nil {
			t.Errorf("%s: TLS 1.1 was accepted", side.name)
		}
	}
}

// Renewal must need no restart.
func TestARenewedCertificateIsServedByTheRunningServer(t *testing.T) {
	dir := t.TempDir()
	before := newCertificate(t, dir)
	s := startSecure(t, dir)
	if _, err := visit(t.Context(), s.PublicAddr().String(), &tls.Config{RootCAs: before}); err != nil {
		t.Fatal(err)
	}
	after := newCertificate(t, dir)
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := visit(t.Context(), s.PublicAddr().String(), &tls.Config{RootCAs: after})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not served: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if _, err := visit(t.Context(), s.PublicAddr().String(), &tls.Config{RootCAs: before}); err == nil {
		t.Error("the old certificate is still served")
	}
}

func TestPlainHTTPPromisesNoHTTPS(t *testing.T) {
	b := newSite(t, "memory:", "{kind: open}").browser()
	if got := b.get("/healthz").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("Strict-Transport-Security: got %q, want none", got)
	}
}
