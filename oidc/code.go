package oidc

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// codeLength is the length of an authorization code: 256 bits in base64url.
const codeLength = 43

// NewCode makes an authorization code for a login. The secret is what the
// browser takes to the client by [Provider.Deliver]; the code is what the queue
// stores of it. Nothing has happened until the queue has taken the code in.
//
// A login that asks for an ID token has a code, too, which nobody but the
// provider ever sees: taking it makes the grant.
func (p *Provider) NewCode(login *Login) (secret string, code Code) {
	if login.idToken {
		secret = login.innerCode(p.codeKeys[0])
	} else {
		random := make([]byte, 32)
		_, _ = rand.Read(random) // never fails
		secret = base64.RawURLEncoding.EncodeToString(random)
	}
	return secret, Code{
		Hash:    hashCode(p.codeKeys[0], secret),
		Login:   login.id,
		Client:  login.client.ID,
		Binding: binding(login.redirectURI, login.challenge),
		Payload: codePayload{
			nonce:     login.nonce,
			offline:   login.offline,
			pseudonym: p.pseudonymOf(login.client, login.browser),
		}.encode(),
	}
}

// hashCode is what is stored of a code.
func hashCode(key []byte, secret string) [32]byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(secret))
	return [32]byte(mac.Sum(nil))
}

// binding is what ties a code to its request: only a token request with the
// same redirect URI (RFC 6749 §4.1.3) and the verifier of the same challenge
// (RFC 7636 §4.6) yields the same value. A request without a challenge binds
// to an empty one, so a verifier out of nowhere doesn't match either.
func binding(redirectURI, challenge string) [32]byte {
	return sha256.Sum256(appendString(appendString(nil, redirectURI), challenge))
}

// challengeOf returns the S256 challenge of a verifier (RFC 7636 §4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// codePayload is what travels from the authorization request to the token
// request through the queue.
type codePayload struct {
	nonce     string
	offline   bool
	pseudonym pseudonym // the token endpoint sees no browser cookie
}

// encode lays the payload out in bytes.
func (c codePayload) encode() []byte {
	var flags byte
	if c.offline {
		flags |= flagOffline
	}
	if c.pseudonym.isNone() {
		return appendString([]byte{1, flags}, c.nonce)
	}
	return append(appendString([]byte{1, flags | flagPseudonym}, c.nonce), c.pseudonym[:]...)
}

// decodeCodePayload reads what encode wrote.
func decodeCodePayload(b []byte) (codePayload, error) {
	in := wire[string]{rest: string(b)}
	version, flags := in.byte(), in.byte()
	payload := codePayload{nonce: in.string(), offline: flags&flagOffline != 0}
	if flags&flagPseudonym != 0 {
		copy(payload.pseudonym[:], in.bytes(uint64(len(payload.pseudonym))))
	}
	if version != 1 {
		return codePayload{}, errors.New("code of another version")
	}
	return payload, in.done()
}
