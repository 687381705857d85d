package config

import (
	"fmt"
	"maps"
	"time"
)

// Preset is a kind of relying party. What it sets are defaults: whatever is set by
// hand wins, be it empty.
type Preset string

// The choices for [Client] Preset.
const (
	PresetALB            Preset = "alb"
	PresetCognito        Preset = "cognito"
	PresetWordPress      Preset = "wordpress"
	PresetModAuthOpenIDC Preset = "mod_auth_openidc"
	PresetOAuth2Proxy    Preset = "oauth2-proxy"
	PresetDex            Preset = "dex"
	PresetKeycloak       Preset = "keycloak"
	PresetEnvoy          Preset = "envoy"
	PresetGeneric        Preset = "generic"
)

// PresetDefaults is what a preset sets.
type PresetDefaults struct {
	Preset Preset

	// TransactionTTL is how long this kind of relying party keeps its side of a
	// login unless it is told otherwise, or 0 if that is not known.
	TransactionTTL time.Duration

	// ReinitiateURL is where its logins start afresh, or empty if there is no such
	// address that all of its kind have.
	ReinitiateURL string

	// Demanded says that the ReinitiateURL has to be set by hand.
	Demanded bool

	Refresh Refresh

	// Claims are what it demands of a user beyond a sub.
	Claims Claims

	// Accounts says that it keeps an account for each sub.
	Accounts bool
}

// Presets returns what the presets set.
func Presets() []PresetDefaults {
	return []PresetDefaults{
		{
			// Without a refresh token it keeps its session for seven days, whatever
			// becomes of the visit. It gives up a login with status 401.
			Preset: PresetALB, TransactionTTL: 15 * time.Minute, ReinitiateURL: "{origin}/", Refresh: RefreshAlways,
		},
		{
			// The login that dies is Cognito's own, and so does the application's:
			// only the application can start both afresh. It never refreshes.
			Preset: PresetCognito, TransactionTTL: 5 * time.Minute, Demanded: true, Refresh: RefreshNever, Accounts: true,
			Claims: Claims{"email": "{sub}@visitors.invalid", "email_verified": true},
		},
		{
			// OpenID Connect Generic would refresh with each request, if it did.
			Preset: PresetWordPress, TransactionTTL: 3 * time.Minute, Refresh: RefreshNever, Accounts: true,
			ReinitiateURL: "{origin}/wp-login.php?redirect_to={target_link_uri}",
			Claims:        Claims{"email": "{sub}@visitors.invalid", "preferred_username": "{sub}"},
		},
		{
			// Its redirect URI takes logins that a third party starts (OpenID
			// Connect Core 1.0 §4).
			Preset: PresetModAuthOpenIDC, TransactionTTL: 5 * time.Minute, Refresh: RefreshOfflineAccess,
			ReinitiateURL: "{redirect_uri}?iss={iss}&target_link_uri={target_link_uri}",
		},
		{
			Preset: PresetOAuth2Proxy, TransactionTTL: 15 * time.Minute, ReinitiateURL: "{origin}/oauth2/start?rd=/",
			Refresh: RefreshOfflineAccess,
			Claims:  Claims{"email": "{sub}@visitors.invalid", "email_verified": true},
		},
		{
			// It keeps a login for a day, and its connector reads all three claims. It
			// refreshes for applications that do, and asks for offline_access never.
			Preset: PresetDex, TransactionTTL: 24 * time.Hour, Refresh: RefreshAlways, Accounts: true,
			Claims: Claims{"name": "Visitor {position}", "email": "{sub}@visitors.invalid", "email_verified": true},
		},
		{
			// It is the one that can be told to start afresh. What it is not told, it
			// asks the visitor for.
			Preset: PresetKeycloak, TransactionTTL: 30 * time.Minute, ReinitiateURL: ReinitiateByError,
			Refresh: RefreshOfflineAccess, Accounts: true,
			Claims: Claims{
				"email": "{sub}@visitors.invalid", "given_name": "Visitor", "family_name": "{position}", "preferred_username": "{sub}",
			},
		},
		{
			Preset: PresetEnvoy, TransactionTTL: 10 * time.Minute, ReinitiateURL: "{origin}/", Refresh: RefreshOfflineAccess,
		},
		{
			Preset: PresetGeneric, Refresh: RefreshOfflineAccess,
		},
	}
}

// Defaults returns what the preset sets. An unknown one sets what generic does.
func (p Preset) Defaults() PresetDefaults {
	list := Presets()
	for _, defaults := range list {
		if defaults.Preset == p {
			return defaults
		}
	}
	return list[len(list)-1]
}

// applyPreset gives a client what its preset sets and the file doesn't.
func (l *loader) applyPreset(client *Client, path string) {
	defaults := client.Preset.Defaults()
	if !l.given(path + ".transaction_ttl") {
		client.TransactionTTL = defaults.TransactionTTL
	}
	if !l.given(path+".reinitiate_url") && client.TransactionTTL != 0 {
		client.ReinitiateURL = defaults.ReinitiateURL
	}
	if !l.given(path + ".refresh") {
		client.Refresh = defaults.Refresh
	}
	if !l.given(path + ".claims") {
		client.Claims = maps.Clone(defaults.Claims)
	}
}

// checkPreset checks what a preset demands of the other keys.
func (l *loader) checkPreset(client *Client, path string) {
	defaults := client.Preset.Defaults()
	if defaults.Demanded && client.ReinitiateURL == "" && client.TransactionTTL != 0 && !l.broken[path+".transaction_ttl"] {
		l.fault(path+".reinitiate_url", "is required with the preset %s: the address at which your application starts a login, such as https://app.example.com/login",
			client.Preset)
	}
	if defaults.Accounts && client.Subject == SubjectInsecureShared {
		l.check(path+".subject", fmt.Sprintf("must not be %s with the preset %s, which makes an account for each sub: all visitors would share one",
			SubjectInsecureShared, client.Preset))
	}
}
