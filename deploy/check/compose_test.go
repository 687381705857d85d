package check_test

import (
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"go.yaml.in/yaml/v3"
)

// stopTime is how long the server takes to stop at most, as internal/server has it.
const stopTime = 9 * time.Second

// Settings are what of the server's configuration concerns its surroundings. That
// it is right in itself is tested in the directory above.
type settings struct {
	Issuer         string   `yaml:"issuer"`
	Listen         string   `yaml:"listen"`
	TrustedProxies []string `yaml:"trusted_proxies"`
	SecretFile     string   `yaml:"secret_file"`
	StateDir       string   `yaml:"state_dir"`
	Management     struct {
		Listen    string `yaml:"listen"`
		TokenFile string `yaml:"token_file"`
		TLS       struct {
			CertFile string `yaml:"cert_file"`
			KeyFile  string `yaml:"key_file"`
		} `yaml:"tls"`
	} `yaml:"management"`
	Store struct {
		URL          string `yaml:"url"`
		PasswordFile string `yaml:"password_file"`
	} `yaml:"store"`
}

// port returns the port of an address to listen on.
func port(address string) string {
	return address[strings.LastIndex(address, ":")+1:]
}

func parseSettings(t *testing.T, text []byte) settings {
	t.Helper()
	var s settings
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// loadCompose reads compose.yaml as docker compose does, schema included.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// nodes returns the services that run the server.
func nodes(t *testing.T, project *types.Project) []types.ServiceConfig {
	t.Helper()
	var found []types.ServiceConfig
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		if project.Services[name].Image == "anteroom" {
			found = append(found, project.Services[name])
		}
	}
	if len(found) < 2 {
		t.Fatalf("%d nodes, want two", len(found))
	}
	return found
}

func TestNoContainerMayDoMoreThanItMust(t *testing.T) {
	for name, service := range loadCompose(t).Services {
		if !service.ReadOnly || service.Privileged || len(service.CapAdd) > 0 ||
			!slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Equal(service.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: read_only %v, cap_drop %v, security_opt %v", name, service.ReadOnly, service.CapDrop, service.SecurityOpt)
		}
		if image := service.Image; service.PullPolicy != types.PullPolicyNever && !regexp.MustCompile(`^[a-z]+:\d+\.\d+-alpine$`).MatchString(image) {
			t.Errorf("%s: image %s names no version", name, image)
		}
		for _, published := range service.Ports {
			if ip, err := netip.ParseAddr(published.HostIP); err != nil || !ip.IsLoopback() {
				t.Errorf("%s: publishes port %s to %q, but plain HTTP is for loopback", name, published.Published, published.HostIP)
			}
		}
	}
}

func TestComposeFitsTheImage(t *testing.T) {
	project, i := loadCompose(t), loadImage(t)
	state := last[*instructions.VolumeCommand](t, i).Volumes[0]
	args := last[*instructions.CmdCommand](t, i).CmdLine
	file := args[slices.Index(args, "--config")+1]
	volumes := make(map[string]string)
	for _, node := range nodes(t, project) {
		if !slices.ContainsFunc(node.Configs, func(c types.ServiceConfigObjConfig) bool { return c.Target == file }) {
			t.Errorf("%s has no %s, which the image runs with", node.Name, file)
		}
		if len(node.Volumes) != 1 || node.Volumes[0].Target != state {
			t.Errorf("%s has volumes %v, want one at %s", node.Name, node.Volumes, state)
		} else if other, taken := volumes[node.Volumes[0].Source]; taken {
			t.Errorf("%s and %s share a state_dir", node.Name, other)
		} else {
			volumes[node.Volumes[0].Source] = node.Name
		}
		if grace := node.StopGracePeriod; grace == nil || time.Duration(*grace) <= stopTime {
			t.Errorf("%s is given %v to stop, want more than %v", node.Name, grace, stopTime)
		}
	}
	built := nodes(t, project)[0].Build
	if built == nil {
		t.Fatal("nothing builds the image")
	}
	if path.Join(built.Context, built.Dockerfile) != path.Join(abs(t, root), "deploy/Dockerfile") {
		t.Errorf("built from %s in %s", built.Dockerfile, built.Context)
	}
}

func abs(t *testing.T, name string) string {
	t.Helper()
	name, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestComposeFitsTheConfiguration(t *testing.T) {
	project := loadCompose(t)
	s := parseSettings(t, []byte(read(t, "../compose/anteroom.yaml")))
	for _, node := range nodes(t, project) {
		if node.Volumes[0].Target != s.StateDir {
			t.Errorf("%s keeps %s, but the state is in %s", node.Name, node.Volumes[0].Target, s.StateDir)
		}
		for _, file := range []string{s.SecretFile, s.Management.TokenFile, s.Store.PasswordFile} {
			name, below := strings.CutPrefix(file, "/run/secrets/")
			if !below || !slices.ContainsFunc(node.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == name }) {
				t.Errorf("%s has no secret %s", node.Name, file)
			}
			if got := project.Secrets[name].File; got != abs(t, "../compose/secrets/"+name) {
				t.Errorf("secret %s comes from %s", name, got)
			}
		}
	}
	if !strings.HasPrefix(s.Management.Listen, "127.0.0.1:") {
		t.Errorf("the management listener is at %s, want loopback", s.Management.Listen)
	}
	balancer := project.Services["balancer"]
	if address := balancer.Networks["front"].Ipv4Address; !slices.Equal(s.TrustedProxies, []string{address}) {
		t.Errorf("the load balancer is at %s, but trusted are %v", address, s.TrustedProxies)
	}
	if network := project.Networks["front"].Ipam.Config[0].Subnet; !netip.MustParsePrefix(network).Contains(netip.MustParseAddr(s.TrustedProxies[0])) {
		t.Errorf("%s is not in the network %s", s.TrustedProxies[0], network)
	}
	store, err := url.Parse(s.Store.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := project.Services[store.Hostname()]; !ok || !project.Networks["store"].Internal {
		t.Errorf("the store is at %s, want a service that only the nodes reach", s.Store.URL)
	}
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	if got := balancer.Ports[0].Published; got != issuer.Port() {
		t.Errorf("published is port %s, but the issuer is %s", got, s.Issuer)
	}
}

func TestTheLoadBalancerKnowsAllNodes(t *testing.T) {
	project, text := loadCompose(t), read(t, "../compose/haproxy.cfg")
	s := parseSettings(t, []byte(read(t, "../compose/anteroom.yaml")))
	var want []string
	for _, node := range nodes(t, project) {
		want = append(want, node.Name+" "+node.Name+":"+port(s.Listen))
	}
	var got []string
	for _, match := range regexp.MustCompile(`(?m)^ +server (.*)$`).FindAllStringSubmatch(text, -1) {
		got = append(got, match[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("servers %q, want %q", got, want)
	}
	bound := regexp.MustCompile(`(?m)^ +bind :(\d+)$`).FindStringSubmatch(text)
	if target := project.Services["balancer"].Ports[0].Target; bound == nil || bound[1] != "8080" || target != 8080 {
		t.Errorf("it is bound to %v, and port %d is published", bound, target)
	}
	for _, want := range []string{"option forwardfor", "option httpchk GET /healthz", "%HPO"} {
		if !strings.Contains(text, want) {
			t.Errorf("haproxy.cfg does not say %q", want)
		}
	}
	// What the URL of a login carries must not be in a log.
	if regexp.MustCompile(`%HU|%HQ|%r\b|option httplog`).MatchString(text) {
		t.Error("haproxy.cfg logs query strings")
	}
}
