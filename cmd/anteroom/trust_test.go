package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
)

// The name that a command expects must be one that the certificate is good for,
// or it could not talk to its own server.
func TestTheNameInACertificateIsOneItIsGoodFor(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range []x509.Certificate{
		{DNSNames: []string{"wait.example.com", "localhost"}},
		{DNSNames: []string{"*.example.com"}},
		{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}},
		{IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}},
	} {
		template.SerialNumber = big.NewInt(1)
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		name := nameIn(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		if err := leaf.VerifyHostname(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, text := range []string{"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if name := nameIn([]byte(text)); name != "" {
			t.Errorf("%q: got %q, want no name", text, name)
		}
	}
}
