package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anteroom-dev/anteroom/internal/config"
)

var update = flag.Bool("update", false, "write golden files and docs/configuration.md anew")

// exact compares secrets by what they hide.
var exact = cmpopts.EquateComparable(netip.Prefix{}, config.Secret{})

// corpus returns the files of testdata that match pattern. A pattern that
// matches nothing fails the test, which would otherwise pass without a look.
func corpus(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no file matches testdata/%s", pattern)
	}
	return paths
}

// golden compares got with a file, or writes the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// parse parses a configuration that must be right.
func parse(t *testing.T, text string, environ ...string) *config.Config {
	t.Helper()
	got, err := config.Parse([]byte(text), t.TempDir(), environ)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return got
}

// messages returns the faults of a configuration that must be wrong, one a line.
func messages(t *testing.T, text string, environ ...string) string {
	t.Helper()
	_, err := config.Parse([]byte(text), t.TempDir(), environ)
	if err == nil {
		t.Fatal("parse accepted a configuration that is wrong")
	}
	return err.Error()
}

func TestGoodConfigurationsLoad(t *testing.T) {
	for _, path := range corpus(t, "good_*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, err := config.Load(path, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBadConfigurationsNameEveryFault(t *testing.T) {
	for _, path := range corpus(t, "bad_*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := config.Load(path, nil)
			if !errors.Is(err, config.ErrInvalid) {
				t.Fatalf("got %v, want ErrInvalid", err)
			}
			faults, ok := errors.AsType[config.Faults](err)
			if !ok {
				t.Fatalf("got %T, want Faults", err)
			}
			for i, fault := range faults {
				if fault.Line < 1 {
					t.Errorf("fault %q has no line", fault.Message)
				}
				if i > 0 && fault.Line < faults[i-1].Line {
					t.Errorf("fault of line %d comes after one of line %d", fault.Line, faults[i-1].Line)
				}
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", faults.Error()+"\n")
		})
	}
}

func TestMinimalConfigurationGetsTheDefaults(t *testing.T) {
	got, err := config.Load("testdata/good_minimal.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Issuer: "https://wait.example.com",
		Listen: ":8080",
		Management: config.Management{
			Listen:    "127.0.0.1:8081",
			TokenFile: "testdata/admin-token",
		},
		Store:      config.Store{URL: "bolt:anteroom.db", Path: "testdata/anteroom.db"},
		SecretFile: "testdata/master-secret",
		Keys:       config.Keys{Alg: config.AlgRS256, RotateEvery: 720 * time.Hour},
		Log:        config.Log{Format: "text", Level: slog.LevelInfo},
		Rooms: []config.Room{{
			ID:            "sale",
			Name:          "sale",
			Inlet:         config.Inlet{Kind: config.InletManual},
			PositionTTL:   15 * time.Minute,
			SessionTTL:    time.Hour,
			SessionMax:    4 * time.Hour,
			ExpiredPlaces: config.ExpiredReuse,
			PublicAPI:     true,
		}},
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestFullConfigurationIsReadAsWritten(t *testing.T) {
	got, err := config.Load("testdata/good_full.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	var hashed [32]byte
	if _, err := hex.Decode(hashed[:], []byte("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")); err != nil {
		t.Fatal(err)
	}
	client := config.Client{
		Room: "sale", Preset: config.PresetGeneric, ResponseTypes: []config.ResponseType{config.ResponseCode}, Refresh: config.RefreshOfflineAccess, Release: config.ReleaseClient, AccessTokenTTL: 15 * time.Minute,
		AccessToken: config.AccessTokenOpaque, Subject: config.SubjectVisit, Reauth: config.ReauthConfirm,
		IDTokenAlg: config.AlgES256, QueuePosition: true,
	}
	shop, mobile, third := client, client, client
	shop.ID = "shop"
	shop.SecretFile = "testdata/secrets/shop"
	shop.SecretHash = sha256.Sum256([]byte("shop-secret with spaces 123"))
	shop.RedirectURIs = []string{"https://shop.example.com:8443/cb?x=1&y=%2F", "http://localhost:3000/cb"}
	shop.PostLogoutRedirectURIs = []string{"https://shop.example.com/"}
	shop.Refresh, shop.AccessTokenTTL, shop.QueuePosition = config.RefreshAlways, 5*time.Minute, false
	shop.AccessToken, shop.Subject, shop.Reauth = config.AccessTokenJWT, config.SubjectBrowser, config.ReauthRequeue
	shop.IDTokenAlg = config.AlgRS256
	shop.TransactionTTL, shop.ReinitiateURL = 5*time.Minute, "{redirect_uri}?iss={iss}&target_link_uri={target_link_uri}"
	shop.TargetLinkURI = "https://shop.example.com:8443/sale?x=1"
	mobile.TransactionTTL, mobile.ReinitiateURL = 30*time.Minute, config.ReinitiateByError
	shop.Claims = config.Claims{
		"email": "{sub}@visitors.invalid", "email_verified": true, "birthdate": "2025-01-01", "level": int64(3), "share": 0.5,
	}
	mobile.ID, mobile.Public, mobile.Room = "mobile", true, "2026"
	mobile.RedirectURIs = []string{"http://127.0.0.1/cb"}
	mobile.Claims = config.Claims{}
	mobile.ResponseTypes = []config.ResponseType{config.ResponseCode, config.ResponseIDToken}
	third.ID = "hashed"
	third.SecretSHA256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
	third.SecretHash = hashed
	third.RedirectURIs = []string{"https://a.example/"}
	third.TransactionTTL, third.ReinitiateURL = 24*time.Hour, "{origin}/wp-login.php?redirect_to={target_link_uri}"

	want := &config.Config{
		Issuer: "https://wait.example.com:8443/line",
		Listen: "[::1]:0",
		Management: config.Management{
			Listen:            "10.1.2.3:9000",
			TokenFile:         "testdata/secrets/admin-token",
			InsecurePlaintext: true,
			Token:             config.NewSecret("admin-token-0123456789"),
		},
		Store:      config.Store{URL: "bolt:data/line.db", Path: "testdata/data/line.db"},
		SecretFile: "testdata/secrets/master",
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("192.0.2.7/32"),
			netip.MustParsePrefix("2001:db8::/32"),
		},
		Keys: config.Keys{Alg: config.AlgES256},
		Log:  config.Log{Format: "json", Level: slog.LevelDebug},
		Rooms: []config.Room{
			{
				ID:   "sale",
				Name: "Spring sale",
				Inlet: config.Inlet{
					Kind:  config.InletPeriodic,
					Add:   50,
					Every: time.Second,
					Start: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC),
					End:   time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC),
				},
				SessionTTL:    90 * time.Minute,
				SessionMax:    6 * time.Hour,
				ExpiredPlaces: config.ExpiredReuse,
			},
			{
				ID:            "2026",
				Name:          "2026",
				Inlet:         config.Inlet{Kind: config.InletOpen},
				PositionTTL:   15 * time.Minute,
				SessionTTL:    time.Hour,
				SessionMax:    4 * time.Hour,
				ExpiredPlaces: config.ExpiredReuse,
				PublicAPI:     true,
			},
		},
		Clients: []config.Client{shop, mobile, third},
		MasterSecrets: []config.Secret{
			config.NewSecret("newest-master-secret-0123456789abcdef"),
			config.NewSecret("older-master-secret-0123456789abcdefg"),
		},
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestFilesOfAMemoryStoreRestBesideTheConfiguration(t *testing.T) {
	got, err := config.Load("testdata/good_flow.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "testdata/admin-token"; got.Management.TokenFile != want {
		t.Errorf("token file: got %q, want %q", got.Management.TokenFile, want)
	}
	if got.SecretFile != "" || got.Store.Path != "" {
		t.Errorf("secret file %q and store path %q, want none", got.SecretFile, got.Store.Path)
	}
}

func TestAbsolutePathsStayAsTheyAre(t *testing.T) {
	got := parse(t, `{issuer: "https://a.example", store: {url: "bolt:/var/lib/anteroom/line.db"}, secret_file: /nowhere/master, rooms: [{id: a}]}`)
	want := []string{"/var/lib/anteroom/line.db", "/nowhere/master", "/var/lib/anteroom/admin-token"}
	if diff := cmp.Diff(want, []string{got.Store.Path, got.SecretFile, got.Management.TokenFile}); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestAFileThatCannotBeReadIsNoInvalidConfiguration(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, config.ErrInvalid) {
		t.Errorf("got %v, want ErrNotExist and not ErrInvalid", err)
	}
}

func TestAHugeFileIsRefusedUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("# padding\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(path, nil)
	if !errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("got %v, want a fault about the size", err)
	}
}

// TestAHugeListIsRefused stops a file of 1 MiB from taking minutes, as every
// client would be compared with every room.
func TestAHugeListIsRefused(t *testing.T) {
	got := messages(t, "issuer: https://a.example\nrooms: ["+strings.Repeat("{id: a},", 1001)+"]")
	if want := "line 2: rooms must have at most 1000 items"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFaultsCanBeTakenOneByOne(t *testing.T) {
	_, err := config.Parse([]byte("rooms: [{id: sale}]\nisuer: x\n"), "", nil)
	fault, ok := errors.AsType[config.Fault](err)
	want := config.Fault{Line: 1, Path: "issuer", Message: "issuer is required"}
	if !ok || fault != want {
		t.Errorf("got %+v, want %+v", fault, want)
	}
}

func TestIssuer(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://wait.example.com":            "",
		"https://wait.example.com:8443/a/b-c": "",
		"https://xn--wrteraum-0za.example":    "",
		"http://localhost:8080":               "",
		"http://wait.localhost":               "",
		"http://127.4.5.6:80800":              "port",
		"http://127.4.5.6":                    "",
		"http://[::1]:8080":                   "",
		"https://192.0.2.1":                   "",
		"http://wait.example.com":             "loopback",
		"http://127.0.0.1.example.com":        "loopback",
		"http://notlocalhost":                 "loopback",
		"https://wait.example.com/":           "slash",
		"https://wait.example.com/a/":         "slash",
		"https://wait.example.com?":           "query",
		"https://wait.example.com?a=b":        "query",
		"https://wait.example.com#":           "fragment",
		"https://wait.example.com#a":          "fragment",
		"https://me@wait.example.com":         "user name",
		"https://Wait.example.com":            "lower case",
		"HTTPS://wait.example.com":            "lower case",
		"https://wait.example.com:443":        "default port",
		"http://localhost:80":                 "default port",
		"https://wait.example.com//a":         "path",
		"https://wait.example.com/../a":       "path",
		"https://wait.example.com/%61":        "path",
		"https://[::0001]":                    "usual form",
		"https://wait..example.com":           "host",
		"wait.example.com":                    "absolute",
		"//wait.example.com":                  "https://",
		"ftp://wait.example.com":              "https://",
		"":                                    "absolute",
	} {
		t.Run(issuer, func(t *testing.T) {
			_, err := config.Parse([]byte("{issuer: '"+issuer+"', rooms: [{id: a}]}"), t.TempDir(), nil)
			switch {
			case want == "" && err != nil:
				t.Errorf("got %v, want no fault", err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("got %v, want a fault about %q", err, want)
			}
		})
	}
}

func TestManagementBeyondLoopbackNeedsConsent(t *testing.T) {
	for listen, loopback := range map[string]bool{
		"127.0.0.1:9": true, "[::1]:9": true, "localhost:9": true,
		":9": false, "0.0.0.0:9": false, "[::]:9": false, "10.0.0.1:9": false, "mgmt.example.com:9": false,
	} {
		t.Run(listen, func(t *testing.T) {
			const rest = `, issuer: "https://a.example", rooms: [{id: a}]}`
			text := `{management: {listen: "` + listen + `"}` + rest
			if _, err := config.Parse([]byte(text), t.TempDir(), nil); (err == nil) != loopback {
				t.Errorf("without insecure_plaintext: got %v, want acceptance %t", err, loopback)
			}
			parse(t, `{management: {insecure_plaintext: true, listen: "`+listen+`"}`+rest)
		})
	}
}
