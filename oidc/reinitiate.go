package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ReinitiateByError is the [Client] ReinitiateURL of relying parties that start
// a login afresh by themselves when they are told that theirs is too old: they
// get error=temporarily_unavailable with authentication_expired as its
// description, and their state.
const ReinitiateByError = "error:authentication_expired"

// Placeholders of a [Client] ReinitiateURL.
const (
	placeOrigin   = "{origin}"
	placeRedirect = "{redirect_uri}"
	placeIssuer   = "{iss}"
	placeTarget   = "{target_link_uri}"
)

// lateMargin is how long before its end a relying party's login is given up at
// most: what is left of it must do for the way back and the token request.
const lateMargin = 30 * time.Second

// Late reports whether the relying party must be expected to have given its
// side of the login up by the time an answer arrives, so that the answer would
// show the visitor an error. A request that asks not to show anything is
// answered at once, and so is never late.
func (l *Login) Late(now time.Time) bool {
	ttl := l.client.TransactionTTL
	if ttl == 0 || l.silent {
		return false
	}
	return now.Sub(l.received) > ttl-min(lateMargin, ttl/3)
}

// CanStartAfresh reports whether the client has a place where a login starts
// afresh. If not, only a person who follows a link to its site does that.
func (l *Login) CanStartAfresh() bool { return l.client.ReinitiateURL != "" }

// Reinitiate sends the browser to start the login afresh at the relying party,
// whose old one is never used. It reports whether [Login.CanStartAfresh]; if
// not, nothing has been written.
//
// OpenID Connect Core 1.0 §4: a third party may start a login at the relying
// party, which then sends a request of its own.
func (p *Provider) Reinitiate(w http.ResponseWriter, r *http.Request, login *Login) bool {
	switch template := login.client.ReinitiateURL; template {
	case "":
		return false
	case ReinitiateByError:
		p.fail(w, r, login, refusal(TemporarilyUnavailable, "authentication_expired"))
	default:
		seeOther(w, reinitiateURL(template, p.issuer, login.redirectURI, login.SiteURL()))
	}
	return true
}

// reinitiateURL fills a client's template in. All that goes in is registered.
func reinitiateURL(template, issuer, redirectURI, target string) string {
	if rest, ok := strings.CutPrefix(template, placeOrigin); ok {
		template = originOf(redirectURI) + rest
	} else if rest, ok := strings.CutPrefix(template, placeRedirect); ok {
		if query, ok := strings.CutPrefix(rest, "?"); ok && strings.Contains(redirectURI, "?") {
			rest = "&" + query
		}
		template = redirectURI + rest
	}
	return strings.NewReplacer(placeIssuer, escaped(issuer), placeTarget, escaped(target)).Replace(template)
}

// escaped returns a value as it stands in a query or a path.
func escaped(value string) string {
	// A space as %20 is understood by those too who don't decode forms.
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// checkReinitiation returns what is wrong with the client's way to start a
// login afresh.
func (c *Client) checkReinitiation() error {
	var faults []error
	if c.TransactionTTL < 0 {
		faults = append(faults, fmt.Errorf("a login can't live for %v", c.TransactionTTL))
	}
	if c.TargetLinkURI != "" {
		if err := checkURI(c.TargetLinkURI); err != nil {
			faults = append(faults, fmt.Errorf("target_link_uri %q: %w", c.TargetLinkURI, err))
		}
	}
	if c.ReinitiateURL != "" && c.ReinitiateURL != ReinitiateByError {
		if err := checkTemplate(c.ReinitiateURL); err != nil {
			faults = append(faults, fmt.Errorf("re-initiation URL %q: %w", c.ReinitiateURL, err))
		}
	}
	return errors.Join(faults...)
}

// checkTemplate checks a re-initiation URL. Scheme and host stand in it or are
// those of a registered redirect URI; nothing else can change them.
func checkTemplate(template string) error {
	// A redirect URI is checked by itself, so any will do here.
	const sample = "https://a.example"
	head, rest := "", template
	for _, place := range []string{placeOrigin, placeRedirect} {
		if after, ok := strings.CutPrefix(template, place); ok {
			head, rest = sample, after
			if rest != "" && rest[0] != '?' && (rest[0] != '/' || place == placeRedirect) {
				return fmt.Errorf("%q must be followed by a path or a query", place)
			}
		}
	}
	if strings.Contains(rest, placeOrigin) || strings.Contains(rest, placeRedirect) {
		return fmt.Errorf("%s and %s can only stand at its beginning", placeOrigin, placeRedirect)
	}
	// Both values hold "://", which no host does.
	return checkURI(head + strings.NewReplacer(placeIssuer, "%3A%2F%2F", placeTarget, "%3A%2F%2F").Replace(rest))
}
