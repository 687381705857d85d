package onboard

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// explain says in plain words why a host can't be reached, as the end of a
// sentence that begins with its address.
func explain(err error, host string) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // The address is said already.
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("can't be reached: DNS does not know %s", dns.Name)
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("has a certificate for %s, not for %s; get one for that name", names(name.Certificate), host)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return fmt.Sprintf("has a certificate that is good from %s to %s only; renew it, or set this machine's clock",
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "has a certificate of an authority that is not known here; add the intermediate certificates to its file, " +
			"or name an authority of your own by --ca-file"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "does not speak TLS; give the server a certificate, or put a proxy with one in front"
	}
	return fmt.Sprintf("can't be reached: %v", err)
}

// names returns what a certificate is for.
func names(c *x509.Certificate) string {
	list := append([]string(nil), c.DNSNames...)
	for _, address := range c.IPAddresses {
		list = append(list, address.String())
	}
	if len(list) == 0 {
		return "no name"
	}
	return strings.Join(list, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// checkCertificate looks at a certificate that was good enough to connect.
func (v *visit) checkCertificate(state *tls.ConnectionState) {
	leaf := state.PeerCertificates[0]
	if left := leaf.NotAfter.Sub(v.probe.Now()); left < soon {
		v.warn("the certificate expires on %s; renew it", day(leaf.NotAfter))
	} else {
		v.ok("the certificate is for %s and good until %s", names(leaf), day(leaf.NotAfter))
	}
	if !v.probe.PrivateCA {
		return
	}
	chain := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		chain.AddCert(certificate)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Intermediates: chain, CurrentTime: v.probe.Now()})
	switch {
	case err == nil:
	case v.demands.publicHost:
		v.fault("the certificate is not one of a public authority, and %s accepts no other", v.demands.name)
	default:
		v.warn("the certificate is of an authority of your own, which %s must be told to trust", v.demands.name)
	}
}
