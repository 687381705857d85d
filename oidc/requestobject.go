package oidc

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
)

// answersByForm reports whether an authorization request wants its answer, be it
// an error, as a form.
//
// OpenID Connect Core 1.0 §3.1.2.6 and Form Post Response Mode §2: errors too
// are sent in the mode that was asked for.
func answersByForm(q url.Values) bool {
	mode := q["response_mode"]
	if len(mode) == 0 && len(q["request"]) == 1 {
		mode = []string{modeInside(q.Get("request"))}
	}
	return len(mode) == 1 && protocol.ResponseMode(mode[0]) == protocol.ResponseModeFormPost
}

// modeInside returns the response mode that stands in a request object (OpenID
// Connect Core 1.0 §6.1), or "". Such requests are refused, but who put all
// parameters into one must be told so in the way that stands there. It is read
// from an object that nobody has verified, since a mode may be chosen by whoever
// can write the request; nothing else of it is looked at.
func modeInside(object string) string {
	parts := strings.Split(object, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Mode string `json:"response_mode"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return ""
	}
	return claims.Mode
}
