package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/anteroom-dev/anteroom/internal/certificate"
	"github.com/anteroom-dev/anteroom/internal/config"
)

// strictTransport asks browsers to come by HTTPS only for a year. It speaks for
// the issuer's host alone: what lives below that name, and whether it should be in
// the browsers' own lists, is not ours to say.
const strictTransport = "max-age=31536000"

// secureBoth gives both sides their certificates, if they have any.
func (s *Server) secureBoth() error {
	watching, cancel := context.WithCancel(context.Background())
	s.atStop("stop watching certificates", func(context.Context) error {
		cancel()
		return nil
	})
	if s.config.TLS.Enabled() {
		s.public.Handler = httpsOnly(s.public.Handler)
	}
	return errors.Join(
		s.secure(watching, "public", s.public, s.config.TLS),
		s.secure(watching, "management", s.management, s.config.Management.TLS),
	)
}

// secure gives a side its certificate, if the configuration names one, and keeps
// it up to date while ctx lasts.
func (s *Server) secure(ctx context.Context, name string, side *http.Server, t config.TLS) error {
	if !t.Enabled() {
		return nil
	}
	pair, err := certificate.Open(certificate.Options{
		Name: name, CertFile: t.CertFile, KeyFile: t.KeyFile,
		Cert: []byte(t.Cert.Reveal()), Key: []byte(t.Key.Reveal()), Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("listen for the %s side: %w", name, err)
	}
	side.TLSConfig = pair.TLS()
	if t.CertFile != "" || t.KeyFile != "" {
		go pair.Watch(ctx)
	}
	return nil
}

// serve answers connections until the side is stopped: by TLS with HTTP/2 if it
// has a certificate, else in plain HTTP.
func serve(side *http.Server, socket net.Listener) error {
	if side.TLSConfig != nil {
		return side.ServeTLS(socket, "", "")
	}
	return side.Serve(socket)
}

// httpsOnly tells browsers not to come by plain HTTP again.
//
// RFC 6797 §7.2: the header goes with answers over TLS only, so it is sent where
// this server ends TLS itself; a proxy that ends it decides for itself.
func httpsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", strictTransport)
		next.ServeHTTP(w, r)
	})
}
