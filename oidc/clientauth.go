package oidc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// credentials are what a client says to prove who it is.
type credentials struct {
	id      string
	secrets []string // spellings of one secret; none if there was no secret
}

// authenticate returns the client that sent a token or revocation request.
// Nothing else of the request is looked at before, so that a stranger can't
// use up anybody's code.
//
// RFC 6749 §2.3.1: the secret comes as Basic credentials or in the body, and
// which of the two is the client's choice each time. A public client names
// itself in the body.
func (p *Provider) authenticate(r *http.Request, form url.Values) (*Client, *Error) {
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		return nil, refusal(InvalidClient, "Client assertions are not supported.")
	}
	posted := credentials{id: form.Get("client_id")}
	if secret := form.Get("client_secret"); secret != "" {
		posted.secrets = []string{secret}
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return p.check(posted)
	}
	basic, ok := p.parseBasic(header)
	if !ok {
		return nil, refusal(InvalidClient, "The Authorization header has no readable Basic credentials.")
	}
	client, fault := p.check(basic)
	if fault != nil {
		return nil, fault
	}
	// RFC 6749 §2.3 allows one method per request; some clients use two, which
	// does no harm as long as both say the same.
	if posted.id != "" && posted.id != client.ID {
		return nil, refusal(InvalidClient, "Header and body name different clients.")
	}
	if len(posted.secrets) > 0 {
		posted.id = client.ID
		return p.check(posted)
	}
	return client, nil
}

// parseBasic reads Basic credentials. RFC 6749 §2.3.1 wants ID and secret
// form-encoded, and half of all clients send them raw, so a secret has two
// spellings: a raw one may hold a percent sign that encodes nothing.
func (p *Provider) parseBasic(header string) (credentials, bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") || len(encoded) > maxBody {
		return credentials{}, false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return credentials{}, false
	}
	// IDs never hold a colon, secrets may.
	id, secret, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return credentials{}, false
	}
	c := credentials{id: id}
	if unescaped, err := url.QueryUnescape(id); err == nil {
		// The encoding changes no character of an ID but to itself.
		c.id = unescaped
	}
	if secret == "" {
		return c, true
	}
	c.secrets = []string{secret}
	if unescaped, err := url.QueryUnescape(secret); err == nil {
		c.secrets = append(c.secrets, unescaped)
	}
	return c, true
}

// check returns the client whose credentials these are. It takes the same time
// whether the client or the secret is wrong.
func (p *Provider) check(c credentials) (*Client, *Error) {
	client := p.clients.byID[c.id]
	var hashes [][32]byte
	if client != nil {
		hashes = client.SecretHashes
	}
	if len(hashes) == 0 {
		hashes = [][32]byte{{}} // the hash of nothing that anybody knows
	}
	match := 0
	for _, secret := range c.secrets {
		sum := sha256.Sum256([]byte(secret))
		for i := range hashes {
			match |= subtle.ConstantTimeCompare(sum[:], hashes[i][:])
		}
	}
	switch {
	case client == nil:
	case client.Public && len(c.secrets) == 0:
		return client, nil
	case !client.Public && match == 1:
		return client, nil
	}
	return nil, refusal(InvalidClient, "The client is unknown or its secret is wrong.")
}
