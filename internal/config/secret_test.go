package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/anteroom-dev/anteroom/internal/config"
)

func TestSecretShowsItselfNowhere(t *testing.T) {
	const value = "hunter2hunter2hunter2"
	secret := config.NewSecret(value)
	c := &config.Config{MasterSecrets: []config.Secret{secret}, Management: config.Management{Token: secret}}
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		shown[verb] = fmt.Sprintf(verb+" "+verb, secret, c)
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"JSON": json.Marshal, "YAML": yaml.Marshal} {
		encoded, err := marshal(map[string]any{"secret": secret, "config": c})
		if err != nil {
			t.Fatal(err)
		}
		shown[name] = string(encoded)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "secret", secret, "config", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "secret", secret, "config", c)
	shown["slog"] = log.String()

	for by, text := range shown {
		hex := fmt.Sprintf("%x", value)
		if strings.Contains(text, value) || strings.Contains(text, hex) {
			t.Errorf("%s shows the secret: %s", by, text)
		}
	}
	if secret.Reveal() != value || secret.IsZero() {
		t.Error("the secret is lost")
	}
}

// TestFaultsRepeatNoSecret looks for the secrets that stand in wrong places of
// the configuration.
func TestFaultsRepeatNoSecret(t *testing.T) {
	const secret = "hunter2"
	got := messages(t, `
issuer: https://me:hunter2@wait.example.com
store: {url: "redis://me:hunter2@redis"}
rooms: [{id: sale}]
clients:
  - {id: a, room: sale, redirect_uris: ["https://me:hunter2@a.example/"], secret_sha256: hunter2}
`, "ANTEROOM_SECRET="+secret, "ANTEROOM_MANAGEMENT_TOKEN="+secret, "ANTEROOM_PASSWORD="+secret)
	if strings.Contains(got, secret) {
		t.Errorf("a fault repeats a secret:\n%s", got)
	}
}

func TestSecretFilesThatTheServerCreatesMayBeMissing(t *testing.T) {
	got := parse(t, `{issuer: "https://a.example", secret_file: master, management: {token_file: token}, rooms: [{id: a}]}`)
	if len(got.MasterSecrets) != 0 || !got.Management.Token.IsZero() {
		t.Error("secrets came out of nowhere")
	}
}

func TestSecretFilesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := messages(t, `{issuer: "https://a.example", secret_file: "`+path+`", rooms: [{id: a}]}`)
	if want := "line 1: secret_file cannot be read: is larger than 65536 bytes"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
