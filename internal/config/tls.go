package config

import (
	"crypto/tls"
	"crypto/x509"
)

// readTLS reads the certificate and the key that the keys below path name, and
// sees that they belong together. Whether they have expired is left to the
// server: a certificate that is too old still says what is meant.
func (l *loader) readTLS(path string, t *TLS) {
	cert, hasCert := l.secret(path+".cert_file", &t.CertFile, false)
	key, hasKey := l.secret(path+".key_file", &t.KeyFile, false)
	if l.broken[path+".cert_file"] || l.broken[path+".key_file"] {
		return
	}
	if hasCert != hasKey {
		l.fault(path, "needs both cert_file and key_file")
		return
	}
	if !hasCert {
		return
	}
	if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err != nil {
		l.fault(path, "does not name a certificate and its key: %v", err)
		return
	}
	t.Cert, t.Key = NewSecret(cert), NewSecret(key)
}

// readAuthorities reads the certificates of the authorities that vouch for the store.
func (l *loader) readAuthorities(s *Store) {
	text, ok := l.secret("store.ca_file", &s.CAFile, false)
	if !ok {
		return
	}
	s.Authorities = x509.NewCertPool()
	if !s.Authorities.AppendCertsFromPEM([]byte(text)) {
		l.fault("store.ca_file", "holds no certificate in PEM")
	}
}
