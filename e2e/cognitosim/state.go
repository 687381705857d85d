package cognitosim

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	// loginTimeout is how long a visitor may take to log in at the provider. It can't
	// be changed.
	loginTimeout = 5 * time.Minute
	// stateVersion is the last part of a state.
	stateVersion = "3"
	// maxState bounds what a state unpacks to, in bytes.
	maxState = 16 << 10
)

// errBadState says that a state is not the pool's.
var errBadState = errors.New("the state is not good")

// loginState is what a state carries: the fields of captured ones. Those that the
// simulator has no use for only make it as long as a real one.
type loginState struct {
	UserPoolID             string   `json:"userPoolId"`
	ProviderName           string   `json:"providerName"`
	ClientID               string   `json:"clientId"`
	RedirectURI            string   `json:"redirectURI"`
	ResponseType           string   `json:"responseType"`
	ProviderType           string   `json:"providerType"`
	Scopes                 []string `json:"scopes"`
	State                  string   `json:"state"`
	CodeChallenge          string   `json:"codeChallenge"`
	CodeChallengeMethod    string   `json:"codeChallengeMethod"`
	Nonce                  string   `json:"nonce"`
	ServerHostPort         string   `json:"serverHostPort"`
	CreationTimeSeconds    int64    `json:"creationTimeSeconds"`
	Session                string   `json:"session"` // Assumption: what ties the state to the browser.
	UserAttributes         any      `json:"userAttributes"`
	StateForLinkingSession bool     `json:"stateForLinkingSession"`
}

func (p *UserPool) newState(state, session string) loginState {
	return loginState{
		UserPoolID: "eu-west-1_Hall7", ProviderName: p.config.ProviderName, ClientID: p.config.AppClientID,
		RedirectURI: p.config.CallbackURL, ResponseType: "code", ProviderType: "OIDC", Scopes: []string{"openid"},
		State: state, Nonce: newToken(), ServerHostPort: p.config.Domain,
		CreationTimeSeconds: p.config.Now().Unix(), Session: session,
	}
}

// newToken returns a random value that needs no encoding anywhere.
func newToken() string { return rand.Text() }

// sealState returns a state of three parts: what it carries and what authenticates
// that, each packed and in base64url, and a version.
func (p *UserPool) sealState(s loginState) (string, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode a state: %w", err)
	}
	body, err := pack(plain)
	if err != nil {
		return "", err
	}
	tag, err := pack(p.authenticate(body))
	if err != nil {
		return "", err
	}
	return body + "." + tag + "." + stateVersion, nil
}

func (p *UserPool) authenticate(body string) []byte {
	mac := hmac.New(sha256.New, p.mac)
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

func (p *UserPool) openState(sealed string) (loginState, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[2] != stateVersion {
		return loginState{}, errBadState
	}
	tag, err := unpack(parts[1])
	if err != nil || !hmac.Equal(tag, p.authenticate(parts[0])) {
		return loginState{}, errBadState
	}
	plain, err := unpack(parts[0])
	if err != nil {
		return loginState{}, errBadState
	}
	var s loginState
	return s, json.Unmarshal(plain, &s)
}

func pack(plain []byte) (string, error) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := writer.Write(plain)
	if err := errors.Join(err, writer.Close()); err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(packed.Bytes()), nil
}

func unpack(packed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxState))
	return plain, errors.Join(err, reader.Close())
}
