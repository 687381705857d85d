package claims_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/oidc/claims"
)

// visitor is whom the tests fill templates in for.
var visitor = claims.Values{Subject: "0b36e1a0-7d0c-4f1e-9b1d-2f6f0a6f3c11", Position: 4711, Room: "sale"}

func TestTemplateIsFilledIn(t *testing.T) {
	template, err := claims.New(map[string]any{
		"email":              "{sub}@visitors.invalid",
		"email_verified":     true,
		"name":               "Visitor {position} of “{room}”",
		"preferred_username": "{sub}",
		"updated_at":         int64(1700000000),
		"tier":               1.5,
	}, "sale")
	if err != nil {
		t.Fatal(err)
	}
	for name, object := range map[string]string{"beside other claims": `{"iss":"https://wait.example.com"}`, "alone": `{}`} {
		t.Run(name, func(t *testing.T) {
			var got map[string]any
			if err := json.Unmarshal(template.Append([]byte(object), visitor), &got); err != nil {
				t.Fatal(err)
			}
			delete(got, "iss")
			want := map[string]any{
				"email":              "0b36e1a0-7d0c-4f1e-9b1d-2f6f0a6f3c11@visitors.invalid",
				"email_verified":     true,
				"name":               "Visitor 4711 of “sale”",
				"preferred_username": "0b36e1a0-7d0c-4f1e-9b1d-2f6f0a6f3c11",
				"updated_at":         1.7e9,
				"tier":               1.5,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
	want := []string{"email", "email_verified", "name", "preferred_username", "tier", "updated_at"}
	if diff := cmp.Diff(want, template.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestNoClaimsLeaveTheObjectAlone(t *testing.T) {
	template, err := claims.New(map[string]any{}, "sale")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(template.Append([]byte(`{"sub":"x"}`), visitor)); got != `{"sub":"x"}` {
		t.Errorf("got %s", got)
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for name, row := range map[string]struct {
		claim string
		value any
		want  string // "" if nothing is
	}{
		"plain text":                              {"nickname", "guest", ""},
		"a claim of one's own":                    {"https://shop.example.com/tier", "gold", ""},
		"a claim with a colon":                    {"custom:tier", "gold", ""},
		"a number as a claim of one's own":        {"level", int64(3), ""},
		"an unknown placeholder":                  {"name", "{subject}", `has the unknown placeholder "{subject}"`},
		"a brace that is not closed":              {"name", "{sub", `has the unknown placeholder "{sub"`},
		"a brace that was not opened":             {"name", "sub}", `has the unknown placeholder "}"`},
		"an empty string":                         {"name", "", "must not be empty"},
		"blanks":                                  {"name", "  ", "must not be empty"},
		"a control character":                     {"name", "a\x00b", "must not contain control characters"},
		"broken UTF-8":                            {"name", "a\xffb", "must not contain control characters"},
		"a boolean in quotation marks":            {"email_verified", "true", "must be true or false, without quotation marks"},
		"a number for a boolean":                  {"email_verified", int64(1), "must be true or false"},
		"a boolean for a string":                  {"name", true, "must be a string"},
		"a number for a string":                   {"nickname", 1.5, "must be a string"},
		"a string for a number":                   {"updated_at", "now", "must be a number, without quotation marks"},
		"an address, which is an object":          {"address", "Main Street", "must be an object"},
		"a number that readers would round":       {"level", int64(1) << 60, "must be between -9007199254740991 and 9007199254740991"},
		"no number":                               {"level", math.NaN(), "must be a finite number"},
		"infinity":                                {"level", math.Inf(1), "must be a finite number"},
		"a list":                                  {"groups", []string{"a"}, "must be a string, a number, true or false"},
		"nothing":                                 {"name", nil, "must be a string, a number, true or false"},
		"a name with a quotation mark":            {`a"b`, "x", "must have a name of"},
		"a name that merges mappings":             {"<<", "x", "must have a name of"},
		"no name":                                 {"", "x", "must have a name of"},
		"an e-mail address":                       {"email", "{sub}@visitors.invalid", ""},
		"an e-mail address with room and place":   {"email", "p{position}.{room}@visitors.invalid", ""},
		"no e-mail address":                       {"email", "{sub}", "must be an e-mail address"},
		"an e-mail address without a dot":         {"email", "{sub}@visitors", "must be an e-mail address"},
		"two e-mail addresses":                    {"email", "a@b.invalid@c.invalid", "must be an e-mail address"},
		"an e-mail address in upper case":         {"email", "{sub}@Visitors.invalid", "must be in lower case"},
		"an e-mail address that grows too long":   {"email", "{sub}@" + strings.Repeat("a", 60) + ".invalid", "must have at most 100 characters"},
		"an e-mail address with a long mailbox":   {"email", "{sub}{sub}@a.invalid", "must have at most 100 characters, and 64 before the @"},
		"a string that grows too long":            {"nickname", strings.Repeat("{sub}", 15), "must not have more than 512 bytes"},
		"a reserved name":                         {"iss", "x", claims.ErrReserved.Error()},
		"a reserved name in another case":         {"Sub", "x", claims.ErrReserved.Error()},
		"a standard name in another case":         {"Email", "{sub}@visitors.invalid", "must be written email"},
		"the sid, which decides about logouts":    {"SID", "x", claims.ErrReserved.Error()},
		"the queue position, which has its key":   {"queue_position", int64(1), claims.ErrReserved.Error()},
		"the nonce, which must not be made up":    {"nonce", "x", claims.ErrReserved.Error()},
		"an authentication class nobody attested": {"acr", "x", claims.ErrReserved.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := claims.Check(row.claim, row.value, "sale"); err != nil {
				got = err.Error()
			}
			if row.want == "" && got != "" || !strings.Contains(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	_, err := claims.New(map[string]any{"iss": "x", "name": "", "email": "a@b.invalid"}, "sale")
	if !errors.Is(err, claims.ErrReserved) || !strings.Contains(err.Error(), `claim "name" must not be empty`) {
		t.Errorf("got %v", err)
	}
}

func TestClaimsTogetherAreSmall(t *testing.T) {
	list := map[string]any{"a": strings.Repeat("x", 300), "b": strings.Repeat("x", 300)}
	if _, err := claims.New(list, "sale"); !errors.Is(err, claims.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

// FuzzNew looks for a template that passes and is then filled in to something
// that is no JSON, too large, empty, or says what only the provider says.
func FuzzNew(f *testing.F) {
	f.Add("email", "{sub}@visitors.invalid", "room")
	f.Add("name", "“{position}” {room}", "sale")
	f.Add("Sub", "{sub}", "sale")
	f.Add("x", "{sub}}", "\x00")
	f.Fuzz(func(t *testing.T, name, value, room string) {
		template, err := claims.New(map[string]any{name: value}, room)
		if err != nil {
			return
		}
		filled := template.Append([]byte(`{"sub":"me"}`), visitor)
		var got struct {
			Subject string `json:"sub"`
		}
		var all map[string]any
		if err := errors.Join(json.Unmarshal(filled, &got), json.Unmarshal(filled, &all)); err != nil || got.Subject != "me" {
			t.Fatalf("%q: %q became %s: %v", name, value, filled, err)
		}
		if text, ok := all[name].(string); !ok || strings.TrimSpace(text) == "" || len(all) != 2 {
			t.Errorf("%q: %q became %s", name, value, filled)
		}
	})
}
