package config_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/config"
)

const minimal = `{issuer: "https://wait.example.com", listen: ":1", rooms: [{id: sale}]}`

func TestEnvironmentOverridesTheFile(t *testing.T) {
	got := parse(t, minimal,
		"PATH=/bin",
		"ANTEROOM_ISSUER=https://line.example.com",
		"ANTEROOM_LISTEN=", // Empty counts as not set.
		"ANTEROOM_MANAGEMENT_LISTEN=0.0.0.0:9",
		"ANTEROOM_MANAGEMENT_INSECURE_PLAINTEXT=true",
		"ANTEROOM_MANAGEMENT_TOKEN_FILE=/nowhere/token",
		"ANTEROOM_STORE_URL=memory:",
		"ANTEROOM_SECRET_FILE=/nowhere/master",
		"ANTEROOM_KEYS_ALG=ES256",
		"ANTEROOM_KEYS_ROTATE_EVERY=48h",
		"ANTEROOM_LOG_FORMAT=json",
		"ANTEROOM_LOG_LEVEL=warn",
	)
	want := &config.Config{
		Issuer: "https://line.example.com",
		Listen: ":1",
		Management: config.Management{
			Listen: "0.0.0.0:9", TokenFile: "/nowhere/token", InsecurePlaintext: true,
		},
		Store:      config.Store{URL: "memory:"},
		SecretFile: "/nowhere/master",
		Keys:       config.Keys{Alg: config.AlgES256, RotateEvery: 48 * time.Hour},
		Log:        config.Log{Format: "json", Level: slog.LevelWarn},
		Rooms:      got.Rooms,
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestEnvironmentHoldsSecretsItself(t *testing.T) {
	got := parse(t, `{issuer: "https://a.example", secret_file: /nowhere, management: {token_file: /nowhere}, rooms: [{id: sale}]}`,
		"ANTEROOM_SECRET=the-newest-secret-0123456789abcdefgh\nan-older-secret-0123456789abcdefghij\n",
		"ANTEROOM_MANAGEMENT_TOKEN=admin-token-0123456789\n",
	)
	want := []config.Secret{
		config.NewSecret("the-newest-secret-0123456789abcdefgh"),
		config.NewSecret("an-older-secret-0123456789abcdefghij"),
	}
	if diff := cmp.Diff(want, got.MasterSecrets, exact); diff != "" {
		t.Errorf("master secrets (-want +got):\n%s", diff)
	}
	if got, want := got.Management.Token.Reveal(), "admin-token-0123456789"; got != want {
		t.Errorf("token: got %q, want %q", got, want)
	}
	if got.SecretFile != "" || got.Management.TokenFile != "" {
		t.Errorf("files %q and %q are named although the environment holds the secrets", got.SecretFile, got.Management.TokenFile)
	}
}

func TestEnvironmentFaultsNameTheVariable(t *testing.T) {
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"a misspelt variable":     {[]string{"ANTEROOM_LISTN=:1"}, `unknown environment variable "ANTEROOM_LISTN"; did you mean "ANTEROOM_LISTEN"?`},
		"a variable for a list":   {[]string{"ANTEROOM_ROOMS=sale"}, `unknown environment variable "ANTEROOM_ROOMS"`},
		"a variable like nothing": {[]string{"ANTEROOM_XYZZY=1"}, `unknown environment variable "ANTEROOM_XYZZY"`},
		"a wrong value":           {[]string{"ANTEROOM_ISSUER=http://wait.example.com"}, "ANTEROOM_ISSUER must begin with https://; http is for loopback hosts only"},
		"a wrong choice":          {[]string{"ANTEROOM_LOG_LEVEL=warning"}, `ANTEROOM_LOG_LEVEL must be debug, info, warn or error; did you mean "warn"?`},
		"a wrong truth value":     {[]string{"ANTEROOM_MANAGEMENT_INSECURE_PLAINTEXT=1"}, "ANTEROOM_MANAGEMENT_INSECURE_PLAINTEXT must be true or false"},
		"a short master secret":   {[]string{"ANTEROOM_SECRET=hunter2"}, "ANTEROOM_SECRET must hold secrets of 32 to 1024 bytes, one a line; line 1 has 7"},
		"a short token":           {[]string{"ANTEROOM_MANAGEMENT_TOKEN=hunter2"}, `ANTEROOM_MANAGEMENT_TOKEN must hold one line of 16 to 1024 characters out of A-Z, a-z, 0-9 and "-._~+/="`},
		"secret and file at once": {[]string{"ANTEROOM_SECRET_FILE=a", "ANTEROOM_SECRET=the-newest-secret-0123456789abcdefgh"}, "ANTEROOM_SECRET_FILE must not be set together with ANTEROOM_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := messages(t, minimal, test.environ...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestServiceLinksOfKubernetesAreIgnored keeps a pod from failing to start only
// because there is a service called "anteroom" in its namespace.
func TestServiceLinksOfKubernetesAreIgnored(t *testing.T) {
	links := []string{
		"ANTEROOM_SERVICE_HOST=10.0.0.1",
		"ANTEROOM_SERVICE_PORT=80",
		"ANTEROOM_SERVICE_PORT_HTTP=80",
		"ANTEROOM_PORT=tcp://10.0.0.1:80",
		"ANTEROOM_PORT_80_TCP=tcp://10.0.0.1:80",
		"ANTEROOM_PORT_80_TCP_PROTO=tcp",
		"ANTEROOM_PORT_80_TCP_PORT=80",
		"ANTEROOM_PORT_80_TCP_ADDR=10.0.0.1",
		"ANTEROOM_MANAGEMENT_SERVICE_HOST=10.0.0.2",
		"ANTEROOM_MANAGEMENT_PORT_8081_TCP_ADDR=10.0.0.2",
	}
	parse(t, minimal, append(links, "KUBERNETES_SERVICE_HOST=10.0.0.3")...)
	if got := messages(t, minimal, links...); strings.Count(got, "\n") != len(links)-1 {
		t.Errorf("outside a cluster: got %q, want a fault for each variable", got)
	}
}
