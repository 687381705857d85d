package config

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

// errToken says that a text is no management token.
var errToken = fmt.Errorf(`must hold one line of %d to %d characters out of A-Z, a-z, 0-9 and "-._~+/="`, minSecret, maxSecret)

// ReadToken returns the management token that a file holds now. Its errors show
// nothing of it.
func ReadToken(path string) (Secret, error) {
	text, err := readSecretFile(path)
	if err != nil {
		return Secret{}, err
	}
	text = strings.TrimRight(text, "\r\n")
	if !isToken(text) {
		return Secret{}, fmt.Errorf("%s %w", path, errToken)
	}
	return NewSecret(text), nil
}

// isToken reports whether text can be a management token.
func isToken(text string) bool {
	// RFC 6750 §2.1: a bearer token is of these characters.
	return regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`).MatchString(text) && len(text) >= minSecret && len(text) <= maxSecret
}

// token returns the management token that the file of the key at path holds.
func (l *loader) token(path, text string) Secret {
	if !isToken(text) {
		l.fault(path, "%v", errToken)
	}
	return NewSecret(text)
}

// readTokens reads the files of the listed tokens. Two names for one token
// would leave open who gave an order.
func (l *loader) readTokens(c *Config) {
	first := make(map[[sha256.Size]byte]string)
	if !c.Management.Token.IsZero() {
		first[sha256.Sum256([]byte(c.Management.Token.Reveal()))] = "management.token_file"
	}
	for i := range c.Management.Tokens {
		token, at := &c.Management.Tokens[i], fmt.Sprintf("management.tokens[%d].file", i)
		text, ok := l.secret(at, &token.File, false)
		if !ok {
			continue
		}
		token.Value = l.token(at, text)
		hash := sha256.Sum256([]byte(text))
		if other, taken := first[hash]; taken {
			l.fault(at, "holds the same token as %s", other)
			continue
		}
		first[hash] = at
	}
}

// checkTokens checks the listed tokens, given the ids of the rooms.
func (l *loader) checkTokens(c *Config, rooms []string) {
	form := regexp.MustCompile(`^[A-Za-z0-9._@-]{1,50}$`)
	alone := c.Management.Token.IsZero() && c.Management.TokenFile == ""
	var names []string
	for i, token := range c.Management.Tokens {
		at := fmt.Sprintf("management.tokens[%d]", i)
		switch {
		case !form.MatchString(token.Name):
			l.check(at+".name", `must be 1 to 50 of A-Z, a-z, 0-9 and "._@-"`)
		case token.Name == "admin" && !alone:
			l.check(at+".name", "is the name of the token in management.token_file")
		}
		names = append(names, token.Name)
		if l.usable(at+".rooms") && len(token.Rooms) == 0 {
			l.fault(at+".rooms", "must list at least one room; leave the key out for all rooms")
		}
		for j, room := range token.Rooms {
			if !l.broken["rooms"] {
				l.check(fmt.Sprintf("%s.rooms[%d]", at, j), checkRoom(room, rooms))
			}
		}
		l.checkUnique(token.Rooms, at+".rooms[%d]")
	}
	l.checkUnique(names, "management.tokens[%d].name")
}
