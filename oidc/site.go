package oidc

import "net/url"

// SiteURL returns where the visitor of a login wants to go, as far as the
// registration of its client tells, and can start afresh: the client's
// target_link_uri, or the origin of the login's redirect URI and "/". Nothing of
// it comes from a request.
func (l *Login) SiteURL() string {
	if l.client.TargetLinkURI != "" {
		return l.client.TargetLinkURI
	}
	return originOf(l.redirectURI) + "/"
}

// originOf returns scheme and host of a registered URI.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "" // Not reached: it was parsed when it was registered.
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}
