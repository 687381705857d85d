package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/anteroom-dev/anteroom/oidc/claims"
)

// claims sets out to the claims that a node holds. What they may be is checked by
// checkClaims, when it is known whose they are.
func (l *loader) claims(node *yaml.Node, path string, out reflect.Value) {
	if node.Kind != yaml.MappingNode {
		l.fault(path, "must be a mapping of names to strings, numbers, true and false")
		return
	}
	list := make(Claims)
	out.Set(reflect.ValueOf(list))
	for i := 0; i+1 < len(node.Content) && i < 2*maxItems; i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, key.Value)
		if first := l.origins[at].line; first != 0 {
			l.faultAt(key.Line, at, "duplicate key %.64q in %s; it is given on line %d already", key.Value, path, first)
			continue
		}
		l.origins[at] = origin{line: key.Line}
		if key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode {
			l.broken[at] = true
			l.faultAt(key.Line, at, "%s.%.64s must be a string, a number, true or false", path, key.Value)
			continue
		}
		list[key.Value] = claimOf(value)
	}
}

// claimOf returns what a scalar means. Unlike elsewhere quotation marks count, as
// they do in JSON.
func claimOf(node *yaml.Node) any {
	var value any
	if err := node.Decode(&value); err != nil {
		return nil // No kind of scalar that a claim can be.
	}
	switch value := value.(type) {
	case int:
		return int64(value)
	case time.Time:
		return node.Value // JSON has no dates; a birthdate is a string.
	}
	return value
}

// checkClaims checks the claims of a client.
func (l *loader) checkClaims(client *Client, path string) {
	sound := true
	for _, name := range slices.Sorted(maps.Keys(client.Claims)) {
		if err := claims.Check(name, client.Claims[name], client.Room); err != nil {
			sound = false
			l.check(join(path, name), err.Error())
		}
	}
	if _, err := claims.New(client.Claims, client.Room); sound && errors.Is(err, claims.ErrTooLarge) {
		l.check(path, claims.ErrTooLarge.Error())
	}
}
