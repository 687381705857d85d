//go:build e2e

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An authority issues certificates that one test trusts and nobody else does.
// Relying parties that demand https are tested with it.
type authority struct {
	// File holds the authority's certificate as PEM, for programs that are told
	// by a path whom to trust (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, --cacert).
	File string
	// Pool holds the same, for clients in this process.
	Pool *x509.CertPool

	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority makes an authority whose files go with the test.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serialNumber(t), Subject: pkix.Name{CommonName: "Authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a := &authority{t: t, key: newKey(t), Pool: x509.NewCertPool()}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.certificate, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.Pool.AddCert(a.certificate)
	a.File = filepath.Join(t.TempDir(), "authority.pem")
	writePEM(t, a.File, "CERTIFICATE", der)
	return a
}

// Issue returns the PEM files of a new certificate for hosts, which are names or
// IP addresses, and of its key.
func (a *authority) Issue(hosts ...string) (certificate, key string) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: serialNumber(a.t), Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	private := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	writePEM(a.t, certificate, "CERTIFICATE", der)
	writePEM(a.t, key, "PRIVATE KEY", pkcs8)
	return certificate, key
}

// Listening returns the settings of a server in this process that stands on
// hosts, such as the TLS field of an httptest.Server.
func (a *authority) Listening(hosts ...string) *tls.Config {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(hosts...))
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

// Transport returns a transport that trusts the authority and nobody else.
func (a *authority) Transport() *http.Transport {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: a.Pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	a.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serialNumber(t *testing.T) *big.Int {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestServerSpeaksHTTPSWithACertificateOfTheAuthority(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := startSecureServer(t, a, "127.0.0.2", "rooms: [{id: sale, inlet: {kind: open}}]\n")
	client := &http.Client{Transport: a.Transport(), Timeout: actionLimit}
	resp, err := client.Get(s.Issuer + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got status %d, want 200", resp.StatusCode)
	}
	stranger := &http.Client{Transport: newAuthority(t).Transport(), Timeout: actionLimit}
	if resp, err := stranger.Get(s.Issuer + "/healthz"); err == nil {
		resp.Body.Close()
		t.Error("a client that trusts another authority got an answer")
	}
}
