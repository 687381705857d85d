package oidc

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	// maxBody bounds the body of every POST, in bytes.
	maxBody = 64 << 10
	// maxQuery bounds the query of a request that a browser brings, in bytes.
	maxQuery = 16 << 10
)

// methods is a handler that knows which methods it takes.
type methods map[string]http.HandlerFunc

// ServeHTTP calls the handler of the request's method or answers 405.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handle, ok := m[r.Method]; ok {
		handle(w, r)
		return
	}
	// RFC 9110 §15.5.6: a 405 says which methods there are.
	w.Header().Set("Allow", m.allow())
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
}

// allow lists the methods, sorted.
func (m methods) allow() string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// openToScripts lets scripts of any origin call an endpoint that takes no
// cookies, by the Fetch standard's CORS protocol. Credentials are never
// allowed, so a foreign page can't use a visitor's session through it.
func (p *Provider) openToScripts(m methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			header.Set("Allow", m.allow())
			header.Set("Access-Control-Allow-Methods", m.allow())
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			header.Set("Access-Control-Max-Age", "7200")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		m.ServeHTTP(w, r)
	})
}

// takeNothing answers HEAD, which link checkers and previews send: no cookie is
// set and nothing happens.
func takeNothing(w http.ResponseWriter, _ *http.Request) {
	noStore(w)
	w.WriteHeader(http.StatusOK)
}

// noStore keeps an answer out of every cache.
//
// RFC 6749 §5.1: token answers carry both headers.
func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}

// seeOther sends the browser to uri by GET, exactly as uri is written.
//
// RFC 9700 §4.12: 303 never repeats the body of a POST at the new place.
func seeOther(w http.ResponseWriter, uri string) {
	noStore(w)
	w.Header().Set("Location", uri)
	// The URL that led here must not reach the next place.
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// isPrefetch reports whether a browser only wants to be quick: nobody has
// followed the link yet.
func isPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		purpose := strings.ToLower(r.Header.Get(name))
		if strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "prerender") {
			return true
		}
	}
	return false
}

// refusePrefetch answers a prefetch so that the browser asks again when
// somebody follows the link, and reports whether it has.
func refusePrefetch(w http.ResponseWriter, r *http.Request) bool {
	if !isPrefetch(r) {
		return false
	}
	noStore(w)
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

// isNavigation reports whether a person may be looking at the answer. Images,
// frames and scripts can't stand in line. Browsers that say nothing are
// believed.
func isNavigation(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return dest == "" || dest == "document"
}

// Reasons why a form is not read.
var (
	errTooLarge = errors.New("more than 64 KiB")
	errNoForm   = errors.New("not a form")
)

// readForm reads the parameters of a POST from its body alone. An empty body
// has none.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, errNoForm
	}
	if len(body) == 0 {
		return url.Values{}, nil
	}
	// RFC 6749 Appendix B: parameters come as application/x-www-form-urlencoded.
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, errNoForm
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNoForm
	}
	return form, nil
}

// readQuery returns the parameters that a browser brings in its query. If there is
// too much of it or it can't be read, it says so and returns false: nothing in it
// can be relied on then, the address of an answer included.
func (p *Provider) readQuery(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if len(r.URL.RawQuery) > maxQuery {
		p.problem(w, r, http.StatusRequestURITooLong, Problem{InvalidRequest, "The site sent a request that is too long."})
		return nil, false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.problem(w, r, http.StatusBadRequest, Problem{InvalidRequest, "The site sent a request that cannot be read."})
		return nil, false
	}
	return q, true
}

// repeated returns a parameter that was sent twice, or "".
//
// RFC 6749 §3.1 and §3.2: parameters must not be included more than once.
// RFC 8707 §2 lets a request name several resources, and we ignore them.
func repeated(form url.Values) string {
	for name, values := range form {
		if len(values) > 1 && name != "resource" {
			return name
		}
	}
	return ""
}

// writeJSON writes a JSON answer.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		// The values are our own structs of strings and numbers.
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}
