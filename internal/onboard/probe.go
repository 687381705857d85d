package onboard

import (
	"cmp"
	"context"
	"encoding/json"
	"html"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 256 << 10
	// slow is from when on an answer is worth a warning: the least patient relying
	// party gives up after about a second.
	slow = 500 * time.Millisecond
	// soon is from when on a certificate should have been renewed.
	soon = 14 * 24 * time.Hour
)

// Probe asks a running server, over the network and as a relying party would. It
// changes nothing there and takes no place in the line. The zero value is ready
// to use.
type Probe struct {
	// HTTP sends the requests; nil is a client that trusts the system's
	// authorities. It must have a timeout.
	HTTP *http.Client
	// PrivateCA says that HTTP trusts more authorities than the system does.
	PrivateCA bool
	// NoLookup leaves out what DNS says of the issuer's name, for a server that is
	// reached in another way.
	NoLookup bool
	// Lookup finds the addresses of a host in a network, "ip4" or "ip6"; nil asks
	// the system.
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// Now is the time that certificates are compared with; nil is the system's.
	Now func() time.Time
}

// visit is one look at a server.
type visit struct {
	probe   Probe
	demands demands
	issuer  string
	client  *config.Client
	slowest time.Duration
	findings
}

// answer is an answer of the server.
type answer struct {
	*http.Response
	body []byte
}

// isJSON reports whether the answer says that it is JSON.
func (a answer) isJSON() bool {
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// redirected returns the parameters with which the answer sends the browser to uri,
// if it does.
func (a answer) redirected(uri string) url.Values {
	location := a.Header.Get("Location")
	back, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, uri) {
		return nil
	}
	return back.Query()
}

// posted returns the fields of the form that the answer has the browser post, if it
// does.
func (a answer) posted() url.Values {
	if a.StatusCode != http.StatusOK {
		return nil
	}
	fields := url.Values{}
	for _, field := range regexp.MustCompile(`name="([a-z_]+)" value="([^"]*)"`).FindAllStringSubmatch(string(a.body), -1) {
		fields.Set(field[1], html.UnescapeString(field[2]))
	}
	return fields
}

// Check asks the server at issuer for all that a client of it depends on. If it
// can't be reached at all, the first fault is the last.
func (p Probe) Check(ctx context.Context, issuer string, client *config.Client) []Finding {
	if p.HTTP == nil {
		p.HTTP = &http.Client{Timeout: 15 * time.Second}
	}
	// A relying party doesn't follow redirects of these endpoints, or shouldn't.
	direct := *p.HTTP
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.HTTP = &direct
	if p.Lookup == nil {
		p.Lookup = net.DefaultResolver.LookupNetIP
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	v := &visit{probe: p, demands: demandsOf(client.Preset), issuer: issuer, client: client}
	v.lookUp(ctx)
	found, ok := v.discover(ctx)
	if !ok {
		return v.findings
	}
	v.checkKeys(ctx, found.Keys)
	v.checkDoors(ctx)
	for _, uri := range client.RedirectURIs {
		v.checkLogin(ctx, uri)
	}
	if v.slowest > slow {
		v.warn("the slowest answer took %v; some relying parties give up after a second", v.slowest.Round(time.Millisecond))
	}
	return v.findings
}

// lookUp finds out whether a relying party far away finds the server.
func (v *visit) lookUp(ctx context.Context) {
	if !v.demands.publicHost {
		return
	}
	u, err := url.Parse(v.issuer)
	if err != nil {
		return // The registration has a fault already.
	}
	host := u.Hostname()
	if v.probe.NoLookup {
		v.warn("DNS was not asked for %s; %s must find it there, with an IPv4 address", host, v.demands.name)
		return
	}
	list, err := v.probe.Lookup(ctx, "ip4", host)
	if err != nil || len(list) == 0 {
		v.fault("%s has no IPv4 address in DNS, by which alone %s reaches it; add an A record", host, v.demands.name)
		return
	}
	for _, address := range list {
		switch address = address.Unmap(); {
		case address.IsLoopback() || address.IsUnspecified() || address.IsLinkLocalUnicast():
			v.fault("%s is %s, which leads nowhere from elsewhere; correct the A record", host, address)
		case address.IsPrivate():
			v.warn("%s is %s, a private address; make sure that %s and all visitors reach it", host, address, v.demands.name)
		default:
			v.ok("%s is %s", host, address)
		}
	}
}

// send sends a request, with a form if there is one, and reads the answer. It
// returns the words for what went wrong.
func (v *visit) send(ctx context.Context, method, target string, form url.Values, header http.Header) (answer, string) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return answer{}, "is no URL"
	}
	maps.Copy(r.Header, header)
	r.Header.Set("User-Agent", "anteroom-client-check")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	began := time.Now()
	response, err := v.probe.HTTP.Do(r)
	if err != nil {
		return answer{}, explain(err, r.URL.Hostname())
	}
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if closed := response.Body.Close(); cmp.Or(err, closed) != nil {
		return answer{}, "breaks off in the middle"
	}
	v.slowest = max(v.slowest, time.Since(began))
	return answer{response, read}, ""
}

// checkDoors looks whether requests of the relying party itself reach the server,
// rather than a filter in front of it.
func (v *visit) checkDoors(ctx context.Context) {
	for _, door := range []struct {
		path, code string
		form       url.Values
		header     http.Header
	}{
		{"/token", "invalid_client", url.Values{"grant_type": {"authorization_code"}}, nil},
		{"/userinfo", "invalid_token", nil, http.Header{"Authorization": {"Bearer none"}}},
	} {
		method := http.MethodGet
		if door.form != nil {
			method = http.MethodPost
		}
		got, wrong := v.send(ctx, method, v.issuer+door.path, door.form, door.header)
		if wrong != "" {
			v.fault("%s%s %s", v.issuer, door.path, wrong)
			continue
		}
		var refusal struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal(got.body, &refusal); err != nil || !got.isJSON() || refusal.Error != door.code ||
			got.StatusCode != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
			v.fault("%s%s answers a request without credentials with status %d, and not as the server does; "+
				"something in front of it answers instead: let it pass %s, without challenges and filters", v.issuer, door.path, got.StatusCode, method)
			continue
		}
		v.ok("%s%s can be reached", v.issuer, door.path)
	}
}

// sampleChallenge is that of RFC 7636 appendix B. No code ever comes of it.
const sampleChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// checkLogin asks for a login without a page, which nobody who isn't admitted
// gets, but which is refused in another way if the server doesn't know the client.
func (v *visit) checkLogin(ctx context.Context, uri string) {
	query := url.Values{
		"client_id": {v.client.ID}, "redirect_uri": {uri}, "scope": {"openid"},
		"prompt": {"none"}, "state": {"client-check"},
	}
	byForm := !slices.Contains(v.client.ResponseTypes, config.ResponseCode)
	if byForm {
		query.Set("response_type", "id_token")
		query.Set("response_mode", "form_post")
		query.Set("nonce", "client-check")
	} else {
		query.Set("response_type", "code")
	}
	if v.client.Public && !byForm {
		query.Set("code_challenge", sampleChallenge)
		query.Set("code_challenge_method", "S256")
	}
	got, wrong := v.send(ctx, http.MethodGet, v.issuer+"/authorize?"+query.Encode(), nil, nil)
	if wrong != "" {
		v.fault("%s/authorize %s", v.issuer, wrong)
		return
	}
	back := got.redirected(uri)
	if byForm {
		back = got.posted()
	}
	switch {
	case back.Get("state") != "client-check":
		v.fault("the running server does not know %s as a redirect URI of %s (status %d); restart it with this configuration",
			uri, v.client.ID, got.StatusCode)
	case back.Get("error") == "login_required":
		v.ok("the running server knows the redirect URI %s", uri)
	default:
		v.warn("the running server knows the redirect URI %s, but answers %.64q", uri, back.Get("error"))
	}
}
