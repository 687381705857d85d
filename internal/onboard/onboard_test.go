package onboard_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/onboard"
)

const issuer = "https://wait.example.com"

// usual holds, for each preset, a redirect URI and further keys of a client that is
// as it should be.
var usual = map[config.Preset][2]string{
	config.PresetALB:            {"https://shop.example.com/oauth2/idpresponse", ""},
	config.PresetCognito:        {"https://shop.auth.eu-west-1.amazoncognito.com/oauth2/idpresponse", `reinitiate_url: "https://shop.example.com/login", subject: browser`},
	config.PresetWordPress:      {"https://blog.example.com/wp-admin/admin-ajax.php?action=openid-connect-authorize", ""},
	config.PresetModAuthOpenIDC: {"https://shop.example.com/callback", ""},
	config.PresetOAuth2Proxy:    {"https://shop.example.com/oauth2/callback", ""},
	config.PresetDex:            {"https://dex.example.com/callback", ""},
	config.PresetKeycloak:       {"https://sso.example.com/realms/shop/broker/waiting-room/endpoint", ""},
	config.PresetEnvoy:          {"https://shop.example.com/oauth2/callback", ""},
	config.PresetGeneric:        {"https://shop.example.com/callback", ""},
}

// client returns a client with the keys given, in flow style.
func client(t *testing.T, keys ...string) *config.Client {
	t.Helper()
	text := fmt.Sprintf(`
issuer: %s
store: {url: "memory:"}
rooms: [{id: sale}]
clients: [{id: shop, room: sale, %s}]
`, issuer, strings.Join(keys, ", "))
	if !strings.Contains(text, "public:") {
		text = strings.Replace(text, "id: shop", `id: shop, secret_sha256: "`+strings.Repeat("0", 64)+`"`, 1)
	}
	c, err := config.Parse([]byte(text), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &c.Clients[0]
}

// usualClient returns a client of a preset, as it should be but for what is given.
func usualClient(t *testing.T, preset config.Preset, keys ...string) *config.Client {
	t.Helper()
	row := usual[preset]
	all := append([]string{"preset: " + string(preset)}, slices.DeleteFunc(keys, func(key string) bool { return key == "" })...)
	if !strings.Contains(strings.Join(keys, " "), "redirect_uris:") {
		all = append(all, fmt.Sprintf("redirect_uris: [%q]", row[0]))
	}
	if row[1] != "" && !strings.Contains(strings.Join(keys, " "), "reinitiate_url:") {
		all = append(all, row[1])
	}
	return client(t, all...)
}

// worse returns the findings that are not ok, one a line.
func worse(list []onboard.Finding) string {
	var lines []string
	for _, finding := range list {
		if finding.Level != onboard.LevelOK {
			lines = append(lines, finding.String())
		}
	}
	return strings.Join(lines, "\n")
}

func TestEveryPresetHasAGuide(t *testing.T) {
	for _, preset := range config.Presets() {
		t.Run(string(preset.Preset), func(t *testing.T) {
			var b strings.Builder
			if err := onboard.WriteGuide(&b, issuer, usualClient(t, preset.Preset)); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{issuer, "shop"} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("the guide does not name %s:\n%s", want, b.String())
				}
			}
			if bad := regexp.MustCompile(`\{\{|<no value>`).FindString(b.String()); bad != "" {
				t.Errorf("the guide has %q:\n%s", bad, b.String())
			}
		})
	}
}

// What a preset sets is what its relying party demands.
func TestUsualClientsAreFoundRight(t *testing.T) {
	for _, preset := range config.Presets() {
		t.Run(string(preset.Preset), func(t *testing.T) {
			list := onboard.CheckRegistration(issuer, usualClient(t, preset.Preset))
			if got := worse(list); got != "" || len(list) == 0 {
				t.Errorf("findings:\n%s", got)
			}
		})
	}
}

func TestCheckRegistrationSaysWhatIsWrong(t *testing.T) {
	const accounts = "one account"
	for name, row := range map[string]struct {
		preset config.Preset
		issuer string
		keys   string
		want   string
	}{
		"a load balancer and plain http":           {config.PresetALB, "http://localhost:8080", "", "fault    the issuer http://localhost:8080 is not https"},
		"a load balancer and a name on loopback":   {config.PresetALB, "https://wait.localhost", "", "fault    the issuer's host wait.localhost is not a public name"},
		"a load balancer and an address":           {config.PresetALB, "https://192.0.2.1", "", "fault    the issuer's host 192.0.2.1 is not a public name"},
		"a load balancer and another redirect URI": {config.PresetALB, issuer, `redirect_uris: ["https://shop.example.com/cb"]`, "fault    the redirect URI https://shop.example.com/cb is not one of the load balancer"},
		"a load balancer without refresh tokens":   {config.PresetALB, issuer, "refresh: never", "warning  refresh is never: it keeps its session for seven days"},
		"a load balancer that waits too long":      {config.PresetALB, issuer, "transaction_ttl: 20m", "fault    the load balancer gives up a login after 15m, which can't be changed"},
		"a load balancer that waits for ever":      {config.PresetALB, issuer, "transaction_ttl: 0", "warning  the load balancer gives up a login after 15m, but transaction_ttl is 0"},
		"a public load balancer":                   {config.PresetALB, issuer, "public: true", "fault    the load balancer needs a client secret"},
		"Envoy and long tokens":                    {config.PresetEnvoy, issuer, "access_token: jwt", "warning  Envoy keeps access tokens in cookies"},
		"Cognito and another port":                 {config.PresetCognito, issuer + ":8443", "", "fault    the issuer names the port 8443"},
		"Cognito and refresh tokens":               {config.PresetCognito, issuer, "refresh: always", "warning  refresh is always: it never uses refresh tokens"},
		"Cognito and a user for each visit":        {config.PresetCognito, issuer, `reinitiate_url: "https://a.example/"`, "warning  each visit is a user of its own"},
		"Cognito without an e-mail address":        {config.PresetCognito, issuer, "claims: {}", "warning  Cognito may want to know email"},
		"WordPress without an e-mail address":      {config.PresetWordPress, issuer, `claims: {preferred_username: "{sub}"}`, "fault    WordPress refuses a user without email"},
		"WordPress with one address for all":       {config.PresetWordPress, issuer, `claims: {email: a@b.invalid, preferred_username: "{sub}"}`, accounts},
		"WordPress and another plugin's URI":       {config.PresetWordPress, issuer, `redirect_uris: ["https://blog.example.com/cb"]`, "fault    the redirect URI https://blog.example.com/cb is not one of WordPress"},
		"oauth2-proxy without an e-mail address":   {config.PresetOAuth2Proxy, issuer, "claims: {}", "fault    oauth2-proxy refuses a user without email"},
		"oauth2-proxy and an unverified address":   {config.PresetOAuth2Proxy, issuer, `claims: {email: "{sub}@a.invalid", email_verified: false}`, "fault    email_verified is false"},
		"oauth2-proxy with another prefix":         {config.PresetOAuth2Proxy, issuer, `redirect_uris: ["https://a.example/auth/cb"]`, "warning  the redirect URI https://a.example/auth/cb is not the usual one"},
		"oauth2-proxy with more patience":          {config.PresetOAuth2Proxy, issuer, "transaction_ttl: 1h", "warning  oauth2-proxy gives up a login after 15m unless it was told otherwise; transaction_ttl is 1h"},
		"oauth2-proxy below a path":                {config.PresetOAuth2Proxy, issuer, `redirect_uris: ["https://a.example/b/oauth2/callback"]`, "warning  reinitiate_url is {origin}/oauth2/start?rd=/, but"},
		"WordPress below a path":                   {config.PresetWordPress, issuer, `redirect_uris: ["https://a.example/blog/openid-connect-authorize"]`, "warning  reinitiate_url is {origin}/wp-login.php?redirect_to={target_link_uri}, but"},
		"Dex without a name":                       {config.PresetDex, issuer, `claims: {email: "{sub}@a.invalid", email_verified: true}`, "fault    Dex refuses a user without name"},
		"Keycloak without names":                   {config.PresetKeycloak, issuer, `claims: {email: "{sub}@a.invalid"}`, "warning  Keycloak may want to know given_name"},
		"Keycloak and another redirect URI":        {config.PresetKeycloak, issuer, `redirect_uris: ["https://sso.example.com/"]`, "fault    the redirect URI https://sso.example.com/ is not one of Keycloak"},
		"one sub for all":                          {config.PresetGeneric, issuer, "subject: insecure_shared", "warning  all visitors have one sub"},
		"nowhere to start afresh":                  {config.PresetGeneric, issuer, "transaction_ttl: 5m", "warning  a visitor who waits longer than 5m sees a page with a link"},
	} {
		t.Run(name, func(t *testing.T) {
			c := usualClient(t, row.preset, row.keys)
			if got := worse(onboard.CheckRegistration(row.issuer, c)); !strings.Contains(got, row.want) {
				t.Errorf("findings:\n%s\nwant %s", got, row.want)
			}
		})
	}
}

func TestFaultsCountsFaultsAlone(t *testing.T) {
	list := []onboard.Finding{{Level: onboard.LevelOK}, {Level: onboard.LevelFault}, {Level: onboard.LevelWarning}, {Level: onboard.LevelFault}}
	if got := onboard.Faults(list); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
}
