package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// goOIDC is coreos/go-oidc with x/oauth2, used as the example of the former does,
// with PKCE and a nonce.
type goOIDC struct {
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	config     oauth2.Config
	endSession string
	refresh    bool
}

// goOIDCSecrets are of one login.
type goOIDCSecrets struct{ Nonce, Verifier string }

func openGoOIDC(s settings) (*goOIDC, error) {
	provider, err := oidc.NewProvider(context.Background(), s.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	return &goOIDC{
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: s.ClientID}),
		config: oauth2.Config{
			ClientID: s.ClientID, ClientSecret: s.Secret, RedirectURL: s.URL + "/callback",
			Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID},
		},
		endSession: more.EndSession,
		refresh:    s.Refresh,
	}, nil
}

func (g *goOIDC) Begin(state string) (string, []byte, error) {
	secrets := goOIDCSecrets{Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	kept, err := json.Marshal(secrets)
	return g.config.AuthCodeURL(state, oidc.Nonce(secrets.Nonce), oauth2.S256ChallengeOption(secrets.Verifier)), kept, err
}

func (g *goOIDC) Finish(r *http.Request, kept []byte) (visit, error) {
	q := r.URL.Query()
	if code := q.Get("error"); code != "" {
		return visit{}, fmt.Errorf("%s: %s", code, q.Get("error_description"))
	}
	var secrets goOIDCSecrets
	if err := json.Unmarshal(kept, &secrets); err != nil {
		return visit{}, err
	}
	token, err := g.config.Exchange(r.Context(), q.Get("code"), oauth2.VerifierOption(secrets.Verifier))
	if err != nil {
		return visit{}, err
	}
	v, claims, err := g.visit(r.Context(), token)
	if err != nil {
		return visit{}, err
	}
	if claims.Nonce != secrets.Nonce {
		return visit{}, errors.New("the nonce is another one")
	}
	user, err := g.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		return visit{}, err
	}
	// OpenID Connect Core 1.0 §5.3.2: the library leaves this to its user.
	if user.Subject != claims.Subject {
		return visit{}, errors.New("userinfo is of somebody else")
	}
	return v, nil
}

// visit reads an answer of the token endpoint.
func (g *goOIDC) visit(ctx context.Context, token *oauth2.Token) (visit, *oidc.IDToken, error) {
	text, ok := token.Extra("id_token").(string)
	if !ok {
		return visit{}, nil, errors.New("no ID token")
	}
	claims, err := g.verifier.Verify(ctx, text)
	if err != nil {
		return visit{}, nil, err
	}
	if err := claims.VerifyAccessToken(token.AccessToken); err != nil {
		return visit{}, nil, err
	}
	v := visit{Who: claims.Subject, Until: token.Expiry, IDToken: text}
	if g.refresh {
		v.Refresh = []byte(token.RefreshToken)
	}
	return v, claims, nil
}

func (g *goOIDC) Refresh(ctx context.Context, v visit) (visit, error) {
	token, err := g.config.TokenSource(ctx, &oauth2.Token{RefreshToken: string(v.Refresh)}).Token()
	if err != nil {
		return visit{}, err
	}
	v, _, err = g.visit(ctx, token)
	return v, err
}

func (g *goOIDC) Farewell(_ context.Context, v visit, next string) (string, error) {
	return g.endSession + "?" + url.Values{"id_token_hint": {v.IDToken}, "post_logout_redirect_uri": {next}}.Encode(), nil
}
