package wpsim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// timeout is the plugin's "HTTP Request Timeout".
	timeout = 5 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
)

// login redeems a code and returns the user that the visitor is, logged in.
func (s *Site) login(ctx context.Context, code string) (session, *fault) {
	form := "code=" + url.QueryEscape(code) + "&client_id=" + url.QueryEscape(s.config.ClientID) +
		"&client_secret=" + url.QueryEscape(s.config.ClientSecret) + "&redirect_uri=" + url.QueryEscape(s.redirectURI()) +
		"&grant_type=authorization_code&scope=" + url.QueryEscape(s.config.Scope)
	body, err := s.ask(ctx, http.MethodPost, s.config.TokenEndpoint, form, "")
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
		TokenType   string `json:"token_type"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	switch {
	case err != nil:
		return session{}, &fault{"http_request_failed", err.Error()}
	case json.Unmarshal(body, &tokens) != nil:
		return session{}, &fault{"invalid-token", "Invalid token."}
	case tokens.Error != "":
		return session{}, &fault{tokens.Error, tokens.Description}
	case tokens.IDToken == "" || !strings.EqualFold(tokens.TokenType, "Bearer"):
		return session{}, &fault{"invalid-token-response", "Invalid token response"}
	}
	subject := subjectOf(tokens.IDToken)
	if subject == "" {
		return session{}, &fault{"no-subject-identity", "No subject identity."}
	}
	user, problem := s.user(ctx, tokens.AccessToken, subject)
	return session{user: user, idToken: tokens.IDToken}, problem
}

// subjectOf returns the sub of an ID token, of which nothing else is looked at.
func subjectOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	plain, err := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		Subject string `json:"sub"`
	}
	if err != nil || json.Unmarshal(plain, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// user asks for the claims and returns the user that they are of, made now if the
// sub is new.
func (s *Site) user(ctx context.Context, token, subject string) (User, *fault) {
	body, err := s.ask(ctx, http.MethodGet, s.config.UserinfoEndpoint, "", token)
	if err == nil && !json.Valid(body) {
		body, err = s.ask(ctx, http.MethodPost, s.config.UserinfoEndpoint, "", token)
	}
	var claims map[string]any
	switch {
	case err != nil:
		return User{}, &fault{"bad-claim", "Bad user claim."}
	case json.Unmarshal(body, &claims) != nil:
		return User{}, &fault{"invalid-user-claim", "Invalid user claim."}
	case claims["error"] != nil:
		return User{}, &fault{"invalid-user-claim-error", "Error from the IDP."}
	case claims["sub"] != subject:
		return User{}, &fault{"incorrect-user-claim", "Incorrect user claim."}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, ok := s.users[subject]; ok {
		return user, nil
	}
	email, _ := claims["email"].(string)
	name, _ := claims["preferred_username"].(string)
	if email == "" || name == "" {
		return User{}, &fault{"incomplete-user-claim", "User claim incomplete."}
	}
	if len(name) > 50 || len(email) > 100 {
		// The columns of the database: user_nicename and user_email.
		return User{}, &fault{"failed-user-creation", "Failed user creation."}
	}
	for _, other := range s.users {
		if other.Email == email || other.Login == name {
			return User{}, &fault{"failed-user-creation", "Failed user creation."}
		}
	}
	user := User{Sub: subject, Login: name, Email: email}
	s.users[subject] = user
	return user, nil
}

// ask makes a request to the provider with the headers that the plugin sends.
func (s *Site) ask(ctx context.Context, method, target, form, token string) (body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", agent+s.config.URL)
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Referer", target)
	if token == "" {
		r.Host = r.URL.Hostname() // Without the port.
		if s.config.Host != "" {
			r.Host = s.config.Host
		}
	} else {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := s.config.Client.Do(r) //nolint:gosec // The provider's endpoints, as the settings name them.
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	return io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // Whatever the status is.
}
