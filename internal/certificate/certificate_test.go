package certificate_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anteroom-dev/anteroom/internal/certificate"
)

// now is when tests begin.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// issue returns a certificate of the given name and its key, in PEM.
func issue(t *testing.T, name string, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// files is a pair with its files, its clock and its log.
type files struct {
	*testing.T
	cert, key string
	clock     atomic.Pointer[time.Time] // Read by the watcher's goroutine, too.
	log       bytes.Buffer
	pair      *certificate.Pair
}

func open(t *testing.T, until time.Time) *files {
	t.Helper()
	dir := t.TempDir()
	f := &files{T: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	start := now
	f.clock.Store(&start)
	cert, key := issue(t, "first", until)
	f.write(f.cert, cert)
	f.write(f.key, key)
	pair, err := certificate.Open(certificate.Options{
		Name: "public", CertFile: f.cert, KeyFile: f.key, Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
		Now: func() time.Time { return *f.clock.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.pair = pair
	return f
}

// turn turns the clock.
func (f *files) turn(d time.Duration) {
	turned := f.clock.Load().Add(d)
	f.clock.Store(&turned)
}

func (f *files) write(path string, data []byte) {
	f.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		f.Fatal(err)
	}
}

// replace writes a file beside and puts it in place at once.
func (f *files) replace(path string, data []byte) {
	f.Helper()
	f.write(path+".new", data)
	if err := os.Rename(path+".new", path); err != nil {
		f.Fatal(err)
	}
}

// shown returns the name in the certificate of a handshake, after the pause
// between two looks at the files.
func (f *files) shown() string {
	f.Helper()
	f.turn(time.Second)
	return f.handshake()
}

func (f *files) handshake() string {
	f.Helper()
	got, err := f.pair.TLS().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		f.Fatal(err)
	}
	return got.Leaf.Subject.CommonName
}

func (f *files) expect(want string) {
	f.Helper()
	if got := f.shown(); got != want {
		f.Errorf("certificate: got %s, want %s; log: %s", got, want, &f.log)
	}
}

func TestARenewedPairIsTakenOver(t *testing.T) {
	f := open(t, now.AddDate(1, 0, 0))
	f.expect("first")
	cert, key := issue(t, "second", now.AddDate(2, 0, 0))
	f.replace(f.cert, cert)
	f.replace(f.key, key)
	f.expect("second")
	if !strings.Contains(f.log.String(), `msg="certificate loaded" side=public`) {
		t.Errorf("log: %s", &f.log)
	}
}

// A tool that writes in place leaves half a file, and then a pair that doesn't
// fit, for a moment.
func TestHalfWrittenFilesChangeNothing(t *testing.T) {
	f := open(t, now.AddDate(1, 0, 0))
	cert, key := issue(t, "second", now.AddDate(2, 0, 0))
	for _, step := range []struct {
		path string
		data []byte
		want string
	}{
		{f.cert, nil, "first"},
		{f.cert, cert[:len(cert)/2], "first"},
		{f.cert, cert, "first"},
		{f.key, key[:len(key)/2], "first"},
		{f.key, key, "second"},
	} {
		f.write(step.path, step.data)
		f.expect(step.want)
	}
	if got := strings.Count(f.log.String(), "level=WARN"); got != 1 {
		t.Errorf("the log has %d warnings, want 1: %s", got, &f.log)
	}
}

func TestABrokenPairKeepsTheOldOneAndIsLoggedOnce(t *testing.T) {
	other, otherKey := issue(t, "second", now.AddDate(1, 0, 0))
	expired, expiredKey := issue(t, "second", now.AddDate(0, 0, -1))
	for _, test := range []struct {
		name      string
		cert, key []byte
		want      string
	}{
		{"a certificate without its key", other, nil, "private key does not match"},
		{"a key without its certificate", nil, otherKey, "private key does not match"},
		{"an expired certificate", expired, expiredKey, "the certificate has expired"},
		{"no PEM at all", []byte("certificate"), nil, "failed to find any PEM data"},
		{"a file that is far too long", bytes.Repeat(other, 1000), nil, "is larger than 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := open(t, now.AddDate(1, 0, 0))
			if test.cert != nil {
				f.replace(f.cert, test.cert)
			}
			if test.key != nil {
				f.replace(f.key, test.key)
			}
			f.expect("first")
			f.expect("first")
			if got := f.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) {
				t.Errorf("log: got %s, want one line with %s", got, test.want)
			}
			f.replace(f.cert, other)
			f.replace(f.key, otherKey)
			f.expect("second")
		})
	}
}

func TestAMissingFileKeepsTheOldPair(t *testing.T) {
	f := open(t, now.AddDate(1, 0, 0))
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	f.expect("first")
}

// A crowd's handshakes must not become as many reads of the disk.
func TestHandshakesLookAtTheFilesOnceASecond(t *testing.T) {
	f := open(t, now.AddDate(1, 0, 0))
	f.expect("first")
	cert, key := issue(t, "second", now.AddDate(1, 0, 0))
	f.replace(f.cert, cert)
	f.replace(f.key, key)
	f.turn(999 * time.Millisecond)
	if got := f.handshake(); got != "first" {
		t.Errorf("within the second: got %s, want first", got)
	}
	f.turn(time.Millisecond)
	if got := f.handshake(); got != "second" {
		t.Errorf("after the second: got %s, want second", got)
	}
}

func TestWatchNeedsNoHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, now.AddDate(1, 0, 0))
		ctx, cancel := context.WithCancel(t.Context())
		go f.pair.Watch(ctx)
		cert, key := issue(t, "second", now.AddDate(1, 0, 0))
		f.replace(f.cert, cert)
		f.replace(f.key, key)
		f.turn(time.Minute)
		time.Sleep(5 * time.Second) // Of the bubble, which takes no time.
		synctest.Wait()
		cancel()
		if got := f.handshake(); got != "second" { // The clock stands: no look at the files.
			t.Errorf("certificate: got %s, want second", got)
		}
	})
}

func TestOpenRefusesWhatCannotServe(t *testing.T) {
	dir := t.TempDir()
	cert, _ := issue(t, "first", now.AddDate(1, 0, 0))
	_, key := issue(t, "second", now.AddDate(1, 0, 0))
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, data := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []certificate.Options{
		{CertFile: certFile, KeyFile: keyFile},
		{CertFile: certFile, KeyFile: filepath.Join(dir, "missing")},
		{CertFile: filepath.Join(dir, "missing"), KeyFile: keyFile},
	} {
		if _, err := certificate.Open(o); err == nil || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s with %s: got %v, want an error that shows no key", o.CertFile, o.KeyFile, err)
		}
	}
}

func TestAnExpiredCertificateIsServedAtTheStart(t *testing.T) {
	f := open(t, now.AddDate(0, 0, -1))
	f.expect("first")
	if !strings.Contains(f.log.String(), "the certificate has expired") {
		t.Errorf("log: got %s, want a warning", &f.log)
	}
}

// Renewal that has stopped working must not go unnoticed until somebody calls.
func TestACertificateThatRunsOutIsLoggedOnce(t *testing.T) {
	f := open(t, now.Add(time.Hour))
	f.expect("first")
	f.turn(2 * time.Hour)
	f.expect("first")
	f.expect("first")
	if got := strings.Count(f.log.String(), "the certificate has expired"); got != 1 {
		t.Errorf("the log says so %d times, want once: %s", got, &f.log)
	}
	cert, key := issue(t, "second", now.AddDate(1, 0, 0))
	f.replace(f.cert, cert)
	f.replace(f.key, key)
	f.expect("second")
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	f := open(t, now.AddDate(1, 0, 0))
	for version, accepted := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		inside, outside := net.Pipe()
		go func() {
			defer inside.Close()
			_ = tls.Server(inside, f.pair.TLS()).HandshakeContext(t.Context()) // The client's view is tested.
		}()
		client := tls.Client(outside, &tls.Config{
			MinVersion: version, MaxVersion: version,
			InsecureSkipVerify: true, // The version is tested, not the name.
		})
		if err := client.HandshakeContext(t.Context()); (err == nil) != accepted {
			t.Errorf("%s: got %v, want accepted %t", tls.VersionName(version), err, accepted)
		}
		outside.Close()
	}
}
