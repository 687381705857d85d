// Package static holds the style sheet, the scripts and the mark of Anteroom's
// pages, and serves them.
//
// Every file is served under a name that carries a hash of its content, such as
// /static/wait.0123456789ab.js. What a name stands for therefore never changes,
// browsers may keep it for a year without asking again, and a new release of
// the server cannot meet an old script in somebody's cache. [Files.URL] turns a
// plain name into the hashed one; only hashed names are served.
//
// The files are embedded in the binary and compressed once, when [New] is
// called. There are four:
//
//	page.css   the look of every page: light, dark, forced colours, any direction
//	wait.js    moves the waiting page on without reloading it
//	post.js    submits the form of the form_post response mode
//	mark.svg   the doorway, used as the favicon and in the header of the pages
//
// The scripts are plain ES5 and every page works without them.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page.css wait.js post.js mark.svg
var embedded embed.FS

// hashLen is the number of hexadecimal digits of the content's SHA-256 that go
// into a file's name: 48 bits, ample for telling releases apart.
const hashLen = 12

// ErrBasePath says that the base path given to [New] is neither empty nor an
// absolute path without a slash at its end.
var ErrBasePath = errors.New("base path must be empty or start, and not end, with a slash")

// Files is the set of embedded files under one base path. It does not change
// after [New] and is safe for concurrent use.
type Files struct {
	urls   map[string]string // plain name to URL path
	served map[string]*file  // URL path to file
}

// file is one file as it goes out.
type file struct {
	contentType string
	etag        string // without the quotes
	plain       []byte
	gzipped     []byte
}

// New prepares the files for a server whose issuer URL has the path base,
// which is "" for an issuer without one and otherwise of the form "/tickets".
// Any other form is an [ErrBasePath].
func New(base string) (*Files, error) {
	if base != "" && (!strings.HasPrefix(base, "/") || strings.HasSuffix(base, "/")) {
		return nil, fmt.Errorf("base path %q: %w", base, ErrBasePath)
	}
	entries, err := embedded.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list embedded files: %w", err)
	}
	f := &Files{urls: make(map[string]string), served: make(map[string]*file)}
	for _, entry := range entries {
		one, err := load(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("embedded file %s: %w", entry.Name(), err)
		}
		ext := path.Ext(entry.Name())
		url := base + "/static/" + strings.TrimSuffix(entry.Name(), ext) + "." + one.etag + ext
		f.urls[entry.Name()] = url
		f.served[url] = one
	}
	return f, nil
}

// load reads, hashes and compresses one embedded file.
func load(name string) (*file, error) {
	plain, err := embedded.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zw.Write(plain); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(plain)
	return &file{
		contentType: contentType(name),
		etag:        hex.EncodeToString(sum[:])[:hashLen],
		plain:       plain,
		gzipped:     buf.Bytes(),
	}, nil
}

// contentType names the media type of a file. The list is fixed, because the
// mime package would ask the machine it runs on.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "application/octet-stream"
	}
}

// URL returns the URL path under which the file with that plain name is served,
// base path included, or "" if there is no such file.
func (f *Files) URL(name string) string {
	return f.urls[name]
}

// Handler serves the files. It expects the whole path of the request, so it is
// registered at the base path followed by "/static/", without stripping
// anything. It answers GET and HEAD; another method is 405, and any path but
// those that [Files.URL] returns is 404.
func (f *Files) Handler() http.Handler {
	return http.HandlerFunc(f.serve)
}

func (f *Files) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	one, ok := f.served[r.URL.Path]
	if !ok {
		// A name of the next release must not be remembered as missing while
		// servers are being replaced one by one.
		h.Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}

	body, etag := one.plain, `"`+one.etag+`"`
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		// RFC 9110 §8.8.3.3: a strong validator differs between the encodings.
		body, etag = one.gzipped, `"`+one.etag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", etag)
	h.Set("Vary", "Accept-Encoding")
	if matches(r.Header.Values("If-None-Match"), etag) {
		// RFC 9110 §15.4.5: a 304 carries no content and needs none of its metadata.
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", one.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	// An error here means that the client has gone; nobody is left to tell.
	_, _ = w.Write(body)
}

// acceptsGzip reports whether an Accept-Encoding field allows gzip.
//
// RFC 9110 §12.5.3: a coding with a weight of zero is not acceptable, and "*"
// stands for any coding that is not listed.
func acceptsGzip(fields []string) bool {
	star := false
	for item := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		allowed := !zeroWeight(params)
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return allowed
		case "*":
			star = allowed
		}
	}
	return star
}

// zeroWeight reports whether the parameters of a coding say q=0.
func zeroWeight(params string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(params), "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}

// matches reports whether an If-None-Match field names etag.
//
// RFC 9110 §13.1.2: the comparison is weak, so W/"x" matches "x".
func matches(fields []string, etag string) bool {
	for item := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == etag || item == "*" {
			return true
		}
	}
	return false
}
