package oidc

import "context"

// introspection is what the introspection endpoint says of a token (RFC 7662
// §2.2). Of a token that isn't good it says that and nothing else.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"` // access tokens
	Expiry    int64  `json:"exp,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"` // access tokens
	Issuer    string `json:"iss,omitempty"`
}

// inspect answers an introspection request of a client that has proved who it
// is. It changes nothing: an old refresh token is not good any more, but asking
// about it is no replay. The token's kind is seen from the token, so
// token_type_hint has nothing to add.
//
// RFC 7662 §2.2: a token that is unknown, over, or none of the client's
// business is inactive, and the answer doesn't tell which.
func (p *Provider) inspect(ctx context.Context, client *Client, token string) (any, *Error) {
	now := p.queue.Now()
	h, err := p.openRefresh(now, token)
	refresh := err == nil
	if !refresh {
		h, err = p.openAccessToken(now, token)
	}
	if err != nil {
		return inactive(err)
	}
	if h.client != client.mark() {
		return introspection{}, nil
	}
	g, err := p.grantee(ctx, h)
	if err != nil {
		return inactive(err)
	}
	answer := introspection{
		Active:   true,
		Scope:    scope(h.offline).String(),
		ClientID: client.ID,
		Subject:  g.subject(),
		Issuer:   p.issuer,
	}
	if !refresh {
		answer.TokenType = "Bearer"
		answer.Expiry = h.expires.Unix()
		answer.Audience = p.issuer
		return answer, nil
	}
	if h.number != g.grant.Number || client.Refresh == RefreshNever {
		// The predecessor may still be within its grace, which only the queue
		// knows and only tells by using it up.
		return introspection{}, nil
	}
	answer.Expiry = g.visitor.Expires.Unix()
	return answer, nil
}

// inactive is the answer for a token for which openAccessToken or grantee
// returned err.
func inactive(err error) (any, *Error) {
	if !isDead(err) {
		return nil, unavailable(err)
	}
	return introspection{}, nil
}
