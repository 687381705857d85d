package server

import (
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

// certificates opens the certificates of the sides that have one, by the side's
// name, and keeps them up to date until the server stops.
func (s *Server) certificates() (map[string]*certificate.Pair, error) {
	pairs := make(map[string]*certificate.Pair)
	for name, t := range map[string]config.TLS{"public": s.config.TLS, "management": s.config.Management.TLS} {
		if !t.Enabled() {
			continue
		}
		pair, err := certificate.Open(certificate.Options{
			Name: name, CertFile: t.CertFile, KeyFile: t.KeyFile,
			Cert: []byte(t.Cert.Reveal()), Key: []byte(t.Key.Reveal()), Logger: s.log,
		})
		if err != nil {
			return nil, fmt.Errorf("listen for the %s side: %w", name, err)
		}
		if t.CertFile != "" || t.KeyFile != "" {
			s.background.Go(func() { pair.Watch(s.running) })
		}
		pairs[name] = pair
	}
	return pairs, nil
}

// secure gives both sides their certificates, if they have any.
func (s *Server) secure(pairs map[string]*certificate.Pair) {
	if pair := pairs["public"]; pair != nil {
		s.public.TLSConfig = pair.TLS()
		s.public.Handler = httpsOnly(s.public.Handler)
	}
	if pair := pairs["management"]; pair != nil {
		s.management.TLSConfig = pair.TLS()
	}
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
