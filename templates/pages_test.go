package templates_test

import (
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/static"
	"github.com/anteroom-dev/anteroom/templates"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is the time on every page of these tests.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// rejoin is a form as the pages carry it.
var rejoin = templates.Rejoin{Room: "Spring sale", Form: form}

var form = templates.Form{
	Action: "/wait?r=abc&t=1",
	Fields: []templates.Field{{Name: "do", Value: "join"}, {Name: "note", Value: `a "b" <c> & d+e`}},
}

// line is a place in the middle of a line.
var line = templates.Waiting{
	Room: "Spring sale", State: templates.StateWaiting,
	Position: 13_042, Serving: 12_620, Ahead: 421,
	Wait:    &templates.Estimate{Low: 4 * time.Minute, High: 7 * time.Minute},
	Updated: noon, PageURL: "/wait?r=abc&t=1", StatusURL: "/wait/status?r=abc&t=1",
	PollAfter: 24 * time.Second, RefreshAfter: 29500 * time.Millisecond,
}

// pages lists every page once, and the forms that some of them take.
var pages = []struct {
	name    string
	status  int
	refresh string
	retry   string
	write   func(*templates.Pages, http.ResponseWriter)
}{
	{"waiting", 200, "30; url=/wait?r=abc&t=1", "", func(p *templates.Pages, w http.ResponseWriter) { p.Waiting(w, line) }},
	{"waiting-next", 200, "30; url=/wait?r=abc&t=1", "", func(p *templates.Pages, w http.ResponseWriter) {
		d := line
		d.Ahead, d.Serving, d.Wait, d.Message = 0, 13_041, nil, "Size M is <sold> out."
		p.Waiting(w, d)
	}},
	{"waiting-paused", 200, "30; url=/wait?r=abc&t=1", "", func(p *templates.Pages, w http.ResponseWriter) {
		d := line
		d.State, d.Wait = templates.StatePaused, nil
		p.Waiting(w, d)
	}},
	{"waiting-served", 200, "3; url=/wait?r=abc&t=1", "", func(p *templates.Pages, w http.ResponseWriter) {
		d := line
		d.State, d.Ahead, d.EnterAfter, d.RefreshAfter = templates.StateServed, 0, 2500*time.Millisecond, 2500*time.Millisecond
		p.Waiting(w, d)
	}},
	{"expired", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) { p.Expired(w, rejoin) }},
	{"expired-kept", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		d := rejoin
		d.Kept = 15 * time.Minute
		p.Expired(w, d)
	}},
	{"spent", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) { p.Spent(w, rejoin) }},
	{"ended", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) { p.Ended(w, rejoin) }},
	{"broken", 400, "", "", func(p *templates.Pages, w http.ResponseWriter) { p.Broken(w, rejoin) }},
	{"not-yet-open", 200, "60; url=/wait?r=abc", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Closed(w, templates.Closed{Room: "Spring sale", Opens: noon, PageURL: "/wait?r=abc", RefreshAfter: time.Minute})
	}},
	{"closed", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Closed(w, templates.Closed{Room: "Spring sale"})
	}},
	{"no-cookies", 400, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.NoCookies(w, templates.NoCookies{Room: "Spring sale", RetryURL: "/wait?r=abc"})
	}},
	{"other-browser", 400, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.OtherBrowser(w, templates.OtherBrowser{Room: "Spring sale", SiteURL: "https://shop.example.com/"})
	}},
	{"confirm", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Confirm(w, templates.Question{Room: "Spring sale", Form: form})
	}},
	{"requeue", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Requeue(w, templates.Question{Room: "Spring sale", Form: form})
	}},
	{"continue-here", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.ContinueHere(w, templates.Question{Room: "Spring sale", Form: form})
	}},
	{"start-afresh", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.StartAfresh(w, templates.StartAfresh{Room: "Spring sale", SiteURL: "https://shop.example.com/"})
	}},
	{"onward", 200, "0; url=/wait?r=abc", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Onward(w, templates.Onward{Room: "Spring sale", URL: "/wait?r=abc"})
	}},
	{"one-moment", 503, "6; url=/wait?r=abc", "6", func(p *templates.Pages, w http.ResponseWriter) {
		p.OneMoment(w, templates.Later{Room: "Spring sale", RetryAfter: 5100 * time.Millisecond, PageURL: "/wait?r=abc"})
	}},
	{"too-many", 429, "1; url=/wait?r=abc", "1", func(p *templates.Pages, w http.ResponseWriter) {
		p.TooMany(w, templates.Later{Room: "Spring sale", PageURL: "/wait?r=abc"})
	}},
	{"problem", 400, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Problem(w, templates.Problem{
			Status: 400, Title: "This link does not work", Explanation: `The site is not known here ("<b>").`,
			Reference: "7F3K-91QA", SiteURL: "https://shop.example.com/",
		})
	}},
	{"form-post", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.FormPost(w, templates.FormPost{
			Action: "https://shop.example.com/callback?a=b&c=d",
			Fields: []templates.Field{{Name: "code", Value: "abc"}, {Name: "state", Value: `x+/="'<>&`}},
		})
	}},
	{"logout", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.Logout(w, templates.Logout{Room: "Spring sale", Form: form})
	}},
	{"logged-out", 200, "", "", func(p *templates.Pages, w http.ResponseWriter) {
		p.LoggedOut(w, templates.LoggedOut{Room: "Spring sale", SiteURL: "https://shop.example.com/"})
	}},
}

// contentHash is the part of an asset's name that changes with its content.
var contentHash = regexp.MustCompile(`\.[0-9a-f]{12}\.`)

func TestGolden(t *testing.T) {
	p := newPages(t)
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			got := contentHash.ReplaceAllString(render(p, page.write).Body.String(), ".HASH.")
			file := filepath.Join("testdata", page.name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("page differs from %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	p := newPages(t)
	const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			w := render(p, page.write)
			if w.Code != page.status {
				t.Errorf("status = %d, want %d", w.Code, page.status)
			}
			want := map[string]string{
				"Cache-Control":           "no-store",
				"Content-Type":            "text/html; charset=utf-8",
				"Content-Security-Policy": csp + "; form-action 'self'",
				"Referrer-Policy":         "no-referrer",
				"X-Robots-Tag":            "noindex",
				"X-Content-Type-Options":  "nosniff",
				"Permissions-Policy":      "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
				"Refresh":                 page.refresh,
				"Retry-After":             page.retry,
			}
			if page.name == "form-post" {
				// Its form leads to the client, which may redirect anywhere.
				want["Content-Security-Policy"] = csp
			}
			got := make(map[string]string)
			for name := range want {
				got[name] = w.Header().Get(name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPagesObeyTheirPolicy finds what the content security policy would stop
// in a browser, which is easily missed there.
func TestPagesObeyTheirPolicy(t *testing.T) {
	p := newPages(t)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:>|\s+(?:[^s>]|s[^r>]))|javascript:`)
	foreign := regexp.MustCompile(`(?i)\b(?:src|href)="(?:https?:)?//[^"]*"`)
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			body := render(p, page.write).Body.String()
			if found := inline.FindString(body); found != "" {
				t.Errorf("inline script or style: %q", found)
			}
			for _, found := range foreign.FindAllString(body, -1) {
				if found != `href="https://shop.example.com/"` {
					t.Errorf("foreign resource: %s", found)
				}
			}
			if strings.Contains(body, "ZgotmplZ") {
				t.Error("a value was refused by html/template")
			}
		})
	}
}

// TestEveryPageIsWellBuilt checks what accessibility asks of every page and
// needs no browser to see.
func TestEveryPageIsWellBuilt(t *testing.T) {
	p := newPages(t)
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			body := render(p, page.write).Body.String()
			for _, once := range []string{`<html lang="en" dir="ltr">`, "<h1", "<main", "<title>"} {
				if got := strings.Count(body, once); got != 1 {
					t.Errorf("%q occurs %d times, want once", once, got)
				}
			}
			if !strings.Contains(body, `content="width=device-width, initial-scale=1"`) {
				t.Error("the viewport is missing or forbids zooming")
			}
		})
	}
}

// TestRefreshStaysHere stops a page from leading a visitor to another host, or
// a value with a line break from becoming a header.
func TestRefreshStaysHere(t *testing.T) {
	p := newPages(t)
	for _, url := range []string{
		"", "https://evil.example/", "//evil.example/", `/\evil.example/`, "javascript:alert(1)",
		"wait", "/wait\r\nSet-Cookie: a=b", "/wait?a b", "/wait?ä",
	} {
		w := httptest.NewRecorder()
		p.Onward(w, templates.Onward{URL: url})
		if got, ok := w.Header()["Refresh"]; ok {
			t.Errorf("Onward to %q: Refresh = %q, want none", url, got)
		}
	}
}

// TestRefreshNeverSpins stops a page whose caller forgot the interval from
// being loaded in a tight loop by every waiting browser.
func TestRefreshNeverSpins(t *testing.T) {
	d := line
	d.RefreshAfter = 0
	w := httptest.NewRecorder()
	newPages(t).Waiting(w, d)
	if got, want := w.Header().Get("Refresh"), "1; url=/wait?r=abc&t=1"; got != want {
		t.Errorf("Refresh = %q, want %q", got, want)
	}
}

func TestProblemStatusIsAnError(t *testing.T) {
	p := newPages(t)
	for status, want := range map[int]int{0: 500, 200: 500, 302: 500, 400: 400, 404: 404, 599: 599, 600: 500} {
		w := httptest.NewRecorder()
		p.Problem(w, templates.Problem{Status: status, Title: "Something is wrong"})
		if w.Code != want {
			t.Errorf("status %d is sent as %d, want %d", status, w.Code, want)
		}
	}
}

func TestNewNeedsStaticFiles(t *testing.T) {
	if _, err := templates.New(templates.Options{}); !errors.Is(err, templates.ErrNoStatic) {
		t.Errorf("New without files = %v, want ErrNoStatic", err)
	}
}

// FuzzEscaping gives every text of the pages away to an attacker, who must not
// be able to open a tag with it or to end an attribute.
func FuzzEscaping(f *testing.F) {
	f.Add(`<script>alert(1)</script>`)
	f.Add(`" onload="alert(1)`)
	f.Add(`'><img src=x onerror=alert(1)>`)
	f.Add("javascript:alert(1)")
	f.Add("{{.}} \x00 \u2028 </title> <!-- ]]>")
	p := newPages(f)
	all := func(s string) []*httptest.ResponseRecorder {
		s = "x" + s // empty texts leave out elements
		hostile := templates.Form{Action: s, Fields: []templates.Field{{Name: s, Value: s}}}
		waiting, problem, post, link := httptest.NewRecorder(), httptest.NewRecorder(), httptest.NewRecorder(), httptest.NewRecorder()
		d := line
		d.Room, d.Message, d.PageURL, d.StatusURL = s, s, s, s
		p.Waiting(waiting, d)
		p.Problem(problem, templates.Problem{Title: s, Explanation: s, Reference: s, SiteURL: s})
		p.FormPost(post, templates.FormPost(hostile))
		p.LoggedOut(link, templates.LoggedOut{Room: s, SiteURL: s})
		return []*httptest.ResponseRecorder{waiting, problem, post, link}
	}
	marks := func(body string) [3]int {
		return [3]int{strings.Count(body, "<"), strings.Count(body, ">"), strings.Count(body, `"`)}
	}
	harmless := all("x")
	f.Fuzz(func(t *testing.T, s string) {
		for i, w := range all(s) {
			if got, want := marks(w.Body.String()), marks(harmless[i].Body.String()); got != want {
				t.Errorf("page %d has %v angle brackets and quotes, want %v:\n%s", i, got, want, w.Body)
			}
		}
	})
}

func newPages(t testing.TB) *templates.Pages {
	t.Helper()
	p, err := templates.New(templates.Options{Static: newFiles(t)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newFiles(t testing.TB) *static.Files {
	t.Helper()
	files, err := static.New("/tickets")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func render(p *templates.Pages, write func(*templates.Pages, http.ResponseWriter)) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	write(p, w)
	return w
}
