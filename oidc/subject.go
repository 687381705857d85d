package oidc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Subject says whom the sub of a client's tokens stands for. Only what the
// client sees differs: sessions, grants and logout go by the request ID in all
// cases.
type Subject string

// The subjects of a client.
const (
	// SubjectVisit is the request ID: each visit to the site is a user of its
	// own. It is the default.
	SubjectVisit Subject = "visit"
	// SubjectBrowser stays the same as long as the browser keeps its browser
	// cookie, over any number of visits, and differs from client to client.
	SubjectBrowser Subject = "browser"
	// SubjectInsecureShared is one and the same for all visitors. It suits a
	// client that only wants to know that somebody may enter; one that keeps
	// data by sub would show each visitor the data of all others.
	SubjectInsecureShared Subject = "insecure_shared"
)

// pseudonym is the sub of a visitor whom a client doesn't know by the request
// ID, before it is written out. The zero value is none.
type pseudonym [16]byte

// isNone reports whether there is no pseudonym.
func (s pseudonym) isNone() bool { return s == pseudonym{} }

// String writes a pseudonym as a sub: 26 characters of a-z and 2-7, which is
// no UUID and thus never another visitor's request ID.
func (s pseudonym) String() string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s[:]))
}

// pseudonymOf returns what a client calls the owner of a browser, or none if it
// calls them by the request ID.
func (p *Provider) pseudonymOf(client *Client, browser Browser) pseudonym {
	switch client.Subject {
	case SubjectBrowser:
		return browserPseudonym(p.subjectKeys[0], client, browser)
	case SubjectInsecureShared:
		sum := sha256.Sum256([]byte("anteroom/shared/v1 " + client.ID))
		return pseudonym(sum[:])
	default:
		return pseudonym{}
	}
}

// browserPseudonym is an HMAC, so that clients can't tell by their subs which
// visitors they have in common (OpenID Connect Core 1.0 §8.1).
func browserPseudonym(key []byte, client *Client, browser Browser) pseudonym {
	mac := hmac.New(sha256.New, key)
	mac.Write(append(appendString(nil, client.ID), browser[:]...))
	return pseudonym(mac.Sum(nil))
}

// isSubject reports whether sub stands for a visitor in the eyes of the client
// that sent login, under whichever secret it was made.
func (p *Provider) isSubject(sub string, login *Login, visitor Visitor) bool {
	if login.client.Subject != SubjectBrowser {
		return sub == grantee{visitor: visitor, pseudonym: p.pseudonymOf(login.client, login.browser)}.subject()
	}
	for _, key := range p.subjectKeys {
		if sub == browserPseudonym(key, login.client, login.browser).String() {
			return true
		}
	}
	return false
}

// subject returns the sub of all tokens of a grant and of what is said about
// them. It is the one that the grant began with: a refresh must not change it
// (OpenID Connect Core 1.0 §12.2), whatever the registration says by then.
func (g grantee) subject() string {
	if g.pseudonym.isNone() {
		return g.visitor.Subject
	}
	return g.pseudonym.String()
}
