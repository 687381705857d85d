package server_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A secret that somebody made up, with the signs on which relying parties differ:
// some send it as it is, some as in a form, and some escape more than that.
func TestSecretGivenByHandWorksHoweverItIsSent(t *testing.T) {
	for name, given := range map[string]string{
		"signs":                       "Zz+/=%&:Zz+/=%&:",
		"what looks like an escape":   "a%41b%2Bc%20d+e/f=",
		"an escape that means itself": "0123456789%2525+%%",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "memory:", "{kind: open}")
			s.stop()
			if err := os.WriteFile(filepath.Join(s.dir, "by-hand"), []byte(given+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.text += `  - {id: by-hand, secret_file: by-hand, room: sale, redirect_uris: ["` + callback + `"]}` + "\n"
			s.start()
			basic := func(secret string) http.Header {
				return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("by-hand:"+secret))}}
			}
			everything := ""
			for _, b := range []byte(given) {
				everything += "%" + string("0123456789ABCDEF"[b>>4]) + string("0123456789ABCDEF"[b&15])
			}
			for way, row := range map[string]struct {
				header http.Header
				body   string
			}{
				"in the header, as it is":          {header: basic(given)},
				"in the header, as in a form":      {header: basic(url.QueryEscape(given))},
				"in the header, all of it escaped": {header: basic(everything)},
				"in the header, as scripts escape": {header: basic(strings.ReplaceAll(url.QueryEscape(given), "+", "%20"))},
				"in the body":                      {body: given},
			} {
				b := s.browser()
				form := url.Values{"grant_type": {"authorization_code"}, "code": {b.code(b.loginOf("by-hand"))}, "redirect_uri": {callback}}
				if row.body != "" {
					form.Set("client_id", "by-hand")
					form.Set("client_secret", row.body)
				}
				if got := s.browser().do(http.MethodPost, "/token", form, row.header); got.StatusCode != http.StatusOK {
					t.Errorf("%s: %d %s", way, got.StatusCode, got.text)
				}
			}
		})
	}
}
