package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/dexidp/dex/connector"
	"github.com/dexidp/dex/connector/oidc"
)

// dexLife is for how long the tokens of this Dex last (expiry.idTokens), after
// which it asks again. 24 hours would be too long for a test.
const dexLife = 2 * time.Second

// dexVerbs are what Dex does with its connector.
type dexVerbs interface {
	connector.CallbackConnector
	connector.RefreshConnector
	connector.LogoutCallbackConnector
}

// dexConnector is Dex's connector of the type oidc. What Dex adds to it is little
// here: the login that has begun, and tokens of its own.
type dexConnector struct {
	connector dexVerbs
	callback  string
	scopes    connector.Scopes
}

func openDex(s settings) (*dexConnector, error) {
	config := oidc.Config{
		Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: s.Secret,
		RedirectURI: s.URL + "/callback", RootCAs: []string{s.RootCAs},
	}
	opened, err := config.Open("waiting-room", slog.Default())
	if err != nil {
		return nil, err
	}
	verbs, ok := opened.(dexVerbs)
	if !ok {
		return nil, fmt.Errorf("the connector is a %T, which lacks some of what Dex does with it", opened)
	}
	// What an application asks of Dex, Dex asks of its connector.
	return &dexConnector{verbs, config.RedirectURI, connector.Scopes{OfflineAccess: s.Refresh}}, nil
}

func (d *dexConnector) Begin(state string) (string, []byte, error) {
	return d.connector.LoginURL(d.scopes, d.callback, state)
}

func (d *dexConnector) Finish(r *http.Request, secrets []byte) (visit, error) {
	identity, err := d.connector.HandleCallback(d.scopes, secrets, r)
	if err != nil {
		return visit{}, err
	}
	return d.visit(identity), nil
}

func (d *dexConnector) Refresh(ctx context.Context, v visit) (visit, error) {
	identity, err := d.connector.Refresh(ctx, d.scopes, connector.Identity{UserID: v.Who, ConnectorData: v.Refresh})
	if err != nil {
		return visit{}, err
	}
	return d.visit(identity), nil
}

func (d *dexConnector) visit(identity connector.Identity) visit {
	v := visit{Who: identity.UserID, Until: time.Now().Add(dexLife)}
	if d.scopes.OfflineAccess {
		v.Refresh = identity.ConnectorData
	}
	return v
}

func (d *dexConnector) Farewell(ctx context.Context, _ visit, next string) (string, error) {
	return d.connector.LogoutURL(ctx, next)
}
