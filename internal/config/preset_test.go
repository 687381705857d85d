package config_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/internal/config"
	"github.com/anteroom-dev/anteroom/oidc/claims"
)

// clientWith returns a client that has the keys given, in flow style.
func clientWith(t *testing.T, keys string) config.Client {
	t.Helper()
	return parse(t, fmt.Sprintf(`
issuer: https://wait.example.com
store: {url: "memory:"}
rooms: [{id: sale}]
clients: [{id: shop, public: true, room: sale, redirect_uris: ["https://shop.example.com/cb"], %s}]
`, keys)).Clients[0]
}

func TestPresetSetsWhatItsTableSays(t *testing.T) {
	for _, preset := range config.Presets() {
		t.Run(string(preset.Preset), func(t *testing.T) {
			keys, login := fmt.Sprintf("preset: %s", preset.Preset), preset.ReinitiateURL
			if preset.Demanded {
				login = "https://shop.example.com/login"
				keys += fmt.Sprintf(", reinitiate_url: %q", login)
			}
			client := clientWith(t, keys)
			got := config.PresetDefaults{
				Preset: client.Preset, TransactionTTL: client.TransactionTTL, Refresh: client.Refresh, Claims: client.Claims,
				ReinitiateURL: client.ReinitiateURL, Accounts: preset.Accounts, Demanded: preset.Demanded,
			}
			want := preset
			want.ReinitiateURL = login
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("client (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutAPresetAClientIsGeneric(t *testing.T) {
	got := clientWith(t, "queue_position: true")
	if got.Preset != config.PresetGeneric || got.TransactionTTL != 0 || got.ReinitiateURL != "" || got.Claims != nil || got.Refresh != config.RefreshOfflineAccess {
		t.Errorf("client %+v", got)
	}
}

func TestWhatIsSetByHandWins(t *testing.T) {
	got := clientWith(t, `preset: wordpress, transaction_ttl: 10m, reinitiate_url: "{origin}/start", refresh: always, claims: {name: Guest}`)
	if got.TransactionTTL != 10*time.Minute || got.ReinitiateURL != "{origin}/start" || got.Refresh != config.RefreshAlways ||
		!maps.Equal(got.Claims, config.Claims{"name": "Guest"}) {
		t.Errorf("client %+v", got)
	}
	got = clientWith(t, `claims: {}, transaction_ttl: 0, preset: keycloak`)
	if got.TransactionTTL != 0 || got.ReinitiateURL != "" || len(got.Claims) != 0 || got.Refresh != config.RefreshOfflineAccess {
		t.Errorf("what is set to nothing: client %+v", got)
	}
	// A login that never dies need not be started afresh.
	clientWith(t, `preset: cognito, transaction_ttl: 0`)
}

// The tag that the reader obeys, the table, and what claims may be, agree.
func TestPresetsAreAsTheTagSays(t *testing.T) {
	field, _ := reflect.TypeFor[config.Client]().FieldByName("Preset")
	var names []string
	for _, preset := range config.Presets() {
		names = append(names, string(preset.Preset))
		if _, err := claims.New(preset.Claims, strings.Repeat("r", 50)); err != nil {
			t.Errorf("%s: %v", preset.Preset, err)
		}
	}
	if want := strings.Split(field.Tag.Get("enum"), "|"); !slices.Equal(want, names) {
		t.Errorf("presets %q, want those of the tag: %q", names, want)
	}
}
