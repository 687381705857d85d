//go:build e2e

package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// accessiblePage is under a policy as strict as the product's own.
const accessiblePage = `<!doctype html><html lang="en"><title>Trial</title><main><h1>Trial</h1><p id="p">Hello.</p></main></html>`

func TestServerComesBackAfterAStopAndACrash(t *testing.T) {
	s := startServer(t, "rooms: [{id: sale, inlet: {kind: manual}}]\n")
	for _, end := range []func(){func() {}, s.Stop, s.Kill} {
		end()
		s.Restart()
		for _, base := range []string{s.Issuer, s.Management} {
			resp, err := http.Get(base + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("GET %s/healthz: got status %d, want 200", base, resp.StatusCode)
			}
		}
	}
}

func TestBrowserAuditsAPageUnderAStrictPolicy(t *testing.T) {
	for name, page := range map[string]struct {
		html string
		want []string // rules broken
	}{
		"a good page breaks no rule":          {accessiblePage, nil},
		"a picture without a text is noticed": {strings.Replace(accessiblePage, "Hello.", `<img src="/picture">`, 1), []string{"image-alt"}},
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t, page.html)
			b := newBrowser(t)
			b.Prefer("prefers-color-scheme", "dark")
			b.Do(chromedp.Navigate(site), chromedp.WaitVisible("#p"))
			var got []string
			for _, v := range b.Audit() {
				got = append(got, v.ID)
				t.Log(v)
			}
			if !slices.Equal(got, page.want) {
				t.Errorf("got rules broken %q, want %q", got, page.want)
			}
			if c := b.Complaints(); len(c) > 0 {
				t.Errorf("got complaints %q, want none", c)
			}
		})
	}
}

func TestBrowserReportsWhatAPageDoes(t *testing.T) {
	site := newSite(t, strings.Replace(accessiblePage, "Hello.", `<img alt="x" src="http://elsewhere.example/"><script>1</script>`, 1))
	b := newBrowser(t)
	b.Do(chromedp.Navigate(site), chromedp.Reload())
	documents := 0
	for _, r := range b.Requests() {
		if r.Type == network.ResourceTypeDocument {
			documents++
		}
	}
	if documents != 2 {
		t.Errorf("got %d navigations, want 2: %v", documents, b.Requests())
	}
	if all := strings.Join(b.Complaints(), "\n"); !strings.Contains(all, "img-src") || !strings.Contains(all, "script-src") {
		t.Errorf("got complaints %q, want one of the picture and one of the script", all)
	}
	b.Screenshot("harness")
	if _, err := os.Stat(filepath.Join(artifacts, "harness.png")); err != nil {
		t.Error(err)
	}
}

func TestBrowserSettingsAreSwitchedOff(t *testing.T) {
	for name, test := range map[string]struct {
		off  []setting
		want string
	}{
		"by default a page has both": {nil, "cookie, script"},
		"cookies off":                {[]setting{noCookies}, "script"},
		"scripts off":                {[]setting{noScripts}, "cookie"},
	} {
		t.Run(name, func(t *testing.T) {
			site := newCountingSite(t)
			b := newBrowser(t, test.off...)
			b.Do(chromedp.Navigate(site), chromedp.Navigate(site+"/again"))
			got := get(b, chromedp.Text("#p"))
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTabsShareCookiesAndBrowsersDoNot(t *testing.T) {
	site := newCountingSite(t)
	first := newBrowser(t)
	first.Do(chromedp.Navigate(site))
	for name, test := range map[string]struct {
		tab  *tab
		want string
	}{
		"another tab":     {first.NewTab(), "cookie, script"},
		"another browser": {newBrowser(t), "script"},
	} {
		test.tab.Do(chromedp.Navigate(site))
		got := get(test.tab, chromedp.Text("#p"))
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// newSite serves one page under a strict content security policy and returns
// its URL.
func newSite(t *testing.T, html string) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; script-src 'self'; frame-ancestors 'none'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, html)
	}))
	t.Cleanup(site.Close)
	return site.URL
}

// newCountingSite serves a page that sets a cookie and says whether the browser
// sent it back and whether scripts run.
func newCountingSite(t *testing.T) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := ""
		if _, err := r.Cookie("seen"); err == nil {
			said = "cookie"
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes", Path: "/"})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><p id="p">`+said+`</p><script>
			p.textContent = p.textContent ? p.textContent + ", script" : "script";
		</script>`)
	}))
	t.Cleanup(site.Close)
	return site.URL
}
