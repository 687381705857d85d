package albsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxClaims bounds claims and access token together, in bytes.
	maxClaims = 11 << 10
	// maxAnswer bounds what is read of an answer at all.
	//
	// Assumption: some bound there must be.
	maxAnswer = 1 << 20
)

// tokenAnswer is what the token endpoint answers.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"`
	Error        string `json:"error"`
}

// login redeems a code and returns the session that begins.
func (lb *LoadBalancer) login(ctx context.Context, form url.Values) (session, error) {
	tokens, err := lb.token(ctx, form)
	if err != nil {
		return session{}, err
	}
	if tokens.IDToken == "" {
		return session{}, refuse(http.StatusUnauthorized, AuthInvalidTokenResponse, "the scope doesn't return an ID token")
	}
	subject, err := lb.checkIDToken(ctx, tokens.IDToken)
	if err != nil {
		return session{}, err
	}
	return lb.describe(ctx, tokens, subject, lb.config.Now())
}

// refresh renews the claims of a session. Several nodes of a load balancer may do so
// at the same time with the same refresh token.
func (lb *LoadBalancer) refresh(ctx context.Context, s session) (session, error) {
	tokens, err := lb.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.RefreshToken}})
	if err != nil {
		return session{}, err
	}
	if tokens.RefreshToken == "" {
		tokens.RefreshToken = s.RefreshToken
	}
	return lb.describe(ctx, tokens, s.Subject, s.Start)
}

// describe asks for the claims and makes a session of them.
func (lb *LoadBalancer) describe(ctx context.Context, tokens tokenAnswer, subject string, start time.Time) (session, error) {
	claims, err := lb.userinfo(ctx, tokens.AccessToken, subject)
	if err != nil {
		return session{}, err
	}
	if size := len(claims) + len(tokens.AccessToken); size > maxClaims {
		// Assumption: the status; AWS names 500 in one place and 401 in another.
		return session{}, refuse(http.StatusInternalServerError, AuthUserinfoResponseSizeExceeded, "%d bytes of claims and token", size)
	}
	return session{
		Claims: claims, Subject: subject, AccessToken: tokens.AccessToken, RefreshToken: tokens.RefreshToken,
		AccessTokenExpires: lb.config.Now().Add(time.Duration(tokens.ExpiresIn) * time.Second), Start: start,
	}, nil
}

// token asks the token endpoint.
func (lb *LoadBalancer) token(ctx context.Context, form url.Values) (tokenAnswer, error) {
	if lb.config.TokenAuth == ClientSecretPost {
		form.Set("client_id", lb.config.ClientID)
		form.Set("client_secret", lb.config.ClientSecret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, lb.config.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return tokenAnswer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if lb.config.TokenAuth == ClientSecretBasic {
		r.SetBasicAuth(url.QueryEscape(lb.config.ClientID), url.QueryEscape(lb.config.ClientSecret))
	}
	status, body, err := lb.ask(r)
	if err != nil {
		return tokenAnswer{}, refuse(http.StatusInternalServerError, AuthTokenEpRequestTimeout, "token endpoint: %w", err)
	}
	var answer tokenAnswer
	unreadable := json.Unmarshal(body, &answer)
	switch {
	case answer.Error == "invalid_grant":
		return tokenAnswer{}, refuse(StatusIdPError, AuthInvalidGrantError, "token endpoint: %d %s", status, body)
	case status < 200 || status > 299:
		return tokenAnswer{}, refuse(StatusIdPError, AuthTokenEpRequestFailed, "token endpoint: %d %s", status, body)
	case unreadable != nil, answer.AccessToken == "", !strings.EqualFold(answer.TokenType, "Bearer"):
		// Assumption: the status.
		return tokenAnswer{}, refuse(StatusIdPError, AuthInvalidTokenResponse, "token endpoint: no Bearer token in the answer")
	}
	return answer, nil
}

// userinfo asks for the claims, and returns them as they came.
func (lb *LoadBalancer) userinfo(ctx context.Context, accessToken, subject string) (json.RawMessage, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, lb.config.UserInfoEndpoint, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	status, body, err := lb.ask(r)
	switch {
	case err != nil:
		return nil, refuse(http.StatusInternalServerError, AuthUserinfoEpRequestTimeout, "userinfo endpoint: %w", err)
	case status < 200 || status > 299:
		return nil, refuse(StatusIdPError, AuthUserinfoEpRequestFailed, "userinfo endpoint: %d %s", status, body)
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	// Assumption: the status of both, and that sub is compared with the ID token's.
	if err := json.Unmarshal(body, &claims); err != nil {
		return nil, refuse(StatusIdPError, AuthInvalidUserinfoResponse, "userinfo endpoint: %w", err)
	}
	if claims.Subject == "" || claims.Subject != subject {
		return nil, refuse(StatusIdPError, AuthInvalidUserinfoResponse, "userinfo endpoint: sub is %q", claims.Subject)
	}
	return body, nil
}

// ask makes a request to the provider within the time that it has.
func (lb *LoadBalancer) ask(r *http.Request) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), lb.config.EndpointTimeout)
	defer cancel()
	answer, err := lb.config.Client.Do(r.WithContext(ctx))
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	return answer.StatusCode, body, nil
}
