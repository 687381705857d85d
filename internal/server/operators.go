package server

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/anteroom-dev/anteroom/awsapi"
	"github.com/anteroom-dev/anteroom/internal/admin"
	"github.com/anteroom-dev/anteroom/internal/config"
)

// lookEvery is how often the files of tokens are looked at.
const lookEvery = 5 * time.Second

// operators are those who may use the management listener, by their tokens, which
// are kept up to date with their files. It is safe for concurrent use.
type operators struct {
	log     *slog.Logger
	sources []source
	current atomic.Pointer[[]admin.Token]

	complain bool // The log has said that the files are of no use; the watcher's alone.
}

// A source is where a token comes from.
type source struct {
	file   string // "" for one that doesn't change.
	value  config.Secret
	access admin.Access
}

// newOperators returns those that the configuration names. The admin token is
// made on the first start, if there is to be one.
func newOperators(c *config.Config, log *slog.Logger) (*operators, error) {
	o := &operators{log: log}
	token := c.Management.Token
	if token.IsZero() && (c.Management.TokenFile != "" || len(c.Management.Tokens) == 0) {
		made, err := makeSecret(c.Management.TokenFile, "admin token", log)
		if err != nil {
			return nil, err
		}
		token = config.NewSecret(made)
	}
	if !token.IsZero() {
		o.sources = append(o.sources, source{c.Management.TokenFile, token, admin.Access{Name: "admin", Role: admin.Admin}})
	}
	roles := map[config.Role]admin.Role{
		config.RoleViewer: admin.Viewer, config.RoleOperator: admin.Operator, config.RoleAdmin: admin.Admin,
	}
	for _, t := range c.Management.Tokens {
		o.sources = append(o.sources, source{t.File, t.Value, admin.Access{Name: t.Name, Role: roles[t.Role], Rooms: t.Rooms}})
	}
	var tokens []admin.Token
	for _, s := range o.sources {
		tokens = append(tokens, s.token(s.value))
	}
	o.current.Store(&tokens)
	return o, nil
}

// token returns what a value opens that comes from the source.
func (s source) token(value config.Secret) admin.Token {
	return admin.Token{Hash: sha256.Sum256([]byte(value.Reveal())), Access: s.access}
}

// tokens returns the tokens that are good now.
func (o *operators) tokens() []admin.Token { return *o.current.Load() }

// reload takes over what the files hold, if all of it is good. Otherwise all
// tokens stay: half of a change may be a mistake.
func (o *operators) reload() {
	tokens, err := o.read()
	if err != nil {
		if !o.complain {
			o.log.Warn("a changed token file is of no use, and all tokens stay as they were; put a token in place", "error", err)
		}
		o.complain = true
		return
	}
	o.complain = false
	for i, before := range o.tokens() {
		if before.Hash != tokens[i].Hash {
			o.log.Info("token loaded", "name", tokens[i].Access.Name)
		}
	}
	o.current.Store(&tokens)
}

// read returns what the files hold.
func (o *operators) read() ([]admin.Token, error) {
	var tokens []admin.Token
	for _, s := range o.sources {
		value := s.value
		if s.file != "" {
			var err error
			if value, err = config.ReadToken(s.file); err != nil {
				return nil, fmt.Errorf("token of %q: %w", s.access.Name, err)
			}
		}
		token := s.token(value)
		for _, other := range tokens {
			if other.Hash == token.Hash {
				// It would be open who gave an order.
				return nil, fmt.Errorf("%q and %q have the same token", other.Access.Name, token.Access.Name)
			}
		}
		tokens = append(tokens, token)
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
