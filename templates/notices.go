package templates

import (
	"net/http"
	"time"
)

// Rejoin is a place that is over, with a button to join the line again.
type Rejoin struct {
	Room string        // the name of the room as visitors know it
	Kept time.Duration // for how long turns are kept; 0 to say nothing of it
	Form Form          // joins the line again
}

// Closed is a line outside its opening time.
type Closed struct {
	// Room is the name of the room as visitors know it.
	Room string
	// Opens is when the line opens; the zero time means that it has closed.
	Opens time.Time
	// PageURL is the path and query that the browser loads after RefreshAfter.
	// "" means that the page stays.
	PageURL      string
	RefreshAfter time.Duration
}

// NoCookies tells a visitor that the browser does not keep our cookies.
type NoCookies struct {
	Room     string // the name of the room as visitors know it
	RetryURL string // where to try again
}

// OtherBrowser tells a visitor that a link belongs to another browser.
type OtherBrowser struct {
	Room    string // the name of the room as visitors know it, or ""
	SiteURL string // where to start afresh; "" if it is not known
}

// Question asks a visitor who was admitted already for one click.
type Question struct {
	Room string // the name of the room as visitors know it
	Form Form   // says yes
}

// StartAfresh tells a visitor whose turn has come that the login has to begin
// again at the site.
type StartAfresh struct {
	Room    string // the name of the room as visitors know it
	SiteURL string // where it begins
}

// Onward is the page between a submitted form and where it leads.
type Onward struct {
	Room string // the name of the room as visitors know it, or ""
	URL  string // path and query on this server to go to
}

// Later is a page that comes again by itself.
type Later struct {
	// Room is the name of the room as visitors know it, or "".
	Room string
	// RetryAfter goes out as Retry-After and Refresh, rounded up to seconds.
	RetryAfter time.Duration
	// PageURL is the path and query that the browser then loads. "" means that
	// it loads nothing.
	PageURL string
}

// Problem is an error that is shown to the visitor and not sent to the client.
// Its texts are written by the server; they never contain more of a request
// than a short name, and are escaped.
type Problem struct {
	Status      int    // 4xx or 5xx
	Title       string // what went wrong, in a few words
	Explanation string // what it means and what to do
	Reference   string // under which the operator finds it in the log, or ""
	SiteURL     string // where to start afresh; "" if it is not known
}

// FormPost is an authorization response in the form_post mode.
type FormPost struct {
	Action string  // the redirect URI of the client
	Fields []Field // the parameters of the response
}

// Logout asks whether the visitor wants to leave the site.
type Logout struct {
	Room string // the name of the room as visitors know it, or ""
	Form Form   // leaves
}

// LoggedOut confirms that the visit is over.
type LoggedOut struct {
	Room    string // the name of the room as visitors know it, or ""
	SiteURL string // where to go back to; "" if it is not known
}

// noticeView is what notice.html reads.
type noticeView struct {
	frame
	Heading        string
	Paragraphs     []string
	OpensLabel     string // introduces the time at which the line opens, or ""
	OpensMachine   string // RFC 3339
	OpensText      string
	Form           *Form
	URL            string // of the link, if there is no form
	Action         string // words on the button or the link
	ReferenceLabel string
	Reference      string
}

// view builds what all notices have in common.
func (p *Pages) view(n notice, room, script string) noticeView {
	return noticeView{
		frame:      p.frame(n.Title, room, script),
		Heading:    n.Title,
		Paragraphs: n.Paragraphs,
		Action:     n.Action,
	}
}

// ask writes a notice whose action is a form.
func (p *Pages) ask(w http.ResponseWriter, status int, n notice, room string, form Form) {
	v := p.view(n, room, "")
	v.Form = &form
	p.write(w, response{status: status}, p.notice, v)
}

// link writes a notice whose action is a link, or which has none if url is "".
func (p *Pages) link(w http.ResponseWriter, status int, n notice, room, url string) {
	v := p.view(n, room, "")
	v.URL = url
	p.write(w, response{status: status}, p.notice, v)
}

// Expired writes the page for a turn that was not taken up in time, with status 200.
func (p *Pages) Expired(w http.ResponseWriter, d Rejoin) {
	p.ask(w, http.StatusOK, p.words.expired(d.Kept), d.Room, d.Form)
}

// Spent writes the page for a place whose visit has ended, with status 200.
func (p *Pages) Spent(w http.ResponseWriter, d Rejoin) {
	p.ask(w, http.StatusOK, p.words.Spent, d.Room, d.Form)
}

// Ended writes the page for a place in a line that was reset, with status 200.
func (p *Pages) Ended(w http.ResponseWriter, d Rejoin) {
	p.ask(w, http.StatusOK, p.words.Ended, d.Room, d.Form)
}

// Broken writes the page for a place cookie that does not verify, with status 400.
func (p *Pages) Broken(w http.ResponseWriter, d Rejoin) {
	p.ask(w, http.StatusBadRequest, p.words.Broken, d.Room, d.Form)
}

// Closed writes the page for a line that has not opened or has closed, with
// status 200.
func (p *Pages) Closed(w http.ResponseWriter, d Closed) {
	if d.Opens.IsZero() {
		v := p.view(p.words.Closed, d.Room, "")
		p.write(w, response{status: http.StatusOK, refresh: max(d.RefreshAfter, time.Second), target: d.PageURL}, p.notice, v)
		return
	}
	// The script does nothing here but show the time in the visitor's zone.
	v := p.view(p.words.NotYetOpen, d.Room, "wait.js")
	v.OpensLabel = p.words.Opens
	v.OpensMachine = d.Opens.UTC().Format(time.RFC3339)
	v.OpensText = p.words.dateTime(d.Opens)
	p.write(w, response{status: http.StatusOK, refresh: max(d.RefreshAfter, time.Second), target: d.PageURL}, p.notice, v)
}

// NoCookies writes the page for a browser that keeps no cookies, with status 400.
func (p *Pages) NoCookies(w http.ResponseWriter, d NoCookies) {
	p.link(w, http.StatusBadRequest, p.words.NoCookies, d.Room, d.RetryURL)
}

// OtherBrowser writes the page for a link that was made for another browser,
// with status 400.
func (p *Pages) OtherBrowser(w http.ResponseWriter, d OtherBrowser) {
	p.link(w, http.StatusBadRequest, p.words.OtherBrowser, d.Room, d.SiteURL)
}

// Confirm writes the page on which an admitted visitor confirms a repeated
// login, with status 200.
func (p *Pages) Confirm(w http.ResponseWriter, d Question) {
	p.ask(w, http.StatusOK, p.words.Confirm, d.Room, d.Form)
}

// Requeue writes the page on which an admitted visitor gives the visit up and
// joins the line again, with status 200.
func (p *Pages) Requeue(w http.ResponseWriter, d Question) {
	p.ask(w, http.StatusOK, p.words.Requeue, d.Room, d.Form)
}

// ContinueHere writes the page on which a visitor moves a session from another
// browser to this one, with status 200.
func (p *Pages) ContinueHere(w http.ResponseWriter, d Question) {
	p.ask(w, http.StatusOK, p.words.ContinueHere, d.Room, d.Form)
}

// StartAfresh writes the page for a visitor who was let in too late for the
// site's side of the login, with status 200.
func (p *Pages) StartAfresh(w http.ResponseWriter, d StartAfresh) {
	p.link(w, http.StatusOK, p.words.StartAfresh, d.Room, d.SiteURL)
}

// Onward writes a page that leads on to d.URL at once, with status 200. It is
// the answer to a POST that would otherwise redirect.
func (p *Pages) Onward(w http.ResponseWriter, d Onward) {
	v := p.view(p.words.Onward, d.Room, "")
	v.URL = d.URL
	p.write(w, response{status: http.StatusOK, target: d.URL}, p.notice, v)
}

// OneMoment writes the page for a store that does not answer, with status 503.
func (p *Pages) OneMoment(w http.ResponseWriter, d Later) {
	p.later(w, http.StatusServiceUnavailable, p.words.OneMoment, d)
}

// TooMany writes the page for too many joins from one address, with status 429.
func (p *Pages) TooMany(w http.ResponseWriter, d Later) {
	p.later(w, http.StatusTooManyRequests, p.words.TooMany, d)
}

// later writes a notice that comes again by itself after at least a second.
func (p *Pages) later(w http.ResponseWriter, status int, n notice, d Later) {
	after := max(d.RetryAfter, time.Second)
	v := p.view(n, d.Room, "")
	v.URL = d.PageURL
	p.write(w, response{status: status, refresh: after, target: d.PageURL, retry: after}, p.notice, v)
}

// Problem writes an error page with d.Status, or 500 if that is no error.
func (p *Pages) Problem(w http.ResponseWriter, d Problem) {
	if d.Status < 400 || d.Status > 599 {
		d.Status = http.StatusInternalServerError
	}
	n := notice{Title: d.Title, Action: p.words.StartAgain}
	if d.Explanation != "" {
		n.Paragraphs = []string{d.Explanation}
	}
	v := p.view(n, "", "")
	v.URL = d.SiteURL
	v.ReferenceLabel, v.Reference = p.words.Reference, d.Reference
	p.write(w, response{status: d.Status}, p.notice, v)
}

// FormPost writes the page that sends an authorization response to the client
// by a form, with status 200. The form is sent by script; without scripts the
// visitor presses its button.
//
// OAuth 2.0 Form Post Response Mode §2: the parameters are the form's fields
// and the answer must not be cached.
func (p *Pages) FormPost(w http.ResponseWriter, d FormPost) {
	v := p.view(p.words.FormPost, "", "post.js")
	v.Form = &Form{Action: d.Action, Fields: d.Fields}
	// The form leads to the client, and Chromium applies form-action to the
	// redirects of the client's answer too, wherever they may lead. So this
	// page alone has no form-action. Its one form is ours, and it has no
	// place where a foreign one could come in.
	p.write(w, response{status: http.StatusOK, csp: policy}, p.notice, v)
}

// Logout writes the page that asks whether to leave the site, with status 200.
func (p *Pages) Logout(w http.ResponseWriter, d Logout) {
	p.ask(w, http.StatusOK, p.words.Logout, d.Room, d.Form)
}

// LoggedOut writes the page that confirms the end of a visit, with status 200.
func (p *Pages) LoggedOut(w http.ResponseWriter, d LoggedOut) {
	p.link(w, http.StatusOK, p.words.LoggedOut, d.Room, d.SiteURL)
}
