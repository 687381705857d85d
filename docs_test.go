package anteroom_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/internal/server"
)

// TestLinksResolve follows each relative link of each document to its file and
// its heading.
func TestLinksResolve(t *testing.T) {
	// What commands make, `make bench` the one and the screenshots of `make e2e`
	// the others, may be linked before it is there.
	made := []string{"docs/performance.md", "docs/images/waiting-light.png", "docs/images/waiting-dark.png"}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	for document, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(withoutCode(text), -1) {
			target, heading, _ := strings.Cut(match[1]+match[2], "#")
			if strings.Contains(target, ":") {
				continue // Of the web.
			}
			file := document
			if target != "" {
				file = path.Join(path.Dir(document), target)
			}
			if slices.Contains(made, file) {
				continue
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which does not exist", document, file)
				continue
			}
			if heading != "" && !slices.Contains(headings(documents(t)[file]), heading) {
				t.Errorf("%s links to %s#%s, which has no such heading", document, file, heading)
			}
		}
	}
}

// TestReadmeHasTheTwoCommands keeps what a newcomer types first.
func TestReadmeHasTheTwoCommands(t *testing.T) {
	readme := documents(t)["README.md"]
	for _, command := range []string{"\ngo run ./cmd/anteroom demo\n", "\nmake test\n"} {
		if !strings.Contains(readme, command) {
			t.Errorf("README.md has no line %q", strings.TrimSpace(command))
		}
	}
}

// TestEveryLibraryHasAReason compares the modules that any file imports, under
// whatever build tag, with the decisions.
func TestEveryLibraryHasAReason(t *testing.T) {
	var decisions strings.Builder
	for document, text := range documents(t) {
		if strings.HasPrefix(document, "docs/adr/") {
			decisions.WriteString(text)
		}
	}
	required := requirements(t)
	for imported, file := range imports(t) {
		if imported == module || strings.HasPrefix(imported, module+"/") || !strings.Contains(strings.Split(imported, "/")[0], ".") {
			continue
		}
		i := slices.IndexFunc(required, func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") })
		if i < 0 {
			t.Errorf("%s imports %s, which no go.mod requires", file, imported)
			continue
		}
		if !strings.Contains(decisions.String(), "`"+required[i]+"`") {
			t.Errorf("%s imports %s: say in docs/adr why it is there", file, required[i])
		}
	}
}

// TestMetricsAreDocumented compares the metrics of a running server with those
// that the documents name.
func TestMetricsAreDocumented(t *testing.T) {
	metric := regexp.MustCompile(`\banteroom_[a-z_]+[a-z]`)
	documented := make(map[string]bool)
	for _, text := range documents(t) {
		for _, name := range metric.FindAllString(text, -1) {
			documented[name] = true
		}
	}
	served := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (anteroom_\S+)`).FindAllStringSubmatch(metrics(t), -1) {
		served[match[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Errorf("metrics differ (-served +documented):\n%s", diff)
	}
}

// TestPackagesAreDescribed compares the package table of ARCHITECTURE.md with the
// directories that have Go files.
func TestPackagesAreDescribed(t *testing.T) {
	var described []string
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| .* \\| .* \\|$")
	for _, match := range row.FindAllStringSubmatch(documents(t)["ARCHITECTURE.md"], -1) {
		described = append(described, match[1])
	}
	there := make(map[string]bool)
	for file := range sources(t) {
		if dir := path.Dir(file); dir != "." {
			there[dir] = true
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(there)), described); diff != "" {
		t.Errorf("packages differ (-there +described):\n%s", diff)
	}
}

// TestNamedTestsExist looks for each test that a document names as a proof,
// including the sentences of storetest, such as TestStore/Codes/a code is….
func TestNamedTestsExist(t *testing.T) {
	var all strings.Builder
	for _, source := range sources(t) {
		all.Write(source)
	}
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)(/[^`]+)?`")
	for document, text := range documents(t) {
		for _, match := range name.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(all.String(), "func "+match[1]+"(") {
				t.Errorf("%s names %s, which does not exist", document, match[1])
			}
			if match[2] != "" && !strings.Contains(all.String(), strconv.Quote(path.Base(match[2]))) {
				t.Errorf("%s names %s%s, which does not exist", document, match[1], match[2])
			}
		}
	}
}

// TestLogLinesAreWorded looks for each message of the log that operators are
// told of, which they search for word by word.
func TestLogLinesAreWorded(t *testing.T) {
	var all strings.Builder
	for _, source := range sources(t) {
		all.Write(source)
	}
	row := regexp.MustCompile("(?m)^\\| (?:debug|info|warn|error) \\| `([^`]+)` \\|")
	rows := row.FindAllStringSubmatch(documents(t)["docs/operations.md"], -1)
	if len(rows) == 0 {
		t.Fatal("docs/operations.md has no table of log lines")
	}
	for _, match := range rows {
		// A library says this one.
		if message := match[1]; message != "registered route" && !strings.Contains(all.String(), strconv.Quote(message)) {
			t.Errorf("nothing logs %q", message)
		}
	}
}

// makeCertificate writes a certificate and its key, which nobody trusts.
func makeCertificate(t *testing.T, dir string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: cert}, {Type: "PRIVATE KEY", Bytes: key}} {
		file := map[string]string{"CERTIFICATE": "cert.pem", "PRIVATE KEY": "key.pem"}[block.Type]
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// metrics returns what a server answers at /metrics that has all that is measured.
func metrics(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	makeCertificate(t, dir)
	settings, err := config.Parse([]byte(`
issuer: https://localhost
listen: "127.0.0.1:0"
tls: {cert_file: cert.pem, key_file: key.pem}
management: {listen: "127.0.0.1:0", token_file: token}
store: {url: "memory:"}
rooms: [{id: sale}]
`), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	running, err := server.New(server.Options{Config: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := running.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if err := running.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+running.ManagementAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(admin)))
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("metrics: status %d, error %v", answer.StatusCode, err)
	}
	return string(body)
}

// files returns the files of the checkout with the given extension, by path.
func files(t *testing.T, extension string) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := entry.Name(); entry.IsDir() && name != "." &&
			(base[0] == '.' || base == "node_modules" || base == "testdata" || base == "artifacts") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != extension {
			return nil
		}
		content, err := os.ReadFile(name)
		found[filepath.ToSlash(name)] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// documents returns all documents by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for name, content := range files(t, ".md") {
		texts[name] = string(content)
	}
	return texts
}

// sources returns all Go files by path.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	return files(t, ".go")
}

// imports returns what the Go files import, each with one file that does.
func imports(t *testing.T) map[string]string {
	t.Helper()
	imported := make(map[string]string)
	for name, source := range sources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			imported[strings.Trim(spec.Path.Value, `"`)] = name
		}
	}
	return imported
}

// requirements returns the modules that the go.mod files require, the longest
// first, so that the first that fits an import is the one that it comes from.
func requirements(t *testing.T) []string {
	t.Helper()
	var modules []string
	for _, text := range files(t, ".mod") {
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(strings.TrimPrefix(line, "require ")); len(fields) > 1 && strings.HasPrefix(fields[1], "v") {
				modules = append(modules, fields[0])
			}
		}
	}
	slices.SortFunc(modules, func(a, b string) int { return len(b) - len(a) })
	return modules
}

// withoutCode returns a document without its fenced blocks and code spans, in
// which brackets mean something else.
func withoutCode(text string) string {
	text = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "code")
}

// headings returns the anchors of a document's headings.
func headings(text string) []string {
	var anchors []string
	text = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		var anchor bytes.Buffer
		for _, r := range strings.ToLower(match[1]) {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
				anchor.WriteRune(r)
			case r == ' ':
				anchor.WriteByte('-')
			}
		}
		anchors = append(anchors, anchor.String())
	}
	return anchors
}

// TestEveryPresetHasAPage ties each kind of relying party to the page that says how
// to connect it, and that page to what the preset sets and the command prints.
func TestEveryPresetHasAPage(t *testing.T) {
	all := documents(t)
	for _, preset := range config.Presets() {
		page := "docs/clients/" + string(preset.Preset) + ".md"
		text, ok := all[page]
		if !ok {
			t.Errorf("%s does not exist", page)
			continue
		}
		for _, document := range []string{"README.md", "docs/README.md", "docs/clients/generic.md"} {
			if link := path.Base(page) + ")"; document != page && !strings.Contains(all[document], link) {
				t.Errorf("%s does not link to %s", document, page)
			}
		}
		wanted := []string{"anteroom client new", "## On this side", "## On the other side", "## Logging out"}
		if preset.Preset != config.PresetGeneric {
			wanted = append(wanted, "--preset "+string(preset.Preset)+" ", "## What visitors see", "## Known limits")
		}
		if preset.ReinitiateURL != "" {
			wanted = append(wanted, "| `"+preset.ReinitiateURL+"` |")
		}
		for name, value := range preset.Claims {
			form := fmt.Sprintf("%s: %v", name, value)
			if text, ok := value.(string); ok && strings.Contains(text, "{") {
				form = fmt.Sprintf("%s: %q", name, text)
			}
			wanted = append(wanted, "`"+form+"`")
		}
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", page, want)
			}
		}
	}
}
