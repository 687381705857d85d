package server

import (
	"crypto/sha256"
	"log/slog"
	"net/http"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
)

// operators returns the tokens of the management listener. The admin token is
// made on the first start, if there is to be one.
func operators(c *config.Config, log *slog.Logger) ([]admin.Token, error) {
	var tokens []admin.Token
	token := c.Management.Token
	if token.IsZero() && (c.Management.TokenFile != "" || len(c.Management.Tokens) == 0) {
		made, err := makeSecret(c.Management.TokenFile, "admin token", log)
		if err != nil {
			return nil, err
		}
		token = config.NewSecret(made)
	}
	if !token.IsZero() {
		tokens = append(tokens, admin.Token{
			Hash: sha256.Sum256([]byte(token.Reveal())), Access: admin.Access{Name: "admin", Role: admin.Admin},
		})
	}
	roles := map[config.Role]admin.Role{
		config.RoleViewer: admin.Viewer, config.RoleOperator: admin.Operator, config.RoleAdmin: admin.Admin,
	}
	for _, t := range c.Management.Tokens {
		tokens = append(tokens, admin.Token{
			Hash:   sha256.Sum256([]byte(t.Value.Reveal())),
			Access: admin.Access{Name: t.Name, Role: roles[t.Role], Rooms: t.Rooms},
		})
	}
	return tokens, nil
}

// allowed reports whether the holder of a request's token may do that to a room.
// What cannot be undone takes an admin, and so does what nobody has thought of here.
func allowed(r *http.Request, room string, what awsapi.Action) bool {
	role := admin.Admin
	if what == awsapi.Serve {
		role = admin.Operator
	}
	return admin.AccessOf(r.Context()).May(role, room)
}

// operator returns the name of the token of a request.
func operator(r *http.Request) string { return admin.AccessOf(r.Context()).Name }
