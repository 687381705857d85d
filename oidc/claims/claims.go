// Package claims holds the templates of claims that a client is told of each
// visitor, whatever scopes it asks for. Nobody in a waiting room has a name or
// an e-mail address, but many relying parties refuse a user without them; a
// template makes them up:
//
//	email: "{sub}@visitors.invalid"
//	email_verified: true
//	name: "Visitor {position}"
//
// A value is a string, a boolean or a number. Strings may hold placeholders:
// {sub}, the visitor as this client knows them; {position}, the place in the
// line, in digits; {room}, the line. The same claims go into ID token and
// userinfo, because some relying parties read only the one and some only the
// other.
//
// What the provider says by itself (iss, sub, exp and the like) can't be said by
// a template, in whatever case its name is written: many readers of JSON don't
// care about case. The claims of OpenID Connect Core 1.0 §5.1 must have the type
// that stands there, no claim is ever empty, and together they are small
// ([MaxSize]), since relying parties keep them in cookies.
package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxSize is how large the claims of a template may be when they are filled
	// in, in bytes of JSON. ID tokens stay below 1.5 KB with it, unless the client sends a
	// long nonce, and userinfo below 1 KB.
	MaxSize = 512
	// maxEmail is the longest e-mail address that is found to fit everywhere, in
	// characters.
	maxEmail = 100
	// maxMailbox is the longest part before the @ (RFC 5321 §4.5.3.1.1).
	maxMailbox = 64
	// maxInteger is the largest number that every reader of JSON takes for what it
	// is (RFC 8259 §6).
	maxInteger = 1<<53 - 1
	// maxPosition is the highest position there is.
	maxPosition = math.MaxUint32
)

// Faults of a claim that callers may branch on. The text completes a sentence
// that begins with the claim.
var (
	// ErrReserved says that the provider itself gives a claim of that name.
	ErrReserved = errors.New("is a claim that the server gives itself")
	// ErrTooLarge says that the claims together are larger than [MaxSize].
	ErrTooLarge = fmt.Errorf("must not have more than %d bytes together", MaxSize)
)

// Values is what the placeholders stand for.
type Values struct {
	Subject  string // the sub that the client sees; at most 36 characters
	Position int64  // from 1
	Room     string
}

// Template is a set of claims with placeholders in them. The zero value has no
// claims.
type Template struct {
	claims []claim // by name
}

// claim is one claim of a template.
type claim struct {
	name  string
	label []byte // the name, a comma before it and a colon after it, in JSON
	text  string // with placeholders, if fixed is nil
	fixed []byte // in JSON, if it never changes
}

// New returns the template of claims, whose values are of type string, bool,
// int64 or float64, for a client of room. The error names every fault, and wraps
// the sentinels of this package.
func New(list map[string]any, room string) (Template, error) {
	var template Template
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if err := Check(name, list[name], room); err != nil {
			faults = append(faults, fmt.Errorf("claim %.64q %w", name, err))
			continue
		}
		text, open := list[name].(string)
		c := claim{name: name, label: []byte(`,"` + name + `":`), text: text}
		if !open || !strings.Contains(text, "{") {
			var err error
			if c.fixed, err = json.Marshal(list[name]); err != nil {
				return Template{}, fmt.Errorf("encode claim %q: %w", name, err)
			}
		}
		template.claims = append(template.claims, c)
	}
	if len(faults) == 0 && len(template.Append([]byte("{}"), widest(room))) > MaxSize {
		faults = append(faults, fmt.Errorf("the claims %w", ErrTooLarge))
	}
	return template, errors.Join(faults...)
}

// Names returns the names of the claims, sorted.
func (t Template) Names() []string {
	names := make([]string, len(t.claims))
	for i, c := range t.claims {
		names[i] = c.name
	}
	return names
}

// Append adds the claims, filled in, to a JSON object, and returns the longer
// object.
func (t Template) Append(object []byte, v Values) []byte {
	if len(t.claims) == 0 {
		return object
	}
	object = object[:len(object)-1] // without its closing brace
	for _, c := range t.claims {
		label := c.label
		if len(object) == 1 {
			label = label[1:] // The first one needs no comma.
		}
		object = append(object, label...)
		if c.fixed != nil {
			object = append(object, c.fixed...)
			continue
		}
		object = appendString(object, v.fill(c.text))
	}
	return append(object, '}')
}

// appendString appends a string in JSON.
func appendString(b []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return append(b, `""`...) // Strings can always be encoded.
	}
	return append(b, quoted...)
}

// fill puts the values in the place of the placeholders.
func (v Values) fill(text string) string {
	return strings.NewReplacer(
		"{sub}", v.Subject,
		"{position}", strconv.FormatInt(v.Position, 10),
		"{room}", v.Room,
	).Replace(text)
}

// widest are the values that take the most room, in the shape that they have.
func widest(room string) Values {
	return Values{Subject: "00000000-0000-0000-0000-000000000000", Position: maxPosition, Room: room}
}

// Check returns what is wrong with one claim of a client of room, as the end of a
// sentence that begins with the claim, or nil.
func Check(name string, value any, room string) error {
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9._:/#-]{1,100}$`).MatchString(name):
		return errors.New(`must have a name of 1 to 100 of A-Z, a-z, 0-9 and "._:/#-"`)
	case slices.Contains(reserved(), strings.ToLower(name)):
		return ErrReserved
	case kindOf(strings.ToLower(name)) != kindOf(name):
		return fmt.Errorf("must be written %s", strings.ToLower(name))
	}
	switch value := value.(type) {
	case string:
		if err := kindOf(name).allows(aString); err != nil {
			return err
		}
		return checkString(name, value, room)
	case bool:
		return kindOf(name).allows(aBoolean)
	case int64:
		if value > maxInteger || value < -maxInteger {
			return fmt.Errorf("must be between -%d and %[1]d, as not all can read larger numbers", maxInteger)
		}
		return kindOf(name).allows(aNumber)
	case float64:
		if math.IsInf(value, 0) || math.IsNaN(value) {
			return errors.New("must be a finite number")
		}
		return kindOf(name).allows(aNumber)
	}
	return errors.New("must be a string, a number, true or false")
}

// checkString returns what is wrong with a claim that is a string.
func checkString(name, text, room string) error {
	rest := strings.NewReplacer("{sub}", "", "{position}", "", "{room}", "").Replace(text)
	if open := strings.IndexAny(rest, "{}"); open >= 0 {
		// OpenID Connect Core 1.0 has no claim with a brace in it.
		unknown := rest[open:]
		if end := strings.Index(unknown, "}"); end >= 0 {
			unknown = unknown[:end+1]
		}
		return fmt.Errorf("has the unknown placeholder %.32q; there are {sub}, {position} and {room}", unknown)
	}
	filled := widest(room).fill(text)
	switch {
	case strings.TrimSpace(filled) == "":
		// OpenID Connect Core 1.0 §5.3.2: a claim without a value is left out.
		return errors.New("must not be empty")
	case !utf8.ValidString(filled) || strings.ContainsFunc(filled, unicode.IsControl):
		return errors.New("must not contain control characters")
	case len(filled) > MaxSize:
		return fmt.Errorf("must not have more than %d bytes", MaxSize)
	case name == "email":
		return checkEmail(filled)
	}
	return nil
}

// checkEmail returns what is wrong with an e-mail address.
func checkEmail(address string) error {
	mailbox, domain, _ := strings.Cut(address, "@")
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9._+-]+$`).MatchString(mailbox),
		!regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`).MatchString(domain):
		return errors.New("must be an e-mail address, such as {sub}@visitors.invalid")
	case strings.ToLower(address) != address:
		// Who looks users up by address, looks for lower case.
		return errors.New("must be in lower case")
	case len(address) > maxEmail || len(mailbox) > maxMailbox:
		return fmt.Errorf("must have at most %d characters, and %d before the @, when it is filled in", maxEmail, maxMailbox)
	}
	return nil
}

// kind is what a claim must be.
type kind string

// The kinds of claims, in words.
const (
	anything kind = ""
	aString  kind = "a string"
	aBoolean kind = "true or false"
	aNumber  kind = "a number"
	anObject kind = "an object, which no template can make"
)

// allows returns what is wrong with a value of the kind given for a claim of kind
// k, or nil.
func (k kind) allows(given kind) error {
	switch {
	case k == anything || k == given:
		return nil
	case given == aString && k != anObject:
		return fmt.Errorf("must be %s, without quotation marks", k)
	}
	return fmt.Errorf("must be %s", k)
}

// kindOf returns what the claims of OpenID Connect Core 1.0 §5.1 must be.
func kindOf(name string) kind {
	switch name {
	case "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
		"website", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number":
		return aString
	case "email_verified", "phone_number_verified":
		return aBoolean
	case "updated_at":
		return aNumber
	case "address":
		return anObject
	}
	return anything
}

// reserved returns the names, in lower case, of claims that mean something to
// those who check tokens: only the provider says these.
func reserved() []string {
	return []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", // RFC 7519 §4.1
		"nonce", "auth_time", "at_hash", "c_hash", "s_hash", "acr", "amr", "azp", // OpenID Connect Core 1.0 §2, §3.3.2.11
		"sid", "events", // OpenID Connect Back-Channel Logout 1.0 §2.4
		"sub_jwk", "_claim_names", "_claim_sources", // OpenID Connect Core 1.0 §5.6.2, §7.4
		"active", "client_id", "scope", "token_type", "username", // RFC 7662 §2.2
		"act", "may_act", "cnf", // RFC 8693 §4, RFC 7800 §3.1
		"queue_position", // ours; a client's queue_position switches it
	}
}
