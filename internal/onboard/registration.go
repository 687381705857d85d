package onboard

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// patient is how long a login must live for nobody to wait longer.
const patient = 24 * time.Hour

// demands is what one kind of relying party is known to demand of the
// configuration. An empty value demands nothing.
type demands struct {
	name string // for sentences

	// redirectURI is the form of its redirect URIs, shown as example.
	redirectURI *regexp.Regexp
	example     string
	// movable says that the relying party can be told to use another one.
	movable bool
	// root is where the path of a redirect URI begins if it lies at the root of its
	// host, where the preset's reinitiate_url leads.
	root *regexp.Regexp

	claims     []string // without which it refuses the user
	wanted     []string // without which somebody is asked, or something is missing
	httpsOnly  bool     // It refuses http, on loopback too.
	port443    bool     // It refuses other ports.
	publicHost bool     // It is far away: it finds public names only, and by IPv4.
	secret     bool     // It can't be a public client.
	neverRenew string   // what happens if it gets refresh tokens
	alwaysNew  string   // what happens if it doesn't
	fixedTTL   bool     // Its transaction_ttl can't be changed.
	cookies    bool     // It keeps tokens in cookies.
}

// demandsOf returns the demands of a preset. docs/clients says where they are
// known from.
func demandsOf(preset config.Preset) demands {
	switch preset {
	case config.PresetALB:
		return demands{
			name: "the load balancer", redirectURI: regexp.MustCompile(`^https://[a-z0-9.-]+(:[0-9]+)?/oauth2/idpresponse$`),
			example: "https://HOST/oauth2/idpresponse, with the host in lower case", httpsOnly: true, publicHost: true, secret: true,
			alwaysNew: "it keeps its session for seven days, whatever becomes of the visit; set refresh: always",
			fixedTTL:  true, cookies: true,
		}
	case config.PresetCognito:
		return demands{
			name: "Cognito", redirectURI: regexp.MustCompile(`^https://[a-z0-9.-]+/oauth2/idpresponse$`),
			example: "https://DOMAIN/oauth2/idpresponse, with the domain of the user pool", httpsOnly: true, port443: true, publicHost: true,
			secret: true, wanted: []string{"email", "email_verified"}, fixedTTL: true,
			neverRenew: "it never uses refresh tokens; set refresh: never",
		}
	case config.PresetWordPress:
		return demands{
			name: "WordPress", example: "https://HOST/wp-admin/admin-ajax.php?action=openid-connect-authorize",
			redirectURI: regexp.MustCompile(`(/wp-admin/admin-ajax\.php\?action=openid-connect-authorize|/openid-connect-authorize)$`),
			root:        regexp.MustCompile(`^/(wp-admin/|openid-connect-authorize)`),
			secret:      true, claims: []string{"email", "preferred_username"},
			neverRenew: "the plugin may use a refresh token with every request; set refresh: never",
		}
	case config.PresetModAuthOpenIDC:
		return demands{name: "mod_auth_openidc"}
	case config.PresetOAuth2Proxy:
		return demands{
			name: "oauth2-proxy", redirectURI: regexp.MustCompile(`/oauth2/callback$`), movable: true,
			root:    regexp.MustCompile(`^/oauth2/callback$`),
			example: "https://HOST/oauth2/callback, unless --proxy-prefix says otherwise", claims: []string{"email"},
		}
	case config.PresetDex:
		return demands{
			name: "Dex", redirectURI: regexp.MustCompile(`/callback$`), example: "the issuer of Dex and /callback",
			claims: []string{"name", "email", "email_verified"},
		}
	case config.PresetKeycloak:
		return demands{
			name: "Keycloak", redirectURI: regexp.MustCompile(`/realms/[^/]+/broker/[^/]+/endpoint$`),
			example: "https://HOST/realms/REALM/broker/ALIAS/endpoint", wanted: []string{"email", "given_name", "family_name"},
		}
	case config.PresetEnvoy:
		return demands{name: "Envoy", cookies: true}
	default:
		return demands{name: "the relying party"}
	}
}

// CheckRegistration returns what the configuration of a client says about its way
// to log in, by the demands of its preset. It finds nothing that the configuration
// itself would refuse.
func CheckRegistration(issuer string, client *config.Client) []Finding {
	d := demandsOf(client.Preset)
	var f findings
	d.checkIssuer(&f, issuer)
	d.checkRedirectURIs(&f, client)
	d.checkClaims(&f, client)
	d.checkLife(&f, client)
	d.checkWayRound(&f, client)
	if d.secret && client.Public {
		f.fault("%s needs a client secret, but the client is public; make one with anteroom client new", d.name)
	}
	if d.cookies && client.AccessToken == config.AccessTokenJWT {
		f.warn("%s keeps access tokens in cookies, and a JWT is six times as long; access_token: opaque is shorter", d.name)
	}
	if client.Subject == config.SubjectInsecureShared {
		f.warn("all visitors have one sub; what %s keeps by sub is seen by everybody", d.name)
	}
	if client.Preset == config.PresetCognito && client.Subject == config.SubjectVisit {
		f.warn("each visit is a user of its own, which the user pool keeps and may be billed for; subject: browser makes one for each browser")
	}
	return f
}

// checkIssuer looks at the issuer as a URL.
func (d demands) checkIssuer(f *findings, issuer string) {
	u, err := url.Parse(issuer)
	if err != nil {
		f.fault("the issuer %s is no URL", issuer)
		return
	}
	before := len(*f)
	if d.httpsOnly && u.Scheme != "https" {
		f.fault("the issuer %s is not https, which %s demands", issuer, d.name)
	}
	if d.port443 && u.Port() != "" {
		f.fault("the issuer names the port %s, and %s reaches 443 only; use an issuer without a port", u.Port(), d.name)
	}
	if d.publicHost && isLocalName(u.Hostname()) {
		f.fault("the issuer's host %s is not a public name, by which alone %s can find it", u.Hostname(), d.name)
	}
	if len(*f) == before {
		f.ok("the issuer is %s", issuer)
	}
}

// isLocalName reports whether no public DNS can know a host name.
func isLocalName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true // Certificates and relying parties want names.
	}
	for _, local := range []string{"localhost", "local", "internal", "test", "invalid", "home.arpa"} {
		if host == local || strings.HasSuffix(host, "."+local) {
			return true
		}
	}
	return !strings.Contains(host, ".")
}

// checkRedirectURIs looks at the form of the redirect URIs.
func (d demands) checkRedirectURIs(f *findings, client *config.Client) {
	for _, uri := range client.RedirectURIs {
		switch {
		case d.redirectURI == nil || d.redirectURI.MatchString(uri):
			f.ok("the redirect URI %s has the usual form", uri)
		case d.movable:
			f.warn("the redirect URI %s is not the usual one: %s", uri, d.example)
		default:
			f.fault("the redirect URI %s is not one of %s, whose are %s", uri, d.name, d.example)
		}
	}
}

// checkClaims looks for what the relying party wants to know of a user.
func (d demands) checkClaims(f *findings, client *config.Client) {
	before := len(*f)
	for _, name := range d.claims {
		if client.Claims[name] == nil {
			f.fault("%s refuses a user without %s; add it to claims, or leave claims to the preset", d.name, name)
		}
	}
	for _, name := range d.wanted {
		if client.Claims[name] == nil {
			f.warn("%s may want to know %s, which is not among claims", d.name, name)
		}
	}
	if client.Claims["email_verified"] == false {
		f.fault("email_verified is false, and %s may refuse addresses that are not verified; set it to true", d.name)
	}
	for _, name := range []string{"email", "preferred_username"} {
		// One address for all would be one account for all, or none for the second.
		if text, ok := client.Claims[name].(string); ok && !strings.Contains(text, "{sub}") {
			f.warn("the claim %s is not made of {sub}, so that visitors may share one account, or be refused for it", name)
		}
	}
	if len(*f) == before && len(d.claims)+len(d.wanted) > 0 {
		f.ok("the claims are what %s wants", d.name)
	}
}

// checkLife looks at how long logins and sessions last.
func (d demands) checkLife(f *findings, client *config.Client) {
	usual := client.Preset.Defaults().TransactionTTL
	switch {
	case usual != 0 && client.TransactionTTL == 0:
		f.warn("%s gives up a login after %v, but transaction_ttl is 0: visitors who wait longer are sent back too late", d.name, short(usual))
	case usual != 0 && client.TransactionTTL > usual && d.fixedTTL:
		f.fault("%s gives up a login after %v, which can't be changed, but transaction_ttl is %v", d.name, short(usual), short(client.TransactionTTL))
	case usual != 0 && client.TransactionTTL > usual:
		f.warn("%s gives up a login after %v unless it was told otherwise; transaction_ttl is %v", d.name, short(usual), short(client.TransactionTTL))
	case client.TransactionTTL != 0 && client.TransactionTTL < patient && client.ReinitiateURL == "":
		f.warn("a visitor who waits longer than %v sees a page with a link, as there is no reinitiate_url", short(client.TransactionTTL))
	case client.ReinitiateURL != "":
		f.ok("a login that waits longer than %v starts afresh", short(client.TransactionTTL))
	}
	if d.neverRenew != "" && client.Refresh != config.RefreshNever {
		f.warn("refresh is %s: %s", client.Refresh, d.neverRenew)
	}
	if d.alwaysNew != "" && client.Refresh != config.RefreshAlways {
		f.warn("refresh is %s: %s", client.Refresh, d.alwaysNew)
	}
}

// checkWayRound looks whether the preset's reinitiate_url leads to the relying party,
// which may lie below a path of its host.
func (d demands) checkWayRound(f *findings, client *config.Client) {
	if d.root == nil || client.ReinitiateURL == "" || client.ReinitiateURL != client.Preset.Defaults().ReinitiateURL {
		return
	}
	for _, uri := range client.RedirectURIs {
		if u, err := url.Parse(uri); err == nil && !d.root.MatchString(u.Path) {
			f.warn("reinitiate_url is %s, but going by %s, %s lies elsewhere; give the client a reinitiate_url and a target_link_uri of its own",
				client.ReinitiateURL, uri, d.name)
		}
	}
}

// short writes a duration without the units that are zero.
func short(d time.Duration) string {
	return regexp.MustCompile(`([hm])0[ms]`).ReplaceAllString(regexp.MustCompile(`m0s$`).ReplaceAllString(d.String(), "m"), "$1")
}
