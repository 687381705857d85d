// Package deploy_test checks what operators start from with the programs that will
// read it: the server's own reader for its configurations, and HAProxy and
// systemd for theirs. Schemas are checked in deploy/check, which needs more.
package deploy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// TestTheServerTakesEachConfiguration has the server read each configuration
// that is shipped, with its secrets in place.
func TestTheServerTakesEachConfiguration(t *testing.T) {
	for _, file := range []string{"compose/anteroom.yaml", "kubernetes/anteroom.yaml", "systemd/anteroom.yaml"} {
		t.Run(file, func(t *testing.T) {
			text := read(t, file)
			settings, err := config.Parse([]byte(withSecrets(t, text)), t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(settings.MasterSecrets) == 0 {
				t.Error("the secret is made on the first start; each node would make one of its own")
			}
			if len(settings.TrustedProxies) == 0 {
				t.Error("no proxy is trusted: all visitors would seem to come from one address")
			}
			for _, secret := range regexp.MustCompile(`[0-9a-f]{32,}`).FindAllString(text, -1) {
				if strings.Trim(secret, "0") != "" {
					t.Errorf("it has what looks like a secret: %s", secret)
				}
			}
		})
	}
}

// withSecrets makes the secrets and certificates that a configuration names, and
// returns it with their paths.
func withSecrets(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	cert, key := certificate(t)
	place := regexp.MustCompile(`/(?:run/secrets|etc/anteroom|var/lib/anteroom)/[a-z/.-]*[a-z]`)
	return place.ReplaceAllStringFunc(text, func(path string) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		content := []byte(strings.Repeat("0123456789abcdef", 4))
		switch filepath.Ext(path) {
		case ".crt":
			content = cert
		case ".key":
			content = key
		case ".db":
			return path
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	})
}

// certificate returns a certificate and its key.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// TestHAProxyTakesItsConfiguration lets HAProxy say what it thinks of the load
// balancer's configuration.
func TestHAProxyTakesItsConfiguration(t *testing.T) {
	haproxy := program(t, "haproxy", "/usr/sbin/haproxy")
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	// Read here, go test knows to run this again when it changes.
	if err := os.WriteFile(file, []byte(read(t, "compose/haproxy.cfg")), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), haproxy, "-c", "-f", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	for line := range strings.Lines(string(output)) {
		// Nodes have names where compose runs, not here.
		if strings.Contains(line, "[WARNING]") && !strings.Contains(line, "could not resolve address 'node") {
			t.Error(line)
		}
	}
}

// TestSystemdTakesTheUnit lets systemd verify the unit, which must not be exposed to
// more than it is now.
func TestSystemdTakesTheUnit(t *testing.T) {
	analyze := program(t, "systemd-analyze")
	dir := t.TempDir()
	// Its program must exist, and the tests' own will do.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const command = "/usr/local/bin/anteroom serve --config /etc/anteroom/anteroom.yaml"
	unit := strings.Replace(read(t, "systemd/anteroom.service"), "ExecStart="+command, "ExecStart="+self, 1)
	if !strings.Contains(unit, self) {
		t.Fatalf("the unit does not run %s", command)
	}
	file := filepath.Join(dir, "anteroom.service")
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	verify := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file)
	verify.Stdout, verify.Stderr = &output, &output
	if err := verify.Run(); err != nil {
		t.Errorf("verify: %v\n%s", err, &output)
	}
	for line := range strings.Lines(output.String()) {
		if strings.Contains(line, "anteroom.service") {
			t.Errorf("verify: %s", line)
		}
	}
	const worst = 15 // Tenths of what systemd calls the exposure level.
	exposed, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager",
		fmt.Sprintf("--threshold=%d", worst), file).CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, exposed)
	}
}

// TestTheUnitFitsItsConfiguration keeps the state where the unit lets the server
// write, and the secret where it takes it from.
func TestTheUnitFitsItsConfiguration(t *testing.T) {
	unit, settings := read(t, "systemd/anteroom.service"), read(t, "systemd/anteroom.yaml")
	for text, line := range map[string]string{
		settings: `store: {url: "bolt:/var/lib/anteroom/anteroom.db"}`,
		unit:     "StateDirectory=anteroom\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is missing", line)
		}
	}
	secret := regexp.MustCompile(`(?m)^secret_file: (\S+)$`).FindStringSubmatch(settings)
	if secret == nil || !strings.Contains(unit, "LoadCredential=master-secret:"+secret[1]+"\nEnvironment=ANTEROOM_SECRET_FILE=%d/master-secret\n") {
		t.Errorf("the unit does not hand over secret_file %v", secret)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// program returns the first of the named programs that there is. A machine that has none
// skips the test, unless CI is set.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing; .ci/run installs it", names[0])
	}
	t.Skipf("no %s", names[0])
	return ""
}
