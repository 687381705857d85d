package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const maxURL = 2048 // Bytes.

// isHostName reports whether text is the name of a host in lower case. An
// international one must be in its xn-- form.
func isHostName(text string) bool {
	return regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`).MatchString(text)
}

// isLoopback reports whether host, without brackets, can only mean this machine.
func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	// RFC 6761 §6.3: localhost and all names below it are loopback.
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// checkURL returns the URL that text is, or what is wrong with it as one that
// browsers are sent to.
func checkURL(text string) (parsed *url.URL, fault string) {
	const form = "must be an absolute URL, such as https://shop.example.com/callback"
	if text == "" {
		return nil, form
	}
	if len(text) > maxURL {
		return nil, "must not be longer than " + strconv.Itoa(maxURL) + " bytes"
	}
	// RFC 3986 §2: these are the characters that a URL can have; all others stand in
	// it percent-encoded. Browsers read a backslash as a slash, and drop or encode
	// the rest, each in its own way.
	if !regexp.MustCompile(`^[!#-;=?-\[\]_a-z~]+$`).MatchString(text) {
		return nil, "must be of printable ASCII characters, without spaces and any of \"<>\\^`{|}"
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.Hostname() == "" || parsed.Opaque != "" {
		return nil, form
	}
	switch {
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return nil, "must begin with https://"
	case parsed.Scheme == "http" && !isLoopback(parsed.Hostname()):
		return nil, "must begin with https://; http is for loopback hosts only"
	case parsed.User != nil:
		return nil, "must not contain a user name"
	case strings.Contains(text, "#"):
		return nil, "must not have a fragment"
	case !isPort(parsed.Port()) || strings.HasSuffix(parsed.Host, ":"):
		return nil, "must have a port between 1 and 65535, or none"
	}
	return parsed, ""
}

// isPort reports whether text is empty or a port number.
func isPort(text string) bool {
	if text == "" {
		return true
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// checkRedirectURI returns what is wrong with a redirect URI.
//
// OpenID Connect Core 1.0 §3.1.2.1: redirect URIs are compared byte for byte, so
// nothing is normalized here. RFC 6749 §3.1.2: absolute, and no fragment.
func checkRedirectURI(uri string) (fault string) {
	_, fault = checkURL(uri)
	return fault
}

// ReinitiateByError is the [Client] ReinitiateURL of clients that start a login
// afresh when they are told by an error that it is too old.
const ReinitiateByError = "error:authentication_expired"

// checkReinitiateURL returns what is wrong with the URL where a login starts
// afresh. No placeholder can change its scheme or host to another than one that
// stands in the configuration.
func checkReinitiateURL(text string) (fault string) {
	if text == "" || text == ReinitiateByError {
		return "" // "" is for whoever wants a page instead.
	}
	head := regexp.MustCompile(`^\{(origin|redirect_uri)\}`).FindString(text)
	rest := text[len(head):]
	switch {
	case head == "{origin}" && !regexp.MustCompile(`^[/?]|^$`).MatchString(rest):
		return "must go on with a slash after {origin}"
	case head == "{redirect_uri}" && !regexp.MustCompile(`^\?|^$`).MatchString(rest):
		return "must go on with a question mark after {redirect_uri}"
	}
	if head != "" {
		text = "https://shop.example.com" + rest
	}
	// As both values hold "://", neither can be part of a host.
	text = strings.NewReplacer("{iss}", "%3A%2F%2F", "{target_link_uri}", "%3A%2F%2F").Replace(text)
	if strings.ContainsAny(text, "{}") {
		return "can hold {iss} and {target_link_uri}, and begin with {origin} or {redirect_uri}"
	}
	_, fault = checkURL(text)
	return fault
}

// checkIssuer returns what is wrong with the issuer.
//
// OpenID Connect Discovery 1.0 §3: an https URL without query and fragment.
// Relying parties append paths to it, and browsers send it back as an origin,
// so whatever they would rewrite is refused: it would never compare equal.
func checkIssuer(issuer string) (fault string) {
	parsed, fault := checkURL(issuer)
	if fault != "" {
		return fault
	}
	host := parsed.Hostname()
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil && (address.Zone() != "" || address.String() != host):
		return "must have its address in the usual form"
	case err != nil && !isHostName(host):
		return "must have a host of a-z, 0-9, - and dots, in lower case"
	case !strings.HasPrefix(issuer, parsed.Scheme+"://"):
		return "must have its scheme in lower case"
	case (parsed.Scheme == "https" && parsed.Port() == "443") || (parsed.Scheme == "http" && parsed.Port() == "80"):
		return "must not name the default port"
	case strings.Contains(issuer, "?"):
		return "must not have a query"
	case strings.HasSuffix(issuer, "/"):
		return "must not end with a slash"
	case !regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`).MatchString(parsed.EscapedPath()):
		return `must have a path of A-Z, a-z, 0-9 and "-._~", without empty or dotted parts`
	}
	return ""
}
