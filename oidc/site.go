package oidc

import "net/url"

// SiteURL returns where a person can start afresh: the origin of the login's
// redirect URI, which is registered, and "/".
func (l *Login) SiteURL() string {
	u, err := url.Parse(l.redirectURI)
	if err != nil {
		return "" // Not reached: it was parsed when it was registered.
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).String()
}
