package cognitosim

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxAnswer bounds what is read of an answer.
	//
	// Assumption: some bound there must be.
	maxAnswer = 1 << 20
	// maxAttribute is how long the value of an attribute may be, in characters.
	maxAttribute = 2048
)

// login redeems a code and returns the user that the visitor is.
func (p *UserPool) login(ctx context.Context, code string, state loginState) (User, error) {
	// The order is the captured one, too.
	form := "grant_type=authorization_code&client_id=" + url.QueryEscape(p.config.ClientID) +
		"&redirect_uri=" + url.QueryEscape(p.redirectURI()) +
		"&client_secret=" + url.QueryEscape(p.config.ClientSecret) + "&code=" + url.QueryEscape(code)
	status, body, err := p.ask(ctx, http.MethodPost, p.endpoints.Token, form, nil)
	if err != nil {
		return User{}, p.relayed(0, "timeout", err.Error()) // Assumption: the wording.
	}
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &tokens); err != nil {
		return User{}, p.relayed(status, "invalid_response", "not JSON") // Assumption: the wording.
	}
	if status != http.StatusOK {
		return User{}, p.relayed(status, tokens.Error, tokens.Description)
	}
	claims, err := p.checkIDToken(ctx, tokens.IDToken)
	if err != nil {
		return User{}, err
	}
	if p.config.SendNonce && claims["nonce"] != state.Nonce {
		return User{}, errors.New("nonce does not match") // Assumption: that it looks, and the wording.
	}
	attributes, err := p.attributes(ctx, tokens.AccessToken)
	if err != nil {
		return User{}, err
	}
	maps.Copy(claims, attributes) // Assumption: userinfo prevails.
	return p.upsert(claims)
}

// relayed is what the application learns of an error of the token endpoint.
func (p *UserPool) relayed(status int, code, description string) error {
	return fmt.Errorf("%s Error - %d %s %s", p.config.ProviderName, status, code, description)
}

// attributes asks the userinfo endpoint.
func (p *UserPool) attributes(ctx context.Context, token string) (map[string]any, error) {
	header := http.Header{"Authorization": {"Bearer " + token}}
	var form string
	if p.config.AttributesRequestMethod == MethodPOST && p.config.TokenInForm {
		header, form = nil, "access_token="+url.QueryEscape(token)
	}
	status, body, err := p.ask(ctx, string(p.config.AttributesRequestMethod), p.endpoints.Attributes, form, header)
	var claims map[string]any
	switch {
	case err != nil:
		return nil, fmt.Errorf("userInfo endpoint: %w", err) // Assumption: the wording of all three.
	case status != http.StatusOK:
		return nil, fmt.Errorf("userInfo endpoint answers %d", status)
	case json.Unmarshal(body, &claims) != nil:
		return nil, errors.New("userInfo endpoint: not a JSON object")
	}
	return claims, nil
}

// upsert makes or updates the user that the claims are of.
func (p *UserPool) upsert(claims map[string]any) (User, error) {
	attributes := make(map[string]any)
	var missing []string
	for _, name := range p.config.RequiredAttributes {
		switch value := claims[name]; {
		case value == nil || value == "":
			missing = append(missing, name)
		case len(fmt.Sprint(value)) > maxAttribute:
			return User{}, fmt.Errorf("attribute %s is longer than %d", name, maxAttribute) // Assumption: the wording.
		default:
			attributes[name] = value
		}
	}
	if missing != nil {
		return User{}, fmt.Errorf("attributes required: [%s]", strings.Join(missing, ", "))
	}
	user := User{Sub: fmt.Sprint(claims["sub"]), ID: newToken(), Attributes: attributes}
	user.Username = p.config.ProviderName + "_" + user.Sub
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.users[user.Username]; ok {
		user.ID = old.ID
	}
	p.users[user.Username] = user
	return user, nil
}

// ask makes a request to the provider, with the headers that captures show and no
// others, within the deadline.
func (p *UserPool) ask(ctx context.Context, method, target, form string, header http.Header) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Deadline)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form))
	if err != nil {
		return 0, nil, err
	}
	maps.Copy(r.Header, header)
	r.Header.Set("User-Agent", "Amazon/Cognito")
	r.Header.Set("Accept-Encoding", "gzip,deflate")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	answer, err := p.config.Client.Do(r) //nolint:gosec // The provider's endpoints, as its discovery names them.
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	var content io.Reader = answer.Body
	switch answer.Header.Get("Content-Encoding") {
	case "gzip":
		if content, err = gzip.NewReader(answer.Body); err != nil {
			return 0, nil, err
		}
	case "deflate":
		content = flate.NewReader(answer.Body)
	}
	body, err = io.ReadAll(io.LimitReader(content, maxAnswer))
	return answer.StatusCode, body, err
}
