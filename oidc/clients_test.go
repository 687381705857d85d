package oidc_test

import (
	"crypto/sha256"

	"github.com/anteroom-dev/anteroom/oidc"
)

// What the tests' clients are registered with.
const (
	shopURI    = "https://shop.example.com/callback"
	queryURI   = "https://blog.example.com/wp-admin/admin-ajax.php?action=openid-connect-authorize"
	goodbyeURI = "https://shop.example.com/bye"
	// shopSecret has everything that encodings trip over.
	shopSecret = "s3cr+t/x=:%zz% 100%25"
	otherShop  = "other-secret-that-is-long-enough-for-hs256"
	// verifier and challenge are the example of RFC 7636 Appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func testClients() []oidc.Client {
	return []oidc.Client{
		{
			ID:                     "shop",
			SecretHashes:           [][32]byte{sha256.Sum256([]byte(shopSecret))},
			Room:                   "sale",
			RedirectURIs:           []string{shopURI, queryURI, "http://127.0.0.1:8999/cb"},
			PostLogoutRedirectURIs: []string{goodbyeURI},
			QueuePosition:          true,
		},
		{
			ID:           "other",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("an-old-secret")), sha256.Sum256([]byte(otherShop))},
			Room:         "sale",
			RedirectURIs: []string{"https://other.example.com/cb"},
			Refresh:      oidc.RefreshAlways,
		},
		{
			ID:           "spa",
			Public:       true,
			Room:         "sale",
			RedirectURIs: []string{"https://spa.example.com/cb"},
		},
		{
			ID:           "plain",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("plain-secret"))},
			Room:         "museum",
			RedirectURIs: []string{"https://plain.example.com/cb"},
			Refresh:      oidc.RefreshNever,
		},
		{
			ID:           "forum",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("forum-secret"))},
			Room:         "sale",
			RedirectURIs: []string{"https://forum.example.com/cb"},
			Subject:      oidc.SubjectBrowser,
		},
		{
			ID:           "club",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("club-secret"))},
			Room:         "sale",
			RedirectURIs: []string{"https://club.example.com/cb"},
			Subject:      oidc.SubjectBrowser,
		},
		{
			ID:           "gate",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("gate-secret"))},
			Room:         "sale",
			RedirectURIs: []string{"https://gate.example.com/cb"},
			Subject:      oidc.SubjectInsecureShared,
		},
		{
			ID:           "api",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("api-secret"))},
			Room:         "sale",
			RedirectURIs: []string{"https://api.example.com/cb"},
			AccessToken:  oidc.AccessTokenJWT,
		},
		{
			ID:           "strict",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("strict-secret"))},
			Room:         "sale",
			RedirectURIs: []string{"https://strict.example.com/cb"},
			Reauth:       oidc.ReauthRequeue,
		},
		{
			ID:            "front",
			Public:        true,
			Room:          "sale",
			RedirectURIs:  []string{"https://front.example.com/cb"},
			ResponseTypes: []oidc.ResponseType{oidc.ResponseCode, oidc.ResponseIDToken},
			Claims:        map[string]any{"email": "{sub}@visitors.invalid"},
		},
		{
			ID:           "wiki",
			SecretHashes: [][32]byte{sha256.Sum256([]byte("wiki-secret"))},
			Room:         "sale",
			RedirectURIs: []string{"https://wiki.example.com/cb"},
			Claims: map[string]any{
				"email": "{sub}@visitors.invalid", "email_verified": true, "name": "Visitor {position} of {room}",
			},
		},
	}
}
