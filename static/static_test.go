package static_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/anteroom-dev/anteroom/static"
)

// names are the plain names of all files.
var names = []string{"page.css", "wait.js", "post.js", "mark.svg"}

func TestURL(t *testing.T) {
	for _, base := range []string{"", "/tickets", "/a/b"} {
		files := open(t, base)
		for _, name := range names {
			plain, ext, _ := strings.Cut(name, ".")
			want := regexp.MustCompile("^" + base + "/static/" + plain + `\.[0-9a-f]{12}\.` + ext + "$")
			if got := files.URL(name); !want.MatchString(got) {
				t.Errorf("URL(%q) with base %q = %q, want a match of %s", name, base, got, want)
			}
		}
		if got := files.URL("other.js"); got != "" {
			t.Errorf("URL of an unknown name = %q, want none", got)
		}
	}
}

func TestNewRejectsBasePath(t *testing.T) {
	for _, base := range []string{"/", "tickets", "/tickets/", "https://example.com"} {
		if _, err := static.New(base); !errors.Is(err, static.ErrBasePath) {
			t.Errorf("New(%q) = %v, want ErrBasePath", base, err)
		}
	}
}

func TestHandler(t *testing.T) {
	files := open(t, "/tickets")
	script := files.URL("wait.js")
	tests := []struct {
		name     string
		method   string
		path     string
		header   http.Header
		status   int
		encoding string
		empty    bool
	}{
		{name: "a plain client gets the file as it is", path: script, status: 200},
		{
			name: "a browser gets it compressed", path: script, status: 200, encoding: "gzip",
			header: http.Header{"Accept-Encoding": {"gzip, deflate, br;q=0.9"}},
		},
		{
			name: "any encoding includes gzip", path: script, status: 200, encoding: "gzip",
			header: http.Header{"Accept-Encoding": {"*"}},
		},
		{
			name: "a weight of zero refuses gzip", path: script, status: 200,
			header: http.Header{"Accept-Encoding": {"*, gzip;q=0.0"}},
		},
		{
			name: "another encoding alone is not gzip", path: script, status: 200,
			header: http.Header{"Accept-Encoding": {"br"}},
		},
		{name: "HEAD has the headers alone", method: "HEAD", path: script, status: 200, empty: true},
		{name: "POST is not allowed", method: "POST", path: script, status: 405},
		{name: "a plain name is not served", path: "/tickets/static/wait.js", status: 404},
		{name: "a path without the base is not served", path: strings.TrimPrefix(script, "/tickets"), status: 404},
		{name: "the source of the package is not served", path: "/tickets/static/static.go", status: 404},
		{name: "the directory is not listed", path: "/tickets/static/", status: 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := request(files, test.method, test.path, test.header)
			if w.Code != test.status {
				t.Fatalf("status = %d, want %d", w.Code, test.status)
			}
			if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			if test.status != http.StatusOK {
				if got := w.Header().Get("Cache-Control"); strings.Contains(got, "immutable") {
					t.Errorf("an error may be cached: %q", got)
				}
				return
			}
			if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
				t.Errorf("Cache-Control = %q", got)
			}
			if got := w.Header().Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary = %q", got)
			}
			if got := w.Header().Get("Content-Encoding"); got != test.encoding {
				t.Errorf("Content-Encoding = %q, want %q", got, test.encoding)
			}
			if got := w.Body.Len() == 0; got != test.empty {
				t.Errorf("body empty = %t, want %t", got, test.empty)
			}
			if test.empty {
				return
			}
			want, err := os.ReadFile("wait.js")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(decode(t, w), want) {
				t.Error("the body is not the file")
			}
		})
	}
}

func TestRevalidation(t *testing.T) {
	files := open(t, "")
	path := files.URL("page.css")
	etag := request(files, "GET", path, nil).Header().Get("ETag")
	zipped := request(files, "GET", path, http.Header{"Accept-Encoding": {"gzip"}}).Header().Get("ETag")
	if etag == zipped || etag == "" || zipped == "" {
		t.Fatalf("tags = %s and %s, want two different ones", etag, zipped)
	}
	tests := []struct {
		name  string
		match string
		want  int
	}{
		{"the same tag", etag, 304},
		{"a weak form of it", "W/" + etag, 304},
		{"a list with it", `"x", ` + etag, 304},
		{"any", "*", 304},
		{"another tag", `"x"`, 200},
		{"the tag of the compressed form", zipped, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := request(files, "GET", path, http.Header{"If-None-Match": {test.match}})
			if w.Code != test.want {
				t.Errorf("status = %d, want %d", w.Code, test.want)
			}
			if w.Code == http.StatusNotModified && w.Body.Len() > 0 {
				t.Error("a 304 carries a body")
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	files := open(t, "")
	for name, want := range map[string]string{
		"page.css": "text/css; charset=utf-8",
		"wait.js":  "text/javascript; charset=utf-8",
		"post.js":  "text/javascript; charset=utf-8",
		"mark.svg": "image/svg+xml",
	} {
		if got := request(files, "GET", files.URL(name), nil).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type = %q, want %q", name, got, want)
		}
	}
}

// TestScriptsAreOldAndSafe keeps the scripts to what the oldest browsers know,
// and away from everything that turns text into markup or code.
func TestScriptsAreOldAndSafe(t *testing.T) {
	newer := regexp.MustCompile("\\b(let|const|class|async|await|import|export|yield|Promise|fetch|EventSource|WebSocket)\\b|=>|\\.\\.\\.|\\?\\.|\\?\\?|\\*\\*|`|\\bfor \\(.* of ")
	unsafe := regexp.MustCompile(`\b(innerHTML|outerHTML|insertAdjacentHTML|eval|Function|setAttribute\('on|document\.write)\b`)
	comment := regexp.MustCompile(`(^|[^:'])//.*`)
	for _, name := range []string{"wait.js", "post.js"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(source), "\n") {
			line = comment.ReplaceAllString(line, "")
			for _, pattern := range []*regexp.Regexp{newer, unsafe} {
				if found := pattern.FindString(line); found != "" {
					t.Errorf("%s:%d: %q does not belong here", name, i+1, found)
				}
			}
		}
	}
}

// TestNothingForeign stops a request to a third party from creeping in.
func TestNothingForeign(t *testing.T) {
	address := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]|url\(|@import`)
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// The name of the SVG namespace is never fetched.
		text := strings.ReplaceAll(string(source), `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := address.FindString(text); found != "" {
			t.Errorf("%s refers to %q", name, found)
		}
	}
}

func FuzzRequestHeaders(f *testing.F) {
	f.Add("gzip;q=0.5, *;q=0", `W/"a", "b"`)
	f.Add(";;;,q==,", `"`)
	files := open(f, "")
	path := files.URL("post.js")
	f.Fuzz(func(t *testing.T, accept, match string) {
		w := request(files, "GET", path, http.Header{"Accept-Encoding": {accept}, "If-None-Match": {match}})
		if w.Code != http.StatusOK && w.Code != http.StatusNotModified {
			t.Errorf("status = %d", w.Code)
		}
	})
}

func open(t testing.TB, base string) *static.Files {
	t.Helper()
	files, err := static.New(base)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// request sends one request; an empty method is GET.
func request(files *static.Files, method, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if header != nil {
		r.Header = header
	}
	w := httptest.NewRecorder()
	files.Handler().ServeHTTP(w, r)
	return w
}

// decode returns the body of a response without its encoding.
func decode(t *testing.T, w *httptest.ResponseRecorder) []byte {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.Bytes()
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
