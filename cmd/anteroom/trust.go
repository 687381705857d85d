package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"time"
)

// httpsTimeout bounds a request over HTTPS.
const httpsTimeout = 15 * time.Second

// trusting returns a client that trusts certificates in PEM beside those of the
// system, and expects a server of that name, or of its URL's if name is empty.
func trusting(certificates []byte, name string) (*http.Client, error) {
	settings, err := trustingTLS(certificates, name)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, ForceAttemptHTTP2: true},
		Timeout:   httpsTimeout,
	}, nil
}

// trustingTLS returns the settings of such a client.
func trustingTLS(certificates []byte, name string) (*tls.Config, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // A machine without any of its own.
	}
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, errors.New("there is no certificate in it")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: name}, nil
}

// nameIn returns a name that a certificate is good for. The listener may be
// reached at an address that is not in its certificate, and here the certificate
// itself is at hand, to say whom to expect.
func nameIn(certificate []byte) string {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return ""
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return ""
	case len(leaf.DNSNames) > 0:
		// RFC 6125 §6.4.3: a wildcard stands for any one label.
		return strings.Replace(leaf.DNSNames[0], "*.", "any.", 1)
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return ""
}
