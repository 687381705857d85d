package templates

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/static"
)

//go:embed layout.html waiting.html notice.html
var sources embed.FS

// ErrNoStatic says that [Options.Static] is missing.
var ErrNoStatic = errors.New("static files are required")

// Options is what [New] needs.
type Options struct {
	// Static holds the style sheet and the scripts that the pages refer to. It
	// carries the base path of the issuer. Required.
	Static *static.Files
	// Logger is told about a page that could not be rendered, which is a fault
	// of this package. Nil means that nothing is logged.
	Logger *slog.Logger
}

// Pages writes the pages. It does not change after [New] and is safe for
// concurrent use.
type Pages struct {
	waiting *template.Template
	notice  *template.Template
	words   catalog
	// waitingJSON is words.Waiting as the script of the waiting page reads it.
	waitingJSON string
	logger      *slog.Logger
}

// Form is a form that is sent by POST when its button is pressed.
type Form struct {
	// Action is the URL that the form is sent to.
	Action string
	// Fields are sent along without being shown, in this order.
	Fields []Field
}

// Field is a hidden field of a [Form].
type Field struct {
	Name  string // the name under which the value is sent
	Value string // the value, sent as it is
}

// New compiles the pages.
func New(o Options) (*Pages, error) {
	if o.Static == nil {
		return nil, ErrNoStatic
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	words := english()
	waitingJSON, err := json.Marshal(words.Waiting)
	if err != nil {
		return nil, fmt.Errorf("encode words: %w", err)
	}
	p := &Pages{words: words, waitingJSON: string(waitingJSON), logger: o.Logger}
	if p.waiting, err = parse("waiting.html", o.Static); err != nil {
		return nil, err
	}
	if p.notice, err = parse("notice.html", o.Static); err != nil {
		return nil, err
	}
	return p, nil
}

// parse compiles one page together with the layout around it.
func parse(file string, assets *static.Files) (*template.Template, error) {
	asset := func(name string) (string, error) {
		url := assets.URL(name)
		if url == "" {
			return "", fmt.Errorf("no static file %q", name)
		}
		return url, nil
	}
	t, err := template.New("layout.html").
		Funcs(template.FuncMap{"asset": asset}).
		ParseFS(sources, "layout.html", file)
	if err != nil {
		return nil, fmt.Errorf("parse page %s: %w", file, err)
	}
	return t, nil
}

// frame is what the layout shows around a page.
type frame struct {
	Lang, Dir string // language and direction of the catalog
	Title     string // of the document
	Room      string // name of the room; "" shows the mark alone
	Script    string // plain name of the page's script, or ""
}

// frame fills in a frame with the title "title – room".
func (p *Pages) frame(title, room, script string) frame {
	if room != "" {
		title = fill(p.words.TitleOfRoom, "title", title, "room", room)
	}
	return frame{Lang: p.words.Lang, Dir: p.words.Dir, Title: title, Room: room, Script: script}
}

// policy is the content security policy of every page but FormPost: nothing
// but our own files, no inline script or style, no frame around the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// formsToSelf completes policy where forms lead back to this server only.
const formsToSelf = "; form-action 'self'"

// response is how a page goes out.
type response struct {
	status  int
	csp     string        // content security policy; "" means policy + formsToSelf
	refresh time.Duration // after which the browser loads target; 0 is at once
	target  string        // URL path for Refresh; "" means the page has no Refresh
	retry   time.Duration // Retry-After; 0 means none
}

// write renders the page into memory first, so that a fault yields a clean 500
// instead of half a page, then sends it with all its headers.
func (p *Pages) write(w http.ResponseWriter, r response, t *template.Template, view any) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	var buf bytes.Buffer
	if err := t.Execute(&buf, view); err != nil {
		p.logger.Error("render page", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}

	if r.csp == "" {
		r.csp = policy + formsToSelf
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	h.Set("Content-Security-Policy", r.csp)
	// The page's address carries a sealed request, which is nobody else's business.
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	// No Cross-Origin-Opener-Policy: a site may log its visitors in by a popup,
	// and would lose hold of it.
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if isPath(r.target) {
		h.Set("Refresh", strconv.FormatInt(seconds(r.refresh), 10)+"; url="+r.target)
	}
	if r.retry > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(r.retry), 10))
	}
	w.WriteHeader(r.status)
	// An error here means that the visitor has gone; nobody is left to tell.
	_, _ = w.Write(buf.Bytes())
}

// isPath reports whether url is a path on this server that can stand in a
// Refresh header as it is. A browser reads "//host" and "/\host" as another
// host, and anything beyond visible ASCII is not part of a URL.
func isPath(url string) bool {
	if !strings.HasPrefix(url, "/") || strings.HasPrefix(url, "//") {
		return false
	}
	for i := range len(url) {
		if c := url[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// seconds rounds d up to whole seconds, so that nobody comes too early.
func seconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d + time.Second - 1) / time.Second)
}
